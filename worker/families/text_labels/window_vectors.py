"""What a frozen encoder says of every window of every text: made once, kept, and read in the place of tokens."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from shared.volume.staging import full_is_said
from worker.context import Context
from worker.families.going import Going
from worker.families.kept import kept
from worker.families.language.vectors import TextVectors
from worker.families.rows import RowFile
from worker.families.text_labels.rows import TextRows
from worker.families.text_labels.tokenizer import EncoderTokenizer
from worker.families.text_labels.tokens import Tokens, window_counts
from worker.families.text_labels.upon_encoder import open_encoder, spread
from worker.recipe import OpenInput

FILE = "vectors.f4"
_HELD_BYTES = 256 << 20  # of a file that is read into memory as a whole
_AT_ONCE = 256  # windows
_VERSION = 1  # raised when the numbers of the same windows change


class WindowVectors:
    """Vectors of the windows of texts by place, as Tokens has their tokens. lengths: int64 (n,), in tokens. width: of a vector."""

    def __init__(self, vectors: np.ndarray | RowFile, lengths: np.ndarray, length: int, width: int):
        self._vectors, self.lengths, self.width = vectors, lengths, width
        counts = window_counts(lengths, length)
        self._begins = np.cumsum(counts) - counts

    def __len__(self) -> int:
        return len(self.lengths)

    def windows(self, places: np.ndarray, numbers: np.ndarray, length: int) -> np.ndarray:
        """float32 (m, width): of each place the window of this number. length: that they were made with."""
        rows = self._begins[places] + numbers
        return self._vectors.take(rows) if isinstance(self._vectors, RowFile) else self._vectors[rows]


def window_vectors(
    opened: OpenInput,
    rows: TextRows,
    tokens: Tokens,
    tokenizer: EncoderTokenizer | Any,
    base: OpenInput,
    params: Any,
    length: int,
    context: Context,
) -> WindowVectors:
    """Those of all texts, or what an earlier training has left."""
    width = base.base.config.width
    depends = {
        "base": base.hash,
        "pooling": params.pooling,
        "length": length,
        "rows": hashlib.sha256(rows.rows.tobytes() + tokens.lengths.tobytes()).hexdigest(),
        "texts": params.texts,
        "version": _VERSION,
    }

    def make(folder: Path) -> dict[str, Any]:
        vocabulary = tokenizer.vocabulary
        room = length + len(vocabulary.before) + len(vocabulary.after)
        vectors = TextVectors(open_encoder(base), vocabulary, pooling=params.pooling, length=room)
        counts = window_counts(tokens.lengths, length)
        owners = np.repeat(np.arange(len(tokens)), counts)
        numbers = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        going = Going(context, "loading", len(owners))
        with full_is_said(), (folder / FILE).open("wb") as out:
            for start in range(0, len(owners), _AT_ONCE):
                some = slice(start, start + _AT_ONCE)
                found = tokens.windows(owners[some], numbers[some], length)
                cut = [vocabulary.around(row[row > 0] - 1) for row in found]
                out.write(spread(vectors.of_tokens(cut, context.check)).astype(np.float32).tobytes())
                going.done(len(cut))
        going.end()
        return {}

    with kept(context, "window_vectors", opened, depends, make) as (folder, _):
        file = RowFile(folder / FILE, np.dtype(np.float32), (width,))
        small = len(file) * width * 4 <= _HELD_BYTES
        return WindowVectors(file.read(0, len(file)) if small else file, tokens.lengths, length, width)
