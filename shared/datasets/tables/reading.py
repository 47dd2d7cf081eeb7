"""Reads an imported table by row number. The file is mapped into memory: what is not asked for is never read.

For workers (NumPy on top: `arrays()` hands out Arrow arrays that become NumPy ones without a copy) and for previews.

    with open_table(folder) as table:
        table.rows(0, 2)      # [{"age": 39.0, "job": "State-gov", "since": datetime(...)}, ...]; None where a cell is missing
"""

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa

from shared.datasets.report import ColumnKind
from shared.errors import DatasetInvalid
from shared.volume import staging

TABLE = "table.arrow"
_STORED: dict[str, ColumnKind] = {"double": "number", "timestamp[us]": "date", "bool": "boolean", "string": "text"}


class TableReader:
    """A table on the volume. columns: names in order. kinds: by name, as the report tells them. num_rows: how many there are.

    Cells are float, str, datetime (UTC where the file told a zone, without tzinfo) or bool, None where missing. Safe to use from
    several threads.
    """

    def __init__(self, path: Path, kinds: dict[str, ColumnKind] | None = None):
        """Raises DatasetInvalid for a damaged file, FileNotFoundError."""
        self._file = pa.memory_map(str(path))
        try:
            self._reader = pa.ipc.open_file(self._file)
            sizes = [self._reader.get_batch(number).num_rows for number in range(self._reader.num_record_batches)]
        except pa.ArrowException as err:
            self._file.close()
            raise DatasetInvalid(f"{path.name} is damaged: {err}") from err
        self.schema: pa.Schema = self._reader.schema
        self.columns: list[str] = list(self.schema.names)
        stored: dict[str, ColumnKind] = {field.name: _STORED[str(field.type)] for field in self.schema}
        self.kinds = stored | (kinds or {})
        self._starts = [0]
        for size in sizes:
            self._starts.append(self._starts[-1] + size)
        self.num_rows = self._starts[-1]

    def __enter__(self) -> "TableReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back. Arrays handed out stay valid."""
        self._file.close()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, some ten thousand at a time."""
        for number in range(len(self._starts) - 1):
            yield self._reader.get_batch(number)

    def arrays(
        self, start: int = 0, stop: int | None = None, columns: list[str] | None = None
    ) -> dict[str, pa.ChunkedArray]:
        """Columns of the rows [start, stop) as Arrow arrays, without a copy. columns: None for all.

        Raises KeyError for a column that is not there, IndexError for rows that are not.
        """
        stop = self.num_rows if stop is None else stop
        if not 0 <= start <= stop <= self.num_rows:
            raise IndexError(f"rows {start} to {stop} of {self.num_rows}")
        names = self._checked(columns)
        chunks: dict[str, list[pa.Array]] = {name: [] for name in names}
        number = bisect_right(self._starts, start) - 1
        while number < len(self._starts) - 1 and self._starts[number] < stop:
            first = self._starts[number]
            batch = self._reader.get_batch(number).slice(max(start - first, 0), stop - max(first, start))
            for name in names:
                chunks[name].append(batch.column(name))
            number += 1
        return {name: pa.chunked_array(found, self.schema.field(name).type) for name, found in chunks.items()}

    def column(self, name: str, start: int = 0, stop: int | None = None) -> list[Any]:
        """The cells of a column in the rows [start, stop) as Python values. Raises KeyError, IndexError."""
        return self.arrays(start, stop, [name])[name].to_pylist()

    def rows(self, start: int = 0, stop: int | None = None) -> list[dict[str, Any]]:
        """The rows [start, stop) as dicts of Python values. Raises IndexError."""
        columns = [array.to_pylist() for array in self.arrays(start, stop).values()]
        return [dict(zip(self.columns, cells, strict=True)) for cells in zip(*columns, strict=True)]

    def take(self, rows: list[int], columns: list[str] | None = None) -> dict[str, pa.Array]:
        """Columns of single rows in the order given, as Arrow arrays: a batch of examples. Raises KeyError, IndexError."""
        names = self._checked(columns)
        if rows and not 0 <= min(rows) <= max(rows) < self.num_rows:
            raise IndexError(f"rows {min(rows)} to {max(rows)} of {self.num_rows}")
        order = sorted(range(len(rows)), key=rows.__getitem__)  # batch by batch, then back to where each was asked for
        places: dict[int, list[int]] = {}
        for at in order:
            number = bisect_right(self._starts, rows[at]) - 1
            places.setdefault(number, []).append(rows[at] - self._starts[number])
        found = [self._reader.get_batch(number).select(names).take(pa.array(few)) for number, few in places.items()]
        back = pa.array(sorted(range(len(order)), key=order.__getitem__), pa.int64())
        return {
            name: pa.concat_arrays([batch.column(name) for batch in found]).take(back)
            if found
            else pa.array([], self.schema.field(name).type)
            for name in names
        }

    def _checked(self, columns: list[str] | None) -> list[str]:
        if columns is None:
            return self.columns
        known = set(self.columns)
        if unknown := [name for name in columns if name not in known]:
            raise KeyError(f"no column {unknown[0]!r}; there are {', '.join(self.columns[:20])}")
        return columns


def open_table(folder: Path) -> TableReader:
    """Open a dataset of the format table. folder: the dataset's, holding files/ and manifest.json.

    Raises DatasetInvalid for a damaged file, FileNotFoundError when it is gone.
    """
    manifest = staging.read_manifest(folder) or {}
    columns = manifest.get("report", {}).get("columns", [])
    return TableReader(folder / "files" / TABLE, {column["name"]: column["kind"] for column in columns})
