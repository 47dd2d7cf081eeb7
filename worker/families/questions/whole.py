"""Makes a stretch of a text whole. Of Python's own library alone: it goes with every model that is taken away."""

import unicodedata

_JOINERS = {0x200D, 0xFE0E, 0xFE0F, *range(0x1F3FB, 0x1F400)}  # of emoji: joiner, variation selectors, skin colours
_JOINER = 0x200D
_PARTED = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "GEORGIAN")  # scripts whose words nothing is attached to


def whole(text: str, start: int, end: int) -> tuple[int, int]:
    """A stretch of a text, [start, end) in characters, without the white space around it, and with all that belongs to its
    first and last characters: the rest of a word or of a number, combining marks, and what emoji are joined of.

    Letters and digits that stand together are apart ("1880" of "1880s"), and so are words of scripts that attach things to
    them or do not part them.
    """
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    if start == end:
        return start, end
    while start > 0 and _together(text, start):
        start -= 1
    while end < len(text) and _together(text, end):
        end += 1
    return start, end


def _together(text: str, at: int) -> bool:
    """Whether a character belongs to the one before it."""
    before, here = text[at - 1], text[at]
    if (ord(before) == _JOINER and unicodedata.category(here) == "So") or ord(here) in _JOINERS:
        return True
    if unicodedata.category(here) in ("Mn", "Me", "Mc"):
        return True
    return (before.isdecimal() and here.isdecimal()) or (_in_a_word(before) and _in_a_word(here))


def _in_a_word(character: str) -> bool:
    """A letter of a script that parts words; a mark on one counts, as it is met between two letters."""
    if unicodedata.category(character) == "Mn":
        return True
    return character.isalpha() and unicodedata.name(character, "").startswith(_PARTED)
