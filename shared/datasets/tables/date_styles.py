"""Dates as people write them. A style is one of a whole column: 3/4/2020 alone does not say which is the month."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from shared.datasets.tables.kernels import pc

_TIME = r"(?:[ T]+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?: ?[AaPp][Mm])?)?"
_ZONE = r"(?:Z| ?[+-][0-9]{2}:?[0-9]{2})?"
_ZONED = r"(?:Z|:[0-9]{2}(?:\.[0-9]+)? ?[+-][0-9]{2}:?[0-9]{2})$"
_YEAR = "(?:[0-9]{4}|[0-9]{2})"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?i:{'|'.join(_MONTHS)})[a-z]*"


@dataclass(frozen=True)
class Style:
    """How a column writes its dates. pattern: what fits. to_iso: (pattern, replacement) that put year, month, day in order."""

    name: str
    pattern: str
    to_iso: tuple[str, str] = ("", "")


YEAR_FIRST = Style("2020-12-31", rf"^[1-9][0-9]{{3}}[-/.][0-9]{{1,2}}[-/.][0-9]{{1,2}}{_TIME}{_ZONE}$")
YEAR_MONTH = Style("2020-12", r"^(?:1[5-9]|2[01])[0-9]{2}-(?:0[1-9]|1[0-2])$", ("$", "-01"))
CHINESE = Style("2020年12月31日", r"^[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日$", (r"年|月", "-"))
DOTS = Style("31.12.2020", rf"^[0-9]{{1,2}}\.[0-9]{{1,2}}\.{_YEAR}{_TIME}$", (r"^(\d+)\.(\d+)\.(\d+)", r"\3-\2-\1"))
_PARTED = rf"^[0-9]{{1,2}}[/-][0-9]{{1,2}}[/-]{_YEAR}{_TIME}$"
DAY_FIRST = Style("31/12/2020", _PARTED, (r"^(\d+)[/-](\d+)[/-](\d+)", r"\3-\2-\1"))
MONTH_FIRST = Style("12/31/2020", _PARTED, (r"^(\d+)[/-](\d+)[/-](\d+)", r"\3-\1-\2"))
DAY_MONTH = Style(
    "31 Dec 2020", rf"^[0-9]{{1,2}}[- ]{_MONTH}[-, ]+{_YEAR}{_TIME}$", (r"^(\d+)[- ](\w+)[-, ]+(\d+)", r"\3-\2-\1")
)
MONTH_DAY = Style("Dec 31, 2020", rf"^{_MONTH} [0-9]{{1,2}},? {_YEAR}{_TIME}$", (r"^(\w+) (\d+),? (\d+)", r"\3-\1-\2"))
# DAY_FIRST and MONTH_FIRST match the same: which it is, Parted tells.
STYLES = (YEAR_FIRST, YEAR_MONTH, CHINESE, DOTS, DAY_FIRST, DAY_MONTH, MONTH_DAY)
_FIRST_IS_DAY = r"^(?:1[3-9]|[23][0-9])[/-]"
_SECOND_IS_DAY = r"^[0-9]{1,2}[/-](?:1[3-9]|[23][0-9])[/-]"
_NULL = pa.scalar(None, pa.string())
_MOMENT = pa.timestamp("us")
_FIRST = pa.scalar(datetime(1000, 1, 1), _MOMENT)  # Python knows no year before 1, and no table means one before 1000


def days(cells: pa.Array) -> tuple[int, int]:
    """Of dates like 3/4/2020: (how many begin with a day, how many have it second); the others may be either."""
    first = pc.sum(pc.match_substring_regex(cells, _FIRST_IS_DAY)).as_py() or 0
    return first, pc.sum(pc.match_substring_regex(cells, _SECOND_IS_DAY)).as_py() or 0


def convert(cells: pa.Array, style: Style) -> tuple[pa.Array, pa.Array | None]:
    """(timestamps in microseconds, a mask of the cells that are no date of this style, None where all are). Null stays null.

    A moment with a zone is turned to UTC; one without stays as it is written.
    """
    if style == YEAR_FIRST and (quick := _plain(cells)) is not None:
        return quick, None
    encoded = pc.dictionary_encode(cells)  # days repeat: each is worked on once
    found = _converted(encoded.dictionary, style).take(encoded.indices)
    bad = pc.and_(pc.is_valid(cells), pc.is_null(found))
    return found, bad if pc.any(bad).as_py() else None


def _converted(cells: pa.Array, style: Style) -> pa.Array:
    fits = pc.match_substring_regex(cells, style.pattern)
    plain = _iso(pc.if_else(fits, cells, _NULL), style)
    afternoon, morning = (pc.match_substring_regex(plain, f" ?{half}$", ignore_case=True) for half in ("pm", "am"))
    if pc.any(pc.or_(afternoon, morning)).as_py():
        return _moved(_parsed(pc.replace_substring_regex(plain, " ?[AaPp][Mm]$", "")), afternoon, morning)
    return _parsed(plain)


def _plain(cells: pa.Array) -> pa.Array | None:
    """The quick way, for what is written as ISO 8601 has it; None where anything is not."""
    try:
        found = pc.cast(cells, _MOMENT)
    except pa.ArrowInvalid:
        return None
    return found if pc.all(pc.greater_equal(found, _FIRST)).as_py() is not False else None


def _iso(cells: pa.Array, style: Style) -> pa.Array:
    """Year, month and day in this order, two digits each, parted by "-"."""
    pattern, replacement = style.to_iso
    if pattern:
        cells = pc.replace_substring_regex(cells, pattern, replacement)
    if style in (DAY_MONTH, MONTH_DAY):
        for number, month in enumerate(_MONTHS, 1):
            cells = pc.replace_substring_regex(cells, f"-(?i:{month})[a-z]*-", f"-{number:02}-")
    for pattern, replacement in (
        ("日$", ""),
        (r"^(\d+)[-/.](\d+)[-/.](\d+)", r"\1-\2-\3"),
        (r"^([0-6]\d)-", r"20\1-"),  # as POSIX reads two digits
        (r"^([7-9]\d|69)-", r"19\1-"),
        (r"^(\d{4})-(\d)-", r"\1-0\2-"),
        (r"^(\d{4}-\d{2})-(\d)([^0-9]|$)", r"\1-0\2\3"),
        (r"^(\d{4}-\d{2}-\d{2})[ T]+(\d:)", r"\1 0\2"),
        (r"^(\d{4}-\d{2}-\d{2})  +", r"\1 "),
        (r" ([+-]\d{2}:?\d{2})$", r"\1"),
    ):
        cells = pc.replace_substring_regex(cells, pattern, replacement)
    return cells


def zoned(cells: pa.Array) -> int:
    """How many moments have a time zone. cells: strings of the style YEAR_FIRST, others among them."""
    return pc.sum(pc.match_substring_regex(cells, _ZONED)).as_py() or 0


def _parsed(cells: pa.Array) -> pa.Array:
    """ISO texts as moments, null for what the calendar has not."""
    zoned = pc.match_substring_regex(cells, _ZONED)
    try:
        if not pc.any(zoned).as_py():
            return pc.cast(cells, _MOMENT)
        with_zone = pc.cast(pc.if_else(zoned, cells, _NULL), pa.timestamp("us", "UTC"))
        return pc.coalesce(pc.cast(with_zone, _MOMENT), pc.cast(pc.if_else(zoned, _NULL, cells), _MOMENT))
    except pa.ArrowInvalid:
        return pa.array([_moment(cell) for cell in cells.to_pylist()], _MOMENT)


def _moment(cell: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(cell or "")
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError):
        return None


def _moved(found: pa.Array, afternoon: pa.Array, morning: pa.Array) -> pa.Array:
    """Hours of twelve as hours of twenty-four."""
    half = pa.scalar(12 * 3_600_000_000, pa.duration("us"))
    noon = pc.equal(pc.hour(found), 12)
    found = pc.if_else(pc.and_(afternoon, pc.invert(noon)), pc.add(found, half), found)
    return pc.if_else(pc.and_(morning, noon), pc.subtract(found, half), found)
