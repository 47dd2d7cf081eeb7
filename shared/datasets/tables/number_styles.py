"""Numbers as people write them: 1234.5 and 1,234.5, 1234,5 and 1.234,5, thousands also parted by a space or an apostrophe."""

import pyarrow as pa

from shared.datasets.tables.kernels import pc

_SPACES = "' ’\u00a0\u202f"
_WHOLE = "(?:[0-9]+|[1-9][0-9]{{0,2}}(?:[{part}][0-9]{{3}})+)"
_PATTERN = f"^[+-]?(?:{_WHOLE}(?:{{point}}[0-9]+)?{{tail}}|{{point}}[0-9]+)(?:[eE][+-]?[0-9]+)?$"
POINT = _PATTERN.format(part="," + _SPACES, point=r"\.", tail=r"\.?")
COMMA = _PATTERN.format(part="." + _SPACES, point=",", tail="")
_CODE = r"^[+-]?0[0-9]+$"  # digits that would lose their leading zeros as a number
_LONG = r"^[+-]?[0-9]{16,}$"  # more digits than a float keeps
_NULL = pa.scalar(None, pa.string())


def as_float(cells: pa.Array) -> pa.Array | None:
    """The quick way: strings as floats where all are plain finite numbers with a decimal point, else None."""
    try:
        found = pc.cast(cells, pa.float64())
    except pa.ArrowInvalid:
        return None
    return found if pc.all(pc.is_finite(found)).as_py() is not False else None


def count(cells: pa.Array, pattern: str) -> int:
    """How many of the cells match."""
    return pc.sum(pc.match_substring_regex(cells, pattern)).as_py() or 0


def codes(cells: pa.Array) -> tuple[int, int]:
    """(numbers with leading zeros, whole numbers of more than 15 digits): what is a code rather than a number."""
    zeros = cells.filter(pc.starts_with(cells, "0"))
    long = cells.filter(pc.greater(pc.utf8_length(cells), 15))
    return count(zeros, _CODE) if len(zeros) else 0, count(long, _LONG) if len(long) else 0


def convert(cells: pa.Array, *, comma: bool) -> tuple[pa.Array, pa.Array | None]:
    """(floats, a mask of the cells that are no number, None where all are). Null stays null.

    comma: 1.234,5 is meant, not 1,234.5.
    """
    if not comma and (quick := as_float(cells)) is not None:
        return quick, None
    fits = pc.match_substring_regex(cells, COMMA if comma else POINT)
    plain = pc.if_else(fits, cells, _NULL)
    plain = pc.replace_substring_regex(plain, f"[{'.' if comma else ','}{_SPACES}]", "")
    found = pc.cast(pc.replace_substring(plain, ",", ".") if comma else plain, pa.float64())
    finite = pc.fill_null(pc.is_finite(found), False)
    bad = pc.and_(pc.is_valid(cells), pc.invert(finite))
    if not pc.any(bad).as_py():
        return found, None
    return pc.if_else(finite, found, pa.scalar(None, pa.float64())), bad
