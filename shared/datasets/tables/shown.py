"""Cells as a person reads them."""

from datetime import datetime
from typing import Any

from shared.errors import cut

_MOST_CELL = 60  # characters of an example


def shown_cell(value: Any) -> str:
    """A value as text: 3 for 3.0, 2020-01-31 for midnight, at most 60 characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime):
        return value.isoformat(" ").removesuffix(" 00:00:00")
    return cut(str(value), _MOST_CELL)
