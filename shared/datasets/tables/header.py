"""Does a table begin with the names of its columns? Told from how the first line differs from those below."""

import re
from collections.abc import Sequence

from shared.datasets.tables.missing import is_missing

_NUMBER = re.compile(r"[+-]?[0-9][0-9.,' \u00a0\u202f]*([eE][+-]?[0-9]+)?%?|[+-]?[.,][0-9]+")
_DATE = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}([-/.][0-9]{1,4})?([ T].*)?")
_YEAR = re.compile(r"(19|20)[0-9]{2}")
_SENTENCE = re.compile(r"[.!?,;。！？，；、]\s*$|[。！？，；]")
_LONGEST_NAME = 60
_USUAL = frozenset(
    (
        *("id", "key", "name", "title", "text", "text_a", "text_b", "sentence", "review", "comment", "summary", "url"),
        *("label", "labels", "class", "category", "target", "type", "split", "language", "en", "zh", "de", "fr"),
        *("date", "time", "year", "value", "price", "rating", "score", "user", "item", "input", "output"),
        *("source", "question", "answer", "context", "prompt", "response"),
    )
)


def is_value(cell: str) -> bool:
    """A number or a date: hardly the name of a column."""
    cell = cell.strip()
    return bool(_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell))


def begins_with_names(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """first: cells of the first line; below: rows after it."""
    cells = [cell.strip() for cell in first]
    values = [cell for cell in cells if is_value(cell)]
    if values and not _are_years(values, cells):
        return False
    names = [cell for cell in cells if cell and not is_value(cell)]
    if not names or any(is_missing(cell) for cell in cells if cell):
        return False
    if any(len(name) > _LONGEST_NAME for name in names):
        return False
    columns = [[row[number].strip() for row in below if number < len(row)] for number in range(len(cells))]
    if any(cell and cell in column for cell, column in zip(cells, columns, strict=True)):
        return False
    if values or any(_holds_values(column) for column in columns):
        return True
    return _like_names(names, columns)


def is_a_row(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the first line can be nothing but a row: it has numbers or dates where the lines below have them."""
    cells = [cell.strip() for cell in first]
    values = [cell for cell in cells if is_value(cell)]
    if not values or _are_years(values, cells):
        return False
    columns = [[row[number].strip() for row in below if number < len(row)] for number in range(len(cells))]
    return all(
        is_value(cell) == _holds_values(column) for cell, column in zip(cells, columns, strict=True) if cell and column
    )


def _are_years(values: list[str], cells: list[str]) -> bool:
    """country,2019,2020: columns named by year."""
    return len(values) < len(cells) and all(map(_YEAR.fullmatch, values)) and values == sorted(set(values))


def _holds_values(column: list[str]) -> bool:
    known = [cell for cell in column if not is_missing(cell)]
    return bool(known) and sum(map(is_value, known)) > 0.8 * len(known)


def _like_names(names: list[str], columns: list[list[str]]) -> bool:
    """Of a table of texts alone: the first line reads like names, or is much shorter than what lies below."""
    if any(_SENTENCE.search(name) or len(name.split()) > 4 for name in names):
        return False
    if any(name.casefold().strip(":") in _USUAL for name in names):
        return True
    lengths = [len(cell) for column in columns for cell in column if cell]
    mean = sum(lengths) / len(lengths) if lengths else 0
    repeats = any(len(set(column)) <= len(column) / 4 for column in columns if len(column) >= 8)
    return repeats or mean > 3 * sum(map(len, names)) / len(names)
