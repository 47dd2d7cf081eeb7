"""Rows of a table that a person typed: JSON objects, or CSV with a first line of names. Plain Python: forms read them too."""

import csv
import io
import json
from typing import Any

from shared.errors import RecipeFailed, cut

CODE = "bad_rows"


def rows_of(text: str) -> list[dict[str, Any]]:
    """Each row as name -> cell; of CSV the cells are texts. Raises RecipeFailed naming every line that cannot be read."""
    text = text.strip().lstrip("\ufeff")
    return _json_rows(text) if text[:1] in ("{", "[") else _csv_rows(text)


def one_row(text: str) -> dict[str, str] | None:
    """The only row of a text, its cells as a form shows them; None where there are several or it cannot be read."""
    try:
        rows = rows_of(text) if text.strip() else []
    except RecipeFailed:
        return None
    return {name: _shown(cell) for name, cell in rows[0].items()} if len(rows) == 1 else None


def _shown(cell: Any) -> str:
    if cell is None:
        return ""
    return ("true" if cell else "false") if isinstance(cell, bool) else str(cell)


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
            raise RecipeFailed(f"this is no JSON: {shown}", code=CODE) from whole
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise RecipeFailed(f'row {number} is no object like {{"age": 39}}: {cut(json.dumps(row), 60)}', code=CODE)
        for name, value in row.items():
            if isinstance(value, dict | list):
                raise RecipeFailed(
                    f"row {number}, {name}: one value is wanted, not {cut(json.dumps(value), 60)}", code=CODE
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
        raise RecipeFailed("; ".join(wrong[:10]), code=CODE)
    return [dict(zip(heads, line, strict=True)) for line in lines[1:]]
