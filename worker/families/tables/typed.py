"""Rows that a person typed: JSON or CSV, read into the columns a model knows."""

import csv
import difflib
import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from shared.datasets.tables.missing import is_missing
from shared.errors import RecipeFailed, cut

_CODE = "bad_rows"


def typed_rows(text: str, columns: Sequence[str], most: int) -> dict[str, pa.Array]:
    """The cells of each column as texts, null where they are missing or left out. most: rows.

    Raises RecipeFailed naming every line that cannot be read and every column that the model does not know.
    """
    text = text.strip().lstrip("\ufeff")
    rows = _json_rows(text) if text[:1] in ("{", "[") else _csv_rows(text)
    if not rows:
        raise RecipeFailed("there is no row to answer", code=_CODE)
    if len(rows) > most:
        message = f"{len(rows):,} rows; at most {most:,} can be typed in: upload them as a dataset, and predict that"
        raise RecipeFailed(message, code=_CODE)
    given = list(dict.fromkeys(name for row in rows for name in row))
    if not set(given) & set(columns):
        told = "; ".join(_unknown(name, columns) for name in given[:10])
        raise RecipeFailed(f"no column is one that the model learnt from: {told}", code=_CODE)
    return {name: pa.array([_cell(row.get(name)) for row in rows], pa.string()) for name in columns}


def unused(text_columns: Sequence[str], columns: Sequence[str]) -> list[str]:
    """What is to be said of names that the model does not know."""
    return [_unknown(name, columns) for name in text_columns if name not in columns]


def _unknown(name: str, columns: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, columns, 1)
    return f"{cut(name, 60)!r} is unknown" + (f" (is it {near[0]!r}?)" if near else "")


def _json_rows(text: str) -> list[dict[str, Any]]:
    """One object, a list of objects, or an object a line."""
    try:
        found = json.loads(text)
        rows = found if isinstance(found, list) else [found]
    except (ValueError, RecursionError) as whole:
        rows, wrong = [], []
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                try:
                    rows.append(json.loads(line))
                except (ValueError, RecursionError) as err:
                    wrong.append(f"line {number}: {err}")
        if wrong:
            shown = str(whole) if len(wrong) == len(text.splitlines()) else "; ".join(wrong[:10])
            raise RecipeFailed(f"this is no JSON: {shown}", code=_CODE) from whole
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise RecipeFailed(f'row {number} is no object like {{"age": 39}}: {cut(json.dumps(row), 60)}', code=_CODE)
        for name, value in row.items():
            if isinstance(value, dict | list):
                raise RecipeFailed(
                    f"row {number}, {name}: one value is wanted, not {cut(json.dumps(value), 60)}", code=_CODE
                )
    return rows


def _csv_rows(text: str) -> list[dict[str, Any]]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    lines = [line for line in csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True) if line]
    heads = [head.strip() for head in lines[0]] if lines else []
    wrong = [
        f"row {number} has {len(line)} cells, the first line names {len(heads)}"
        for number, line in enumerate(lines[1:], 1)
        if len(line) != len(heads)
    ]
    if wrong:
        raise RecipeFailed("; ".join(wrong[:10]), code=_CODE)
    return [dict(zip(heads, line, strict=True)) for line in lines[1:]]


def _cell(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and is_missing(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()
