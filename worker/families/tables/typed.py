"""Rows that a person typed: JSON or CSV, read into the columns a model knows."""

import difflib
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from shared.datasets.tables.missing import is_missing
from shared.datasets.tables.typed import CODE, rows_of
from shared.errors import RecipeFailed, cut
from shared.recipes.tabular import MOST_ROWS


def typed_rows(text: str, columns: Sequence[str]) -> dict[str, pa.Array]:
    """The cells of each column as texts, null where they are missing or left out.

    Raises RecipeFailed naming every line that cannot be read and every column that the model does not know.
    """
    rows = rows_of(text)
    if not rows:
        raise RecipeFailed("there is no row to answer", code=CODE)
    if len(rows) > MOST_ROWS:
        message = (
            f"{len(rows):,} rows; at most {MOST_ROWS:,} can be typed in: upload them as a dataset, and predict that"
        )
        raise RecipeFailed(message, code=CODE)
    given = list(dict.fromkeys(name for row in rows for name in row))
    if not set(given) & set(columns):
        told = "; ".join(_unknown(name, columns) for name in given[:10])
        raise RecipeFailed(f"no column is one that the model learnt from: {told}", code=CODE)
    return {name: pa.array([_cell(row.get(name)) for row in rows], pa.string()) for name in columns}


def unused(text_columns: Sequence[str], columns: Sequence[str]) -> list[str]:
    """What is to be said of names that the model does not know."""
    return [_unknown(name, columns) for name in text_columns if name not in columns]


def _unknown(name: str, columns: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, columns, 1)
    return f"{cut(name, 60)!r} is unknown" + (f" (is it {near[0]!r}?)" if near else "")


def _cell(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and is_missing(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()
