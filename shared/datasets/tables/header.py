"""Does a table begin with the names of its columns? Told from how the first line differs from those below."""

import re
from collections.abc import Sequence

from shared.datasets.tables.missing import is_missing

_NUMBER = re.compile(r"[+-]?[0-9][0-9.,' \u00a0\u202f]*([eE][+-]?[0-9]+)?%?|[+-]?[.,][0-9]+")
_DATE = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}([-/.][0-9]{1,4})?([ T].*)?")
_YEAR = re.compile(r"(19|20)[0-9]{2}")
_SENTENCE = re.compile(r"[.!?,;。！？，；、]\s*$|[。！？，；]")
_LONGEST_NAME = 60
_MOST_WORDS = 4
_SURELY = 2  # columns of numbers or dates that begin with a word: no row does


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
    columns = [[row[number].strip() for row in below if number < len(row)] for number in range(len(cells))]
    if any(cell and cell in column for cell, column in zip(cells, columns, strict=True)):
        return False
    over_values = sum(_holds_values(column) for column in columns)
    if any(len(name) > _LONGEST_NAME for name in names):
        return over_values >= _SURELY  # a whole text in one column; a question as a survey asks it, in another
    if values or over_values:
        return True
    return _like_names(names)


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


def _like_names(names: list[str]) -> bool:
    """Of a table of texts alone: words, no sentences. Most tables have a line of names, so it is one unless something tells."""
    return not any(_SENTENCE.search(name) or len(name.split()) > _MOST_WORDS for name in names)
