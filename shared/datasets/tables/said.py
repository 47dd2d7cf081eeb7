"""What the user is told of how a table was read."""

from collections import Counter
from collections.abc import Sequence

from shared.datasets.tables import date_styles, sniffing
from shared.datasets.tables.columns import Kind
from shared.datasets.tables.parts import Part

_MOST_NAMES = 5


def notes_of(parts: Sequence[Part], names: Sequence[str], kinds: Sequence[Kind]) -> list[str]:
    """Sentences on header, delimiter, numbers, dates and missing cells."""
    notes = []
    for part in parts:
        where = (
            "its first line names the columns"
            if part.named
            else "it has no line of names: columns are called column_1 ..."
        )
        if part.delimiter:
            notes.append(
                f"{part.file}: cells parted by {sniffing.SHOWN.get(part.delimiter, repr(part.delimiter))}; {where}"
            )
        elif not part.named:
            notes.append(f"{part.file}: {where}")
    comma = [name for name, kind in zip(names, kinds, strict=True) if kind.stored == "number" and kind.comma]
    if comma:
        notes.append(f"numbers with a decimal comma in {_some(comma)} (option decimal)")
    styles: dict[str, list[str]] = {}
    for name, kind in zip(names, kinds, strict=True):
        if kind.style is not None and kind.style != date_styles.YEAR_FIRST:
            styles.setdefault(kind.style.name, []).append(name)
    notes += [f"dates like {style} in {_some(columns)}" for style, columns in styles.items()]
    for name, kind in zip(names, kinds, strict=True):
        if kind.zoned:
            without = f"; {kind.zoneless:,} have no time zone and are taken as UTC" if kind.zoneless else ""
            notes.append(f"moments of {name} with a time zone ({kind.zoned:,}) are kept in UTC{without}")
    marks: Counter[str] = sum((part.marks for part in parts), Counter())
    if said := [f'"{mark}" ({count:,})' for mark, count in marks.most_common() if mark and count]:
        notes.append(f"read as missing besides empty cells: {', '.join(said)}")
    return notes


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
