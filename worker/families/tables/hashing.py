"""Texts in the cells of a table as hashed words and pairs of words."""

import itertools
import re
import zlib

import numpy as np
import pyarrow as pa

from worker.families.tables.cells import Cells, as_array, as_category

TOKENS = 64  # of a text: what comes later is cut
BUCKETS = 8_192  # of hashed tokens
MOST_CHARACTERS = 4_000  # read of one cell: far more than TOKENS words need
UNPARTED = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # scripts without spaces: a character is a word
_WORD = re.compile(rf"[^\W{UNPARTED}]+|[{UNPARTED}]")


def hashed_texts(cells: Cells) -> np.ndarray:
    """uint16 (rows, TOKENS), 0 beyond the end and for missing ones."""
    cells = as_array(cells)
    values = cells.to_pylist()
    if not pa.types.is_string(cells.type):
        values = [None if value is None else as_category(value) for value in values]
    found = np.zeros((len(values), TOKENS), np.uint16)
    for row, value in enumerate(values):
        if value:
            tokens = hashed_tokens(value[:MOST_CHARACTERS])[:TOKENS]
            found[row, : len(tokens)] = tokens
    return found


def hashed_tokens(text: str) -> list[int]:
    """Words (characters, where words are not parted), each followed by its pair with the next one, as numbers 1 to BUCKETS - 1."""
    words = [word.lower() for word in _WORD.findall(text)]
    both: list[str] = []
    for word, following in itertools.zip_longest(words, words[1:]):
        both += [word] if following is None else [word, f"{word} {following}"]
    return [1 + zlib.crc32(token.encode()) % (BUCKETS - 1) for token in both]
