"""Columns by name: those of a table that a model is used on, against those it learnt from."""

import difflib
from collections.abc import Sequence

from shared.errors import RecipeFailed

_TOLD = 20


def refuse_other_columns(there: Sequence[str], needed: Sequence[str]) -> None:
    """Raise RecipeFailed naming every column that a model needs and a table has not, with what it may be called there."""
    missing = [name for name in needed if name not in there]
    if not missing:
        return
    spare = [name for name in there if name not in needed]
    told = []
    for name in missing[:_TOLD]:
        near = difflib.get_close_matches(name, spare, 1)
        told.append(repr(name) + (f" (is {near[0]!r} meant?)" if near else ""))
    more = f" and {len(missing) - _TOLD} more" if len(missing) > _TOLD else ""
    message = f"the table lacks {len(missing)} of the columns that the model learnt from: {', '.join(told)}{more}"
    raise RecipeFailed(message, code="other_columns")


def free_name(name: str, taken: Sequence[str]) -> str:
    """A name for a column beside others."""
    while name in taken:
        name = f"{name} (model)"
    return name
