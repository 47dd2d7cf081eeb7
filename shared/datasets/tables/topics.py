"""Example texts with labels: paragraphs of Python's language reference, and which section each is of.

The reference comes with Python itself, for help().
"""

import csv
import io
import re
from collections import Counter

FEWEST = 30  # paragraphs of a section: of less nothing is learnt
_SHORTEST = 60  # characters; shorter ones are headings and lines of examples
_BLANK = re.compile(r"\n\s*\n")


def paragraphs() -> list[tuple[str, str]]:
    """(paragraph, section), in the reference's order; those that stand in several sections are left out."""
    from pydoc_data.topics import topics

    sections: dict[str, set[str]] = {}
    for section in sorted(topics):
        for paragraph in _BLANK.split(topics[section]):
            text = " ".join(paragraph.split())
            if len(text) >= _SHORTEST:
                sections.setdefault(text, set()).add(section)
    alone = [(text, next(iter(found))) for text, found in sections.items() if len(found) == 1]
    counts = Counter(section for _, section in alone)
    return [(text, section) for text, section in alone if counts[section] >= FEWEST]


def topics_csv() -> bytes:
    """The paragraphs as a table."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([("paragraph", "section"), *paragraphs()])
    return out.getvalue().encode()
