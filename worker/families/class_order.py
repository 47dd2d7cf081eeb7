"""In which order classes are numbered: of two the second is the one looked for, whose precision and recall are told."""

from collections.abc import Mapping

_SAID_NO = ("false", "no", "n", "f", "nein", "non", "off", "否", "0")


def commonest(counts: Mapping[str, int], most: int) -> list[str]:
    """The commonest first, equally common ones by name."""
    return sorted(counts, key=lambda value: (-counts[value], value))[:most]


def in_order(counts: Mapping[str, int]) -> list[str]:
    """Numbers by their size, no before yes, else the commonest first. counts: how often each class occurs."""
    try:
        return sorted(counts, key=float)
    except ValueError:
        pass
    if len(counts) == 2:
        no = [value for value in counts if value.casefold() in _SAID_NO]
        if len(no) == 1:
            return [*no, *(value for value in counts if value not in no)]
    return commonest(counts, len(counts))
