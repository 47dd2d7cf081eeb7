"""Names of columns: none empty, none twice, none that cannot be shown."""

import unicodedata
from collections.abc import Sequence

from shared.datasets.archive import UNFIT
from shared.datasets.marks import long_run

_LONGEST = 200  # characters


def clean(name: str) -> str:
    """Without control characters and surrounding space, composed, at most 200 characters."""
    name = " ".join(name[: 4 * _LONGEST].split())
    if long_run(name) is None:
        name = unicodedata.normalize("NFC", name)
    return UNFIT.sub("", name).strip()[:_LONGEST]


def unique_names(written: Sequence[str], file: str, notes: list[str]) -> list[str]:
    """Names for columns called so in a file: empty ones become column_3, repeated ones price_2. Notes say what was changed."""
    taken = {clean(name) for name in written}
    found: list[str] = []
    unnamed, renamed, seen = [], [], set()
    for number, name in enumerate(map(clean, written), 1):
        if not name:
            name = _free(f"column_{number}", taken | seen)
            unnamed.append(name)
        elif name in seen:
            first, name = name, _free(name, taken | seen)
            renamed.append(f"{first} -> {name}")
        seen.add(name)
        found.append(name)
    if unnamed and len(unnamed) < len(found):
        notes.append(f"{file}: columns without a name are called {_some(unnamed)}")
    if renamed:
        notes.append(f"{file}: names that occur twice were changed: {_some(renamed)}")
    return found


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
