"""Texts as vectors: cut into the tokens of an encoder that came as a base, read by it, pooled."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tokenizers import Tokenizer

from shared.bases.manifest import TOKENIZER
from worker.families.language.encoder import FILLER, Encoder, pooled, unit

_NUMBERS = 1 << 23  # of the widest layer of one call: 32 MB in float32
_EIGHT = 8  # lengths of rows are multiples of it: few shapes are ever traced


class EncoderVocabulary:
    """An encoder's tokenizer. before, after: the special tokens that stand around a text. size: how many tokens it knows.

    between: those that stand between two texts that are read together; before and after then stand around both.
    """

    def __init__(self, definition: str):
        self.definition = definition
        self._tokenizer = Tokenizer.from_str(definition)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.size = self._tokenizer.get_vocab_size()
        bare, framed = (self._tokenizer.encode("a", add_special_tokens=with_them).ids for with_them in (False, True))
        at = next((i for i in range(len(framed)) if framed[i : i + len(bare)] == bare), 0)
        self.before, self.after = framed[:at], framed[at + len(bare) :]
        both = self._tokenizer.encode("a", "a").ids
        self.between = both[at + len(bare) : len(both) - len(self.after) - len(bare)]

    @classmethod
    def of(cls, folder: Path) -> "EncoderVocabulary":
        """That of the base in a folder."""
        return cls((folder / TOKENIZER).read_text(encoding="utf-8"))

    def number(self, token: str) -> int | None:
        """The number of a token, None where there is none."""
        return self._tokenizer.token_to_id(token)

    def tokens(self) -> list[str]:
        """Every token as it is written in the tokenizer, by number; "" where there is none."""
        return [self._tokenizer.id_to_token(number) or "" for number in range(self.size)]

    def pieces(self, texts: Sequence[str]) -> list[np.ndarray]:
        """int32 (tokens,) of each text, without special tokens."""
        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(one.ids, np.int32) for one in encoded]

    def pieces_at(self, texts: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Pieces of each text, int32 (tokens,), and where each stands in it, [start, end) in characters: int32 (tokens, 2)."""
        encoded = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [(np.array(one.ids, np.int32), np.array(one.offsets, np.int32).reshape(-1, 2)) for one in encoded]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where each of a text's pieces stands in it, [start, end) in characters."""
        return self._tokenizer.encode(text, add_special_tokens=False).offsets

    def file(self) -> str:
        """tokenizer.json of a model that is taken away: it neither cuts nor fills up."""
        return self._tokenizer.to_str(pretty=True)

    def framed(self, texts: Sequence[str], length: int) -> list[np.ndarray]:
        """int32 (tokens,) of each text with the special tokens around it, cut to `length`."""
        room = max(length - len(self.before) - len(self.after), 0)
        return [self.around(pieces[:room]) for pieces in self.pieces(texts)]

    def around(self, pieces: np.ndarray) -> np.ndarray:
        """Pieces with the special tokens around them."""
        before, after = (np.array(some, np.int32) for some in (self.before, self.after))
        return np.concatenate([before, pieces, after])


class TextVectors:
    """Makes vectors of texts. pooling: see encoder.pooled. length: tokens of a text that are read, special ones included.

    normal: vectors have length 1.
    """

    def __init__(
        self,
        model: Encoder,
        vocabulary: EncoderVocabulary,
        *,
        pooling: str = "mean",
        length: int = 256,
        normal: bool = True,
    ):
        self.vocabulary, self.length = vocabulary, min(length, model.config.context)
        self.width = model.config.width
        self._model = model
        self._widest = max(2 * model.config.inner, model.config.heads * self.length)

        @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)], autograph=False)
        def read(rows: Any) -> Any:
            found = pooled(rows, model(rows, training=False), pooling)
            return unit(found) if normal else found

        self._read = read

    def of(self, texts: Sequence[str], check: Callable[[], None] = lambda: None) -> np.ndarray:
        """float32 (texts, width), in their order. check: called before each call of the encoder; may raise."""
        return self.of_tokens(self.vocabulary.framed(texts, self.length), check)

    def of_tokens(self, rows: Sequence[np.ndarray], check: Callable[[], None] = lambda: None) -> np.ndarray:
        """The same of texts that are cut already, special tokens included. Those of like length are read together."""
        found = np.zeros((len(rows), self.width), np.float32)
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        while order:
            longest = -(-max(len(rows[order[-1]]), 1) // _EIGHT) * _EIGHT
            some = order[-max(1, _NUMBERS // (longest * self._widest)) :]
            del order[-len(some) :]
            check()
            filled = np.full((len(some), longest), FILLER, np.int32)
            for place, row in enumerate(some):
                filled[place, : len(rows[row])] = rows[row]
            found[some] = self._read(filled).numpy()
        return found
