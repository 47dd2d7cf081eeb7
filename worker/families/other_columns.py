"""Columns of a table that a model is used on, beside those it learnt from."""

import difflib
from collections.abc import Sequence

from shared.datasets.tables.reading import TableReader
from shared.errors import RecipeFailed

_TOLD = 20


def refuse_other(table: TableReader, needed: Sequence[str]) -> None:
    """Raise RecipeFailed naming every column that is needed and that the table has not, with what it may be called there."""
    missing = [name for name in needed if name not in table.columns]
    if not missing:
        return
    spare = [name for name in table.columns if name not in needed]
    told = []
    for name in missing[:_TOLD]:
        near = difflib.get_close_matches(name, spare, 1)
        told.append(repr(name) + (f" (is {near[0]!r} meant?)" if near else ""))
    more = f" and {len(missing) - _TOLD} more" if len(missing) > _TOLD else ""
    message = f"the table lacks {len(missing)} of the columns that the model learnt from: {', '.join(told)}{more}"
    raise RecipeFailed(message, code="other_columns")


def free_name(name: str, taken: Sequence[str]) -> str:
    """A name for a new column that none of the table's has."""
    while name in taken:
        name = f"{name} (model)"
    return name
