"""The table that a batch leaves: every row goes to a CSV as it comes, the first ones are kept to be shown."""

import contextlib
import csv
import io
from collections.abc import Iterator, Sequence

from shared.outputs import MOST_ROWS, Cell, Table
from worker.artifacts import Files

ROWS = "rows.csv"


class RowTable:
    """Made by row_table()."""

    def __init__(self, out: io.TextIOBase, columns: Sequence[str]):
        self._writer = csv.writer(out)
        self._columns, self._first = list(columns), list[list[Cell]]()
        self.count = 0
        self._writer.writerow(self._columns)

    def add(self, row: list[Cell]) -> None:
        """Write one row: a cell for each column, None for none."""
        self._writer.writerow(["" if cell is None else cell for cell in row])
        self.count += 1
        if len(self._first) < MOST_ROWS:
            self._first.append(row)

    def output(self, title: str) -> Table:
        return Table(title=title, columns=self._columns, rows=self._first, count=self.count, file=ROWS)


@contextlib.contextmanager
def row_table(files: Files, columns: Sequence[str]) -> Iterator[RowTable]:
    """Write rows.csv, UTF-8 with BOM so that spreadsheets read any script. Raises VolumeFull."""
    with files.open(ROWS) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as out:  # pyright: ignore[reportArgumentType]
        yield RowTable(out, columns)
