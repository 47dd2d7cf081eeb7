"""Finds runs of combining marks that are too long to be composed (NFC). Called before every composition of what was uploaded.

CPython puts the marks of a character in order by insertion, which is quadratic, and lets no other thread run meanwhile:
25,000 of them stopped a web server for seconds, a megabyte for minutes.
"""

import functools
import re
import unicodedata

MOST_MARKS = 64  # Unicode's Stream-Safe Text Format (UAX #15) has 30; playful "Zalgo" text some 20
TOO_MANY = f"has more than {MOST_MARKS} combining marks (accents) on one character; at most {MOST_MARKS} are taken"
_PIECE = 1 << 16  # characters searched at a time: other threads may run between two


def long_run(text: str) -> int | None:
    """Where the first run of more than MOST_MARKS marks begins, None if there is none."""
    if text.isascii():
        return None
    rough, exact = _patterns()
    for start in range(0, len(text), _PIECE):
        at, end = start, start + _PIECE + MOST_MARKS
        while found := rough.search(text, at, end):
            if run := exact.search(text, found.start(), found.end()):
                return run.start()
            at = found.end()
    return None


@functools.cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """(a quick pattern that finds every long run and maybe more, the exact one).

    A mark is what has a combining class, or decomposes into such alone, as U+0F73 does. Beyond U+FFFF Python's sets are
    searched one range after the other, 25 times as slow on Chinese: the quick pattern takes that whole plane for marks.
    """
    marks = [mark for mark in map(chr, range(0x300, 0x20000)) if _is_mark(mark)]
    more = MOST_MARKS + 1
    low = "".join(mark for mark in marks if mark <= "\uffff")
    return re.compile(f"[{low}\U00010000-\U0001ffff]{{{more},}}"), re.compile(f"[{''.join(marks)}]{{{more}}}")


def _is_mark(char: str) -> bool:
    if unicodedata.combining(char):
        return True
    return bool(unicodedata.decomposition(char) and unicodedata.combining(unicodedata.normalize("NFD", char)[0]))
