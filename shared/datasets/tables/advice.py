"""What is odd about a table, each in one plain sentence that says what it means for a training."""

import unicodedata
from collections.abc import Iterator
from typing import Any

from shared.datasets.report import ColumnReport, Warned

_FEW_ROWS = 50  # a guess: below, a validation part says nothing
_RARE = 0.01
_MANY_MISSING = 0.4
_MOST_CLASSES = 20  # beyond, some value is always rare
_MOST_OF_A_KIND = 10  # warnings of one code


def warnings_of(
    columns: list[ColumnReport],
    rows: int,
    *,
    duplicate: int,
    seen: int,
    leakage: dict[str, int],
    part_column: str | None,
    pairs: list[tuple[str, str, bool]],
    kept: dict[str, Any],
) -> list[Warned]:
    """kept: what was found on import (formats/table.py). seen: of how many rows the duplicates were counted."""
    found = [*_of_rows(rows, duplicate, seen, leakage, part_column), *_of_import(kept)]
    for column in columns:
        found += _of_column(column, rows)
    for one, other, equal in pairs:
        how = "is equal to" if equal else "always goes with one value of"
        message = (
            f"Column {one!r} {how} {other!r}: one gives the other away. If either is the target, leave the other out, or the model "
            "learns nothing else."
        )
        found.append(Warned(code="gives_away", column=one, message=message))
    return _not_too_many(found)


def _of_rows(
    rows: int, duplicate: int, seen: int, leakage: dict[str, int], part_column: str | None
) -> Iterator[Warned]:
    if rows < _FEW_ROWS:
        message = f"The table has {rows} rows: too few to learn from, and to tell whether anything was learnt."
        yield Warned(code="few_rows", message=message)
    if duplicate:
        among = "" if seen == rows else f" among the first {seen:,}"
        message = (
            f"{duplicate:,} rows{among} ({duplicate / seen:.1%}) are equal to an earlier one: they weigh double, and where "
            "one is learnt from and its like is tested on, the score is too good."
        )
        yield Warned(code="duplicate_rows", message=message)
    if part_column:
        message = (
            f"Column {part_column!r} says which part each row is of: no feature, and to be split by rather than anew."
        )
        yield Warned(code="parts", column=part_column, message=message)
    for pair, count in leakage.items():
        message = f"{count:,} rows stand in both {pair}: a model is tested on what it knows by heart, and the score is too good."
        yield Warned(code="leakage", column=part_column or "", message=message)


def _of_import(kept: dict[str, Any]) -> Iterator[Warned]:
    for name, read in kept.get("ambiguous_dates", {}).items():
        message = (
            f"The dates of column {name!r} may be day first or month first, no day above 12 tells: they are read like {read}. "
            "If that is wrong, import again with the option dates."
        )
        yield Warned(code="ambiguous_dates", column=name, message=message)
    for name, read in kept.get("ambiguous_numbers", {}).items():
        message = (
            f"The numbers of column {name!r} may have a decimal mark or one of thousands: they are read with a decimal {read}. "
            "If that is wrong, all are a thousandfold off; import again with the option decimal."
        )
        yield Warned(code="ambiguous_numbers", column=name, message=message)
    for name, (zoned, zoneless) in kept.get("some_zones", {}).items():
        message = (
            f"Column {name!r} has a time zone in {zoned:,} moments and none in {zoneless:,}, which are taken as UTC: if they are "
            "not, they stand hours away from where they belong. Write the zone of each, or of none."
        )
        yield Warned(code="some_zones", column=name, message=message)
    for name, (share, value) in kept.get("mixed", {}).items():
        message = (
            f"Column {name!r} holds mostly numbers, and {share:.0%} other values such as {value!r}: it is taken as text, which a "
            "model does not calculate with. Mend those cells to have numbers."
        )
        yield Warned(code="mixed", column=name, message=message)


def _of_column(column: ColumnReport, rows: int) -> Iterator[Warned]:
    name = column.name
    if column.kind == "empty":
        yield Warned(code="empty", column=name, message=f"Column {name!r} is empty: leave it out.")
    elif column.kind == "constant":
        shown = column.examples[0] if column.examples else ""
        message = f"Column {name!r} is {shown!r} in every row that has a value: there is nothing to learn from it."
        yield Warned(code="constant", column=name, message=message)
    elif column.id_like:
        message = (
            f"Column {name!r} has another value in nearly every row, like an id: no feature, it is learnt by heart. "
            "It is left out unless you choose it."
        )
        yield Warned(code="id_like", column=name, message=message)
    if column.kind != "empty" and column.missing >= _MANY_MISSING * rows:
        share = f"{column.missing:,} of {rows:,} rows ({column.missing / rows:.0%})"
        message = f"Column {name!r} has no value in {share}: a model learns little from it."
        yield Warned(code="missing", column=name, message=message)
    if column.values and len(column.values) == column.distinct <= _MOST_CLASSES:
        value, count = min(column.values.items(), key=lambda item: item[1])
        if count < _RARE * (rows - column.missing):
            message = (
                f"In column {name!r} the value {value!r} occurs in {count:,} of {rows:,} rows ({count / rows:.2%}): if it is a "
                "class to tell, a model hardly learns it, and the share of right answers hides that."
            )
            yield Warned(code="imbalance", column=name, message=message)
    if column.kind == "category":
        yield from _alike(column)


def _alike(column: ColumnReport) -> Iterator[Warned]:
    """Values that differ in case, accents' spelling or a full stop only."""
    same: dict[str, list[str]] = {}
    for value in column.values:
        plain = "".join(unicodedata.normalize("NFKC", value).casefold().rstrip(".,;: ").split())
        same.setdefault(plain, []).append(value)
    for values in same.values():
        if len(values) > 1:
            shown = " and ".join(repr(value) for value in values)
            message = (
                f"Column {column.name!r} holds {shown}: to a training they differ. Spell them the same if they are."
            )
            yield Warned(code="alike_values", column=column.name, message=message)


def _not_too_many(found: list[Warned]) -> list[Warned]:
    """At most ten of a code, then how many more."""
    shown: list[Warned] = []
    codes: dict[str, int] = {}
    for warned in found:
        codes[warned.code] = codes.get(warned.code, 0) + 1
        if codes[warned.code] <= _MOST_OF_A_KIND:
            shown.append(warned)
    for code, count in codes.items():
        if count > _MOST_OF_A_KIND:
            more = f"and {count - _MOST_OF_A_KIND} more of the kind {code.replace('_', ' ')}"
            shown.append(Warned(code=code, message=more))
    return shown
