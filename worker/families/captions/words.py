"""Texts as the network reads them: cut into tokens, or, where nothing learns of the encoder, as vectors made beforehand."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shared.bases.encoder import EncoderConfig
from shared.bases.manifest import TOKENIZER
from worker.context import Context
from worker.families.text_labels.text_vectors import text_vectors
from worker.families.text_labels.tokenizer import PAD, EncoderTokenizer, TextTokenizer, learn_tokenizer
from worker.families.text_labels.upon_encoder import encoder_json, most_tokens
from worker.recipe import OpenInput

_AT_ONCE = 1_024  # texts cut or read together
_EIGHT = 8  # lengths are multiples of it
_HEADS, _INNER = 32, 2  # numbers of a head; the perceptron's width in widths. Guesses
LEARNT_FROM = 200_000  # texts that tokens are learnt from


class Words:
    """Cuts texts into tokens for a network. json, arrays: what goes into the assets. length: tokens of a text that are read."""

    def __init__(self, tokenizer: TextTokenizer, length: int, json: dict[str, Any], arrays: dict[str, np.ndarray]):
        self.tokenizer, self.length, self.json, self.arrays = tokenizer, length, json, arrays

    def rows(self, texts: Sequence[str]) -> list[np.ndarray]:
        """int32 (tokens,) of each text, at most `length`."""
        return [tokens[: self.length] for tokens in self.tokenizer.encode(texts)]


def words_upon(base: OpenInput, params: Any) -> Words:
    """As the encoder in `base` reads them."""
    definition = (base.folder / TOKENIZER).read_text(encoding="utf-8")
    tokenizer = EncoderTokenizer(definition)
    length = min(params.max_length, most_tokens(base.base.config, tokenizer))
    arrays = {"tokenizer": np.frombuffer(definition.encode(), np.uint8).copy()}
    return Words(tokenizer, length, encoder_json(base) | {"length": length}, arrays)


def own_words(texts: Sequence[str], params: Any) -> Words:
    """Tokens learnt from the texts of the training part, and how much each weighs, or the shape of an encoder to be trained."""
    definition = learn_tokenizer(params.tokens, texts[:LEARNT_FROM], len(texts), params.vocabulary_size)
    tokenizer = TextTokenizer(definition)
    json = {"tokenizer": definition, "length": params.max_length}
    if not params.text_layers:
        return Words(tokenizer, params.max_length, json, {"rarity": _rarity(tokenizer, texts[:LEARNT_FROM])})
    config = EncoderConfig(
        vocabulary=tokenizer.size,
        context=params.max_length,
        width=params.text_width,
        layers=params.text_layers,
        heads=max(params.text_width // _HEADS, 1) if params.text_width % _HEADS == 0 else 1,
        inner=_INNER * params.text_width,
        norm_epsilon=1e-6,
        activation="gelu",
    )
    return Words(tokenizer, params.max_length, json | {"own_encoder": config.model_dump(mode="json")}, {})


def _rarity(tokenizer: TextTokenizer, texts: Sequence[str]) -> np.ndarray:
    """float32 (tokens,): how much each weighs, 1 on the average; nothing what fills up or is not known.

    Source: inverse document frequency, Sparck Jones 1972.
    """
    counts = np.zeros(tokenizer.size, np.int64)
    for start in range(0, len(texts), _AT_ONCE):
        for tokens in tokenizer.encode(texts[start : start + _AT_ONCE]):
            counts[np.unique(tokens)] += 1
    found = np.log((1 + len(texts)) / (1 + counts)) + 1
    found[[PAD, tokenizer.unknown]] = 0
    return (found / max(float(found.mean()), 1e-9)).astype(np.float32)


def filled(rows: Sequence[np.ndarray], length: int = 0) -> np.ndarray:
    """int32 (texts, length): tokens, PAD behind them. length 0: the longest's, as a multiple of eight."""
    length = length or -(-max(map(len, rows), default=1) // _EIGHT) * _EIGHT or _EIGHT
    found = np.full((len(rows), length), PAD, np.int32)
    for place, row in enumerate(rows):
        found[place, : len(row)] = row
    return found


class TokenRows:
    """Tokens of many texts by number, each as long as the longest of them."""

    def __init__(self, words: Words, texts: Sequence[str], check: Callable[[], None]):
        rows: list[np.ndarray] = []
        for start in range(0, len(texts), _AT_ONCE):
            check()
            rows += words.tokenizer.encode(texts[start : start + _AT_ONCE])
        self.cut = sum(len(row) > words.length for row in rows)
        self._filled = filled([row[: words.length] for row in rows])
        self.shape, self.kind = self._filled.shape[1:], np.dtype(np.int32)

    def take(self, numbers: np.ndarray) -> np.ndarray:
        """int32 (n, time)."""
        return self._filled[numbers]


class VectorRows:
    """Vectors of many texts by number, made once by an encoder of which nothing learns, and kept for the next training."""

    def __init__(
        self, opened: OpenInput, base: OpenInput, texts: Sequence[str], words: Words, pooling: str, context: Context
    ):
        self._file = text_vectors(opened, base, texts, pooling=pooling, length=words.length, context=context)
        self.shape, self.kind, self.cut = (base.base.config.width,), np.dtype(np.float32), 0

    def take(self, numbers: np.ndarray) -> np.ndarray:
        """float32 (n, width), of length 1."""
        return self._file.take(numbers)
