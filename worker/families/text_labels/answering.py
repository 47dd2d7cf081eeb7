"""Answers of a text network: those of a text's windows together."""

from collections.abc import Callable
from typing import Any

import numpy as np

from worker.families.text_labels.tokenizer import tokenizer_of
from worker.families.text_labels.tokens import Tokens, trimmed, window_counts
from worker.recipe import Assets

_SIZES = (1, 16, 64, 256)  # windows of a call: few sizes are ever compiled
_MOST_NUMBERS = 32_000_000  # of one layer's activations in a call


class Answering:
    """Makes answers of texts. names: of the labels. many: a text may have several. columns: of the texts it learnt from."""

    def __init__(self, model: Any, assets: Assets, params: Any):
        self.names: list[str] = assets["names"]
        self.many: bool = assets["many"]
        self.columns: list[str] = assets["texts"]
        self.label_columns: list[str] = assets["labels"]
        self.label_mark: str = params.label_mark
        self.length: int = assets["length"]
        self.tokenizer = tokenizer_of(assets)
        self._model = model
        self._encoder = assets.json.get("encoder")
        if self._encoder is not None:
            widest = max(2 * self._encoder["inner"], self._encoder["heads"] * self.length)
        else:
            wide = params.heads * self.length if params.network == "transformer" else 0
            widest = max(4 * params.width, wide)
        most = _MOST_NUMBERS // (self.length * widest)
        self.sizes = [size for size in _SIZES if size <= max(most, 1)]

    def cut(self, texts: list[str]) -> Tokens:
        return Tokens.of(self.tokenizer.encode(texts))

    def answers(self, tokens: Any, places: np.ndarray, check: Callable[[], None] = lambda: None) -> np.ndarray:
        """float64 (n, labels): shares that sum to 1, or of many labels the probability of each. check: called as it goes.

        tokens: Tokens, or what is read in their place: vectors of their windows.
        """
        counts = window_counts(tokens.lengths[places], self.length)
        owners = np.repeat(np.arange(len(places)), counts)
        numbers = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        sums = np.zeros((len(places), len(self.names)))
        order = np.argsort(tokens.lengths[places[owners]], kind="stable")  # windows of like length together
        for start in range(0, len(owners), self.sizes[-1]):
            check()
            some = order[start : start + self.sizes[-1]]
            windows = tokens.windows(places[owners[some]], numbers[some], self.length)
            np.add.at(sums, owners[some], self._shares(windows))
        return sums / counts[:, None]

    def all_answers(self, tokens: Tokens, check: Callable[[], None] = lambda: None) -> np.ndarray:
        """Of every text, in order."""
        return self.answers(tokens, np.arange(len(tokens)), check)

    def _shares(self, windows: np.ndarray) -> np.ndarray:
        """float64 (n, labels), n at most the largest size; padded to the next one."""
        size = next(size for size in self.sizes if size >= len(windows))
        if self._encoder is not None and windows.dtype == np.int32:
            windows = trimmed(windows)
        padded = np.zeros((size, windows.shape[1]), windows.dtype)
        padded[: len(windows)] = windows
        scores = np.asarray(self._model.predict_on_batch(padded), np.float64)[: len(windows)]
        if self.many:
            return 0.5 * (1 + np.tanh(0.5 * scores))
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
