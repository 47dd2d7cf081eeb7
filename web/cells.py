"""A row of a table that a form asks for cell by cell: which inputs there are, and what came back from them.

Nothing here knows any recipe: a param holds rows where its spec says so (shared/recipes/fields.py, Rows). Called by web/forms.py,
web/posted.py and the pages.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.datasets.report import ColumnReport

MOST_CELLS = 200  # asked for one by one; more are typed as text
_SUGGESTED = 50  # values of a column


@dataclass(frozen=True)
class Cell:
    """One input. path: its name. about: the kind of its column. suggested: values that the column has."""

    path: str
    column: str
    value: str
    about: str
    suggested: tuple[str, ...] = ()


def prefix_of(param: str) -> str:
    return f"cells.{param}."


def cells_of(param: str, columns: Sequence[ColumnReport], row: Mapping[str, str]) -> list[Cell]:
    """The inputs of a row with what they hold."""
    return [
        Cell(
            prefix_of(param) + column.name,
            column.name,
            row.get(column.name, ""),
            column.kind,
            tuple(column.values)[:_SUGGESTED],
        )
        for column in columns
    ]


def read_cells(form: Mapping[str, Any], param: str) -> str | None:
    """The row that was posted, as JSON; None where every cell is empty or there were none."""
    prefix = prefix_of(param)
    row = {name.removeprefix(prefix): form[name] for name in form if name.startswith(prefix) and form[name].strip()}
    return json.dumps(row, ensure_ascii=False) if row else None
