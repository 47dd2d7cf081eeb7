"""Rows as they were read, before anything is made of them: cells are texts, missing ones null.

They lie in scratch files (Arrow IPC streams) beside the upload, so that a table larger than memory can be read through twice: once
to find out what its columns are, once to convert them.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from shared.datasets.tables.bad_rows import BadRows
from shared.datasets.tables.kernels import pc
from shared.datasets.tables.missing import taken
from shared.errors import TooLarge
from shared.ids import new_id
from shared.volume.staging import full_is_said

MOST_ROWS = 100_000_000  # of one table; a guess: some half an hour of reading
MOST_COLUMNS = 5_000
_LINE = "line"
_CONTROLS = r"[\x00-\x08\x0b\x0e-\x1f]"


@dataclass
class Batch:
    """Some rows. cells: a column of strings for each of names. lines: int64, where each row begins in the file (1 the first)."""

    file: str
    names: list[str]
    cells: list[pa.Array]
    lines: pa.Array

    def __len__(self) -> int:
        return len(self.lines)


@dataclass
class Part:
    """The rows of one file. named: the names come from the file itself. delimiter: between its cells, "" where there is none.

    plain: nothing that no text has can be in its cells; else every one is looked at.
    empty: blank rows left out. marks: how often what was read as missing.
    """

    file: str
    folder: Path
    most_bytes: int
    names: list[str] = field(default_factory=list)
    named: bool = True
    delimiter: str = ""
    plain: bool = False
    rows: int = 0
    empty: int = 0
    bytes: int = 0
    notes: list[str] = field(default_factory=list)
    bad: BadRows = field(default_factory=BadRows)
    marks: Counter[str] = field(default_factory=Counter)
    _pieces: list[tuple[Path, list[str]]] = field(default_factory=list)
    _writer: pa.RecordBatchStreamWriter | None = None

    def add(self, names: Sequence[str], cells: Sequence[pa.Array], lines: "array[int] | pa.Array") -> None:
        """Add rows: a column of strings for each of names, which may be others than before. Raises TooLarge, VolumeFull."""
        names = list(names)
        numbers = pa.array(lines, pa.int64())
        if not self.plain:
            cells, numbers = self._readable(names, cells, numbers)
        columns = [taken(column, self.marks) for column in cells]
        self.rows += len(numbers)
        self.bytes += sum(column.nbytes for column in columns)
        if self.rows > MOST_ROWS or self.bytes > self.most_bytes:
            raise TooLarge(f"{self.file} unpacks to more than {self.most_bytes:,} bytes or {MOST_ROWS:,} rows")
        if self._writer is None or names != self._pieces[-1][1]:
            self._begin(names)
        labels = [str(number) for number in range(len(names))]
        batch = pa.RecordBatch.from_arrays([*columns, numbers], names=[*labels, _LINE])
        with full_is_said():
            assert self._writer is not None
            self._writer.write_batch(batch)

    def _readable(
        self, names: list[str], cells: Sequence[pa.Array], lines: pa.Array
    ) -> tuple[list[pa.Array], pa.Array]:
        """The rows without those in which a cell holds a control character; these are bad ones."""
        masks = [pc.fill_null(pc.match_substring_regex(column, _CONTROLS), False) for column in cells]
        wrong = masks[0]
        for mask in masks[1:]:
            wrong = pc.or_(wrong, mask)
        if not pc.any(wrong).as_py():
            return list(cells), lines
        found = [
            (self.file, line, name, repr(value), "holds a control character, which no text has")
            for name, column, mask in zip(names, cells, masks, strict=True)
            for line, value in zip(lines.filter(mask).to_pylist(), column.filter(mask).to_pylist(), strict=True)
        ]
        self.bad.add_cells(pc.sum(wrong).as_py(), found)
        keep = pc.invert(wrong)
        return [column.filter(keep) for column in cells], lines.filter(keep)

    def _begin(self, names: list[str]) -> None:
        self.close()
        path = self.folder / f"part-{new_id()}"
        schema = pa.schema([*((str(number), pa.string()) for number in range(len(names))), (_LINE, pa.int64())])
        with full_is_said():
            self._writer = pa.ipc.new_stream(str(path), schema)
        self._pieces.append((path, names))
        self.names += [name for name in names if name not in set(self.names)]

    def close(self) -> None:
        """All rows are there."""
        if self._writer is not None:
            with full_is_said():
                self._writer.close()
        self._writer = None

    def discard(self) -> None:
        """Remove the scratch files."""
        self.close()
        for path, _ in self._pieces:
            path.unlink(missing_ok=True)

    def batches(self) -> Iterator[Batch]:
        """The rows in their order, with all columns of names: what a batch had not is null."""
        for path, names in self._pieces:
            with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as reader:
                for batch in reader:
                    there = {name: batch.column(number) for number, name in enumerate(names)}
                    cells = [there[name] if name in there else pa.nulls(len(batch), pa.string()) for name in self.names]
                    yield Batch(self.file, self.names, cells, batch.column(len(names)))
