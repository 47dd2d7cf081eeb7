"""What is wrong with a column whose classes are to be learnt; the same for every recipe that learns classes from a table."""

from shared.datasets.report import ColumnReport

MOST_CLASSES = 1_000
_FEWEST_ROWS = 4


def no_values(column: ColumnReport, rows: int) -> str:
    """What is wrong with a column to learn that has too few values, or one only; "" where nothing is."""
    name, known = column.name, rows - column.missing
    if column.kind == "empty" or not known:
        return f"column {name!r} has no value in any row: nothing can be learnt of it"
    if column.kind == "constant":
        only = column.examples[0] if column.examples else ""
        return f"column {name!r} is {only!r} in every row: there must be two values at least to tell apart"
    if known < _FEWEST_ROWS:
        return f"column {name!r} has a value in {known} rows: there must be four at least"
    return ""


def class_problem(column: ColumnReport, rows: int, numbers: str = "") -> str:
    """What keeps the values of a column from being learnt as classes, "" where nothing is to be seen.

    numbers: what to do instead where the column holds amounts, such as "set params.task to numbers".
    """
    if message := no_values(column, rows):
        return message
    name, known = column.name, rows - column.missing
    numbers = numbers if column.kind == "number" else ""
    if column.distinct > MOST_CLASSES:
        way = numbers or "put rare ones together, or choose another column"
        count = f"{'' if column.distinct_exact else 'more than '}{column.distinct:,}"
        return f"column {name!r} has {count} different values; at most {MOST_CLASSES:,} can be told apart: {way}"
    if 2 * column.distinct > known:
        way = f"; for amounts {numbers}" if numbers else ""
        return (
            f"column {name!r} has {column.distinct:,} different values in {known:,} rows: too few rows of each class to learn it "
            f"from and to measure it on{way}"
        )
    single = [value for value, count in column.values.items() if count == 1]
    if single:
        shown = ", ".join(repr(value) for value in single[:5])
        return (
            f"column {name!r} has one row only of {shown}: a class needs two at least; leave such rows out, or add more"
        )
    return ""
