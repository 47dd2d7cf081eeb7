"""Arrow cells of any type as numbers, dates and categories. What cannot be read as such is told by its row."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute

from shared.datasets.tables import date_styles
from shared.datasets.tables.columns import Guess
from shared.datasets.tables.missing import is_missing, taken, trimmed

pc: Any = compute  # its declared names are made when it is loaded
DATE_PARTS = ("year", "month", "weekday", "day", "hour")
Cells = Any  # pa.Array or pa.ChunkedArray, which pyright takes for values
_TOLD = 40  # characters of a cell


def as_array(cells: Cells) -> pa.Array:
    """The same cells in one piece."""
    return cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells


def as_numbers(name: str, cells: Cells, wrong: dict[int, str]) -> np.ndarray:
    """float32 (rows,), otherwise as as_floats() has them; what is too large for float32 is infinite."""
    with np.errstate(over="ignore"):
        return as_floats(name, cells, wrong).astype(np.float32)


def as_floats(name: str, cells: Cells, wrong: dict[int, str]) -> np.ndarray:
    """float64 (rows,), NaN where missing. Texts are read; those that are no number are told in wrong, by row.

    Raises ValueError for dates.
    """
    cells = as_array(cells)
    if pa.types.is_timestamp(cells.type):
        raise ValueError(f"column {name!r} holds dates; the model learnt it as numbers")
    if pa.types.is_string(cells.type):
        values = _read(name, cells, _number, "number", wrong)
        return np.array([math.nan if value is None else value for value in values], np.float64)
    return pc.cast(cells, pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)


def _number(text: str) -> float:
    lower = text.lower()
    if lower in ("true", "false"):
        return float(lower == "true")
    return float(text)


def as_dates(name: str, cells: Cells, wrong: dict[int, str]) -> pa.Array:
    """timestamp[us] (rows,). Texts are read as RFC 3339 has them, or where that does not fit in the one style that the column is
    written in, as an import finds it. Raises ValueError for numbers."""
    cells = as_array(cells)
    if pa.types.is_timestamp(cells.type):
        return cells
    if not pa.types.is_string(cells.type):
        raise ValueError(f"column {name!r} holds no dates; the model learnt it as dates")
    bad: dict[int, str] = {}
    found = _read(name, cells, _moment, "date like 2020-01-31", bad)
    styled = _styled(name, cells, wrong) if bad else None
    if styled is not None:
        return styled
    for row, why in bad.items():
        _tell(wrong, row, why)
    return pa.array(found, pa.timestamp("us"))


def _styled(name: str, cells: pa.Array, wrong: dict[int, str]) -> pa.Array | None:
    """Dates in the style that nearly all cells are written in; None where there is none, or it does not say which is the month."""
    texts = trimmed(taken(cells, Counter()))
    guess = Guess()
    guess.add(texts)
    kind = guess.kind(comma=False, sure=False, order="auto", strict=False)
    if kind.style is None or kind.ambiguous:
        return None
    moments, bad = date_styles.convert(texts, kind.style)
    for row in np.flatnonzero(bad.to_numpy(zero_copy_only=False)).tolist() if bad is not None else ():
        _tell(wrong, row, f"{name}: {texts[row].as_py()[:_TOLD]!r} is no date like {kind.style.name}")
    return moments


def _tell(wrong: dict[int, str], row: int, why: str) -> None:
    wrong[row] = f"{wrong[row]}; {why}" if row in wrong else why


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def _read(name: str, cells: pa.Array, read: Callable[[str], Any], what: str, wrong: dict[int, str]) -> list[Any]:
    """Each text read once, however often it occurs; None for missing ones and those that cannot be read."""
    coded = cells.dictionary_encode()
    values: list[Any] = []
    bad: dict[int, str] = {}
    for code, text in enumerate(coded.dictionary.to_pylist()):
        try:
            values.append(None if is_missing(text) else read(text.strip()))
        except (ValueError, OverflowError):
            values.append(None)
            bad[code] = f"{name}: {text[:_TOLD]!r} is no {what}"
    codes = coded.indices.to_pylist()
    if bad:
        for row, code in enumerate(codes):
            if code in bad:
                _tell(wrong, row, bad[code])
    return [None if code is None else values[code] for code in codes]


def date_parts(moments: pa.Array) -> dict[str, np.ndarray]:
    """float32 (rows,) of each part: the year with how much of it has gone, the others as they are counted; NaN where missing."""
    year = _float(pc.year(moments)) + _float(pc.day_of_year(moments)) / 366
    parts = (year, pc.month(moments), pc.day_of_week(moments), pc.day(moments), pc.hour(moments))
    return {name: _float(part) for name, part in zip(DATE_PARTS, parts, strict=True)}


def _float(cells: Any) -> np.ndarray:
    if isinstance(cells, np.ndarray):
        return cells.astype(np.float32)
    return pc.cast(cells, pa.float64()).to_numpy(zero_copy_only=False).astype(np.float32)


def as_category(value: Any) -> str:
    """A category as it is kept: numbers without a needless point, yes and no as they stand, text without outer spaces."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return str(value).strip()


def as_categories(cells: Cells, places: Mapping[str, int]) -> np.ndarray:
    """int32 (rows,): 0 missing, 1 for what is not in places, else its place. A number typed as text is found too."""
    coded = as_array(cells).dictionary_encode()
    table = np.array([*(_place(value, places) for value in coded.dictionary.to_pylist()), 0], np.int32)
    codes = pc.fill_null(coded.indices, len(table) - 1).to_numpy(zero_copy_only=False)
    return table[codes]


def _place(value: Any, places: Mapping[str, int]) -> int:
    key = as_category(value)
    if key in places:
        return places[key]
    if isinstance(value, str):
        if is_missing(value):
            return 0
        if key.lower() in places:
            return places[key.lower()]
        try:
            return places.get(as_category(float(key)), 1)
        except ValueError:
            return 1
    return 1


def counted(cells: Cells) -> dict[str, int]:
    """How often each category occurs, missing ones left out."""
    found: dict[str, int] = {}
    counts = pc.value_counts(as_array(cells).drop_null())
    for value, count in zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True):
        key = as_category(value)
        found[key] = found.get(key, 0) + count
    return found
