"""Rows that cannot be taken: counted, the first of them named by file, line, column and value, refused or left out."""

from typing import Any

from shared.errors import Choice, DatasetInvalid, Further, Problem, cut

MOST_NAMED = 100
_MOST_VALUE = 80  # characters of a value shown


class BadRows:
    """count: rows. named: {"file", "line", "column", "value", "why"} of the first ones. cells: single cells that do not fit."""

    def __init__(self) -> None:
        self.count = 0
        self.cells = 0
        self.named: list[dict[str, Any]] = []

    def add_row(self, file: str, line: int, why: str, value: str = "") -> None:
        """A whole row that cannot be read."""
        self.count += 1
        self._name(file, line, "", value, why)

    def add_cells(self, rows: int, cells: list[tuple[str, int, str, str, str]]) -> None:
        """rows: how many rows (file, line, column, value, why) of `cells` lie in; cells of one row may be several."""
        self.count += rows
        self.cells += len(cells)
        for file, line, column, value, why in sorted(cells, key=lambda cell: cell[1]):
            self._name(file, line, column, value, why)

    def _name(self, file: str, line: int, column: str, value: str, why: str) -> None:
        if len(self.named) < MOST_NAMED:
            shown = cut(value, _MOST_VALUE)
            self.named.append({"file": file, "line": line, "column": column, "value": shown, "why": why})

    def take(self, other: "BadRows") -> None:
        """Add those of another."""
        self.count += other.count
        self.cells += other.cells
        self.named = [*self.named, *other.named][:MOST_NAMED]

    def refused(self, *, left: int) -> DatasetInvalid:
        """To raise. left: rows that remain without the bad ones."""
        problems = [
            Problem(field="file", message=_said(named), file=named["file"], line=named["line"]) for named in self.named
        ]
        if self.count > len(problems):
            problems.append(
                Further(message=f"and {self.count - len(problems):,} more", count=self.count - len(problems))
            )
        rows = "1 row" if self.count == 1 else f"{self.count:,} rows"
        choices = []
        if left > 1:
            choices.append(Choice(option="bad_rows", value="drop", title=f"Leave out {rows} and import the rest"))
        columns = list(dict.fromkeys(named["column"] for named in self.named if named["column"]))
        if self.cells and columns:
            shown = ", ".join(columns[:3]) + (" ..." if len(columns) > 3 else "")
            choices.append(Choice(option="bad_rows", value="text", title=f"Take such columns as text ({shown})"))
        first = problems[0]
        message = f"{rows} cannot be used, the first is {first.file}, line {first.line}: {first.message}"
        return DatasetInvalid(f"{message}. Mend the file, or choose a way on", problems=problems, choices=choices)


def _said(named: dict[str, Any]) -> str:
    column = f"column {named['column']!r}: " if named["column"] else ""
    value = f"{named['value']!r} " if named["value"] else ""
    return f"{column}{value}{named['why']}"
