"""The table that a batch leaves: every row goes to a file as it comes, the first ones are kept to be shown.

Given the context of a job, what an attempt has written is not lost with it: the next one finds `count` rows there and goes on after
them (worker/spool.py).
"""

import contextlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from shared.outputs import MOST_ROWS, Cell, Table
from worker.artifacts import Files
from worker.context import Context
from worker.families.row_files import FORMATS, RowFormat, as_read
from worker.spool import Spool, spooled

ROWS = "rows.csv"
_AT_ONCE = 1_024  # rows added one by one that are written together


class RowTable:
    """Made by row_table(). count: rows so far, those of earlier attempts included. state: what keep() was told for them.

    wrong: how many of them have something in the last column, which holds errors where done() is asked.
    """

    def __init__(self, spool: Spool, form: str, columns: Sequence[str], to: RowFormat):
        self._spool, self._form, self._to = spool, form, to
        self._columns, self._waiting = list(columns), list[list[Cell]]()
        self.count: int = spool.state.get("rows", 0)
        self.wrong: int = spool.state.get("wrong", 0)
        self.state: dict[str, Any] = spool.state.get("own", {})
        self._first: list[list[Cell]] = spool.state.get("first", [])
        if not spool.state:
            spool.write(to.head())

    def add(self, row: list[Cell]) -> None:
        """Write one row: a cell for each column, None for none."""
        self._waiting.append(row)
        self.count += 1
        self.wrong += row[-1] is not None
        if len(self._first) < MOST_ROWS:
            self._first.append([_finite(cell) for cell in row])
        if len(self._waiting) >= _AT_ONCE:
            self._write()

    def add_batch(self, batch: pa.RecordBatch) -> None:
        """Write many rows at once: a column for each of the table's, in its order."""
        self._write()
        if (room := MOST_ROWS - len(self._first)) > 0:
            shown = as_read(batch.slice(0, room))
            rows = zip(*(column.to_pylist() for column in shown.columns), strict=True)
            self._first += [[_finite(cell) for cell in row] for row in rows]
        self._spool.write(self._to.batch(batch))
        self.count += batch.num_rows
        self.wrong += batch.num_rows - batch.column(batch.num_columns - 1).null_count

    def keep(self, state: Mapping[str, Any] | None = None) -> None:
        """All rows so far count, should this attempt be killed. state: JSON-able, found again in `state` by the next one."""
        self._write()
        self.state = dict(state or {})
        self._spool.keep(
            {"form": self._form, "rows": self.count, "wrong": self.wrong, "own": self.state, "first": self._first}
        )

    def _write(self) -> None:
        if self._waiting:
            self._spool.write(self._to.rows(self._waiting))
            self._waiting = []

    def close(self) -> None:
        self._write()

    def output(self, title: str) -> Table:
        return Table(title=title, columns=self._columns, rows=self._first, count=self.count, file=self._to.name)

    def done(self, what: str) -> Table:
        """The table, its title telling how many rows have an error and no answer. what: "rows predicted"."""
        some = f"{self.count - self.wrong:,} of {self.count:,} {what}, {self.wrong:,} with an error instead"
        return self.output(some if self.wrong else f"{self.count:,} {what}")


def _finite(cell: Cell) -> Cell:
    """Infinities as words: outputs hold finite numbers alone."""
    return str(cell) if isinstance(cell, float) and not math.isfinite(cell) else cell


@contextlib.contextmanager
def row_table(
    files: Files,
    columns: Sequence[str],
    *,
    context: Context | None = None,
    file_format: str = "csv",
    types: Mapping[str, pa.DataType] | None = None,
) -> Iterator[RowTable]:
    """Write rows.csv, rows.jsonl or rows.parquet.

    context: of the job, so that a next attempt goes on where this one was stopped; the rows to come are then those from `count`
    on. file_format: "csv", "jsonl" or "parquet". types: of the columns in Parquet, text where none is told. Raises VolumeFull.
    """
    to = FORMATS[file_format](columns, types or {})
    form = json.dumps([file_format, list(columns), {name: str(kind) for name, kind in (types or {}).items()}])
    path = files.path(to.name)
    with spooled(path, form, context) as spool:
        table = RowTable(spool, form, columns, to)
        yield table
        table.close()
    to.finish(path, context.check if context is not None else lambda: None)
