"""What people write where they have no value, and cells as they are taken: missing ones null, others as they stand."""

from collections import Counter

import pyarrow as pa

from shared.datasets.tables.kernels import pc

# Not among them: "None" and "." are values in too many tables.
MISSING = (
    *("", "NA", "N/A", "n/a", "na", "#N/A", "?", "-", "--", "null", "NULL", "Null", "NaN", "nan", "NAN", "<NA>"),
    *("0000-00-00", "0000-00-00 00:00:00"),
)
_MISSING = pa.array(MISSING, pa.string())
_NULL = pa.scalar(None, pa.string())


def is_missing(cell: str | None) -> bool:
    """Whether a cell says that there is no value."""
    return cell is None or cell.strip() in MISSING


def trimmed(cells: pa.Array) -> pa.Array:
    """Without spaces at the ends: what a cell says, but for texts of which they are a part."""
    return pc.utf8_trim_whitespace(cells)


def taken(cells: pa.Array, marks: Counter[str]) -> pa.Array:
    """The cells with null for missing ones. marks: counts what stood there, empty cells as "".

    cells: strings. Returns strings of the same length, spaces at their ends included.
    """
    bare = trimmed(cells)
    gone = pc.is_in(bare, value_set=_MISSING)
    if not pc.any(gone).as_py():
        marks[""] += cells.null_count
        return cells
    for found in pc.value_counts(bare.filter(gone)).to_pylist():
        marks[found["values"] or ""] += found["counts"]
    marks[""] += cells.null_count
    return pc.if_else(gone, _NULL, cells)
