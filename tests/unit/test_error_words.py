"""The list of all errors a person can meet (docs/list_errors.py): none speaks of Python, and the list is the code's."""

import re

from docs.list_errors import errors

TOLD = errors()
# What a person cannot act upon: types and exceptions of Python, patterns, bare representations.
_FOREIGN = re.compile(
    r"NoneType|<class|Traceback|\bisinstance\b|\bValueError\b|\bTypeError\b|\bKeyError\b|DecompressionBomb|Input should"
    r"|\^\[|\\d|\\w|\{type\(|\{err!r\}|\{repr\("
)


def test_the_list_has_what_the_code_raises():
    words = " ".join(told.words for told in TOLD)
    assert len(TOLD) > 300
    for known in (
        "is encrypted; upload it without a password",
        "does not take us: {why}",
        "this form was sent from another site",
    ):
        assert known in words


def test_every_error_is_a_sentence_for_people():
    wrong = [
        told
        for told in TOLD
        if _FOREIGN.search(told.words) or len(told.words.split()) < 2 or told.words.rstrip().endswith((":", ","))
    ]
    assert not wrong
