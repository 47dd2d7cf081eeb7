"""The formats of the file that a batch leaves: CSV, JSON lines, Parquet. Each is bytes that can be added to.

Parquet has its table of contents at the end and cannot: until the end its rows are messages of an Arrow stream.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from pyarrow import compute, parquet
from pyarrow import csv as arrow_csv

from shared.outputs import Cell

pc: Any = compute  # its declared names are made when it is loaded
_PLAIN = arrow_csv.WriteOptions(include_header=False)
_GROUP_ROWS = 65_536  # of a row group of Parquet


class RowFormat(Protocol):
    """head: what the file begins with. rows, batch: bytes of further rows. finish: makes the file that is left."""

    name: str

    def head(self) -> bytes: ...
    def rows(self, rows: Sequence[Sequence[Cell]]) -> bytes: ...
    def batch(self, batch: pa.RecordBatch) -> bytes: ...
    def finish(self, path: Path, check: Callable[[], None]) -> None: ...


class _Csv:
    """UTF-8 with BOM, so that spreadsheets read any script."""

    name = "rows.csv"

    def __init__(self, columns: Sequence[str], types: Mapping[str, pa.DataType]):
        self._columns = list(columns)

    def head(self) -> bytes:
        return b"\xef\xbb\xbf" + self.rows([self._columns])

    def rows(self, rows: Sequence[Sequence[Cell]]) -> bytes:
        out = io.StringIO(newline="")
        csv.writer(out).writerows([["" if cell is None else cell for cell in row] for row in rows])
        return out.getvalue().encode()

    def batch(self, batch: pa.RecordBatch) -> bytes:
        sink = pa.BufferOutputStream()
        arrow_csv.write_csv(as_read(batch), sink, _PLAIN)
        return sink.getvalue().to_pybytes()

    def finish(self, path: Path, check: Callable[[], None]) -> None:
        pass


class _Jsonl(_Csv):
    """One object a line. Infinite numbers, which JSON does not have, are null."""

    name = "rows.jsonl"

    def head(self) -> bytes:
        return b""

    def rows(self, rows: Sequence[Sequence[Cell]]) -> bytes:
        return b"".join(
            json.dumps(
                {
                    name: None if isinstance(cell, float) and not math.isfinite(cell) else cell
                    for name, cell in zip(self._columns, row, strict=True)
                },
                ensure_ascii=False,
            ).encode()
            + b"\n"
            for row in rows
        )

    def batch(self, batch: pa.RecordBatch) -> bytes:
        columns = [column.to_pylist() for column in as_read(batch).columns]
        return self.rows(list(zip(*columns, strict=True)))


class _Parquet:
    """Columns keep their types; those of which none is told are text."""

    name = "rows.parquet"

    def __init__(self, columns: Sequence[str], types: Mapping[str, pa.DataType]):
        self._schema = pa.schema([(name, types.get(name, pa.string())) for name in columns])

    def head(self) -> bytes:
        return self._schema.serialize().to_pybytes()

    def rows(self, rows: Sequence[Sequence[Cell]]) -> bytes:
        columns = zip(*rows, strict=True) if rows else ()
        arrays = [_typed(cells, field.type) for cells, field in zip(columns, self._schema, strict=False)]
        return self.batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema)) if rows else b""

    def batch(self, batch: pa.RecordBatch) -> bytes:
        return batch.cast(self._schema).serialize().to_pybytes()

    def finish(self, path: Path, check: Callable[[], None]) -> None:
        stream = path.with_name(f"{path.name}.stream")
        path.rename(stream)
        with (
            pa.OSFile(str(stream)) as source,
            pa.ipc.open_stream(source) as reader,
            parquet.ParquetWriter(str(path), self._schema) as writer,
        ):
            some: list[pa.RecordBatch] = []
            for batch in reader:
                check()
                some.append(batch)
                if sum(one.num_rows for one in some) >= _GROUP_ROWS:
                    writer.write_table(pa.Table.from_batches(some))
                    some = []
            if some:
                writer.write_table(pa.Table.from_batches(some))
        stream.unlink()


def _typed(cells: Sequence[Cell], wanted: pa.DataType) -> pa.Array:
    if pa.types.is_string(wanted):
        return pa.array([None if cell is None else str(cell) for cell in cells], wanted)
    return pa.array(cells, wanted)


def as_read(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Moments as texts, those of midnight as days; everything else as it is."""
    arrays = [_moments(column) if pa.types.is_timestamp(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _moments(cells: pa.Array) -> pa.Array:
    said = pc.strftime(cells, format="%Y-%m-%d %H:%M:%S")
    return pc.replace_substring_regex(pc.replace_substring_regex(said, r"\.0+$", ""), " 00:00:00$", "")


FORMATS: dict[str, Callable[[Sequence[str], Mapping[str, pa.DataType]], RowFormat]] = {
    "csv": _Csv,
    "jsonl": _Jsonl,
    "parquet": _Parquet,
}
