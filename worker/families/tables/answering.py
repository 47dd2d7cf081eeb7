"""Answers of a table's network: the members' together, in the units of the table."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from worker.families.tables.features import Features
from worker.recipe import Assets

_SIZES = (1, 16, 256, 4_096)  # rows of a call: few sizes are ever compiled
_MOST_NUMBERS = 32_000_000  # of one layer's activations in a call


class Answering:
    """Makes answers of encoded rows. classes: their names, [] where numbers are told. columns: what it is told from, by kind."""

    def __init__(self, model: Any, assets: Assets, params: Any):
        self.features = Features.from_json(assets["features"])
        self.classes: list[str] = assets["classes"]
        self.target: str = assets["target"]
        self.kinds: dict[str, str] = {name: assets["kinds"][name] for name in self.features.columns}
        self._mean, self._std = (float(number) for number in assets.arrays["target"])
        self._model = model
        inputs = 16 * (len(self.features.numbers) + len(self.features.categories)) + 32 * len(self.features.texts)
        members = params.members if params.network == "members" else 1
        most = max(16, _MOST_NUMBERS // (members * max(params.width, inputs)))
        self.sizes = [size for size in _SIZES if size <= most]

    def answers(self, arrays: Mapping[str, np.ndarray], check: Callable[[], None] = lambda: None) -> np.ndarray:
        """float64 (n, classes): shares that sum to 1; of numbers (n, 3): the number and both ends of its interval.

        check: called between the pieces.
        """
        rows = len(next(iter(arrays.values())))
        found = []
        for start in range(0, rows, self.sizes[-1]):
            check()
            part = {name: array[start : start + self.sizes[-1]] for name, array in arrays.items()}
            found.append(self._together(self._outputs(part)))
        return np.concatenate(found)

    def _outputs(self, part: Mapping[str, np.ndarray]) -> np.ndarray:
        """float64 (n, members, outputs), n at most the largest size; padded to the next one."""
        rows = len(next(iter(part.values())))
        size = next(size for size in self.sizes if size >= rows)
        padded = {}
        for name, array in part.items():
            whole = np.zeros((size, *array.shape[1:]), np.float32 if name == "numbers" else np.int32)
            whole[:rows] = array
            padded[name] = whole
        return np.asarray(self._model.predict_on_batch(padded), np.float64)[:rows]

    def _together(self, outputs: np.ndarray) -> np.ndarray:
        if self.classes:
            powers = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
            shares = (powers / powers.sum(axis=-1, keepdims=True)).mean(axis=1)
            return shares / shares.sum(axis=-1, keepdims=True)
        said = np.sort(outputs.mean(axis=1)[:, 1:], axis=1)
        middle = outputs.mean(axis=1)[:, :1]
        ends = np.concatenate([np.minimum(said[:, :1], middle), np.maximum(said[:, 1:], middle)], axis=1)
        return np.concatenate([middle, ends], axis=1) * self._std + self._mean

    def standardised(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers in the units they are learnt in."""
        return (numbers - self._mean) / self._std
