"""Forecasts of a network of series, a few sizes of batch compiled; ends of the interval in order."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

_SIZES = (1, 16, 256, 1_024)  # windows of a call
_MOST_NUMBERS = 32_000_000  # of one layer's activations in a call


class Answering:
    """Made of a model. outputs: 1, or 3 with an interval."""

    def __init__(self, model: Any, params: Any):
        self._model = model
        self.outputs = 3 if params.interval else 1
        length = (params.context + params.horizon) * max(4, self.outputs)
        most = max(16, _MOST_NUMBERS // max(length, params.context * params.width // 4))
        self._sizes = [size for size in _SIZES if size <= most]

    def answers(self, arrays: Mapping[str, np.ndarray], check: Callable[[], None] = lambda: None) -> np.ndarray:
        """float64 (n, horizon, outputs), standardised: the forecast, then the low and the high end of its interval.

        arrays: what SeriesData.inputs() gives. check: called between the pieces.
        """
        rows = len(arrays["past"])
        found = []
        for start in range(0, rows, self._sizes[-1]):
            check()
            found.append(self._some({name: array[start : start + self._sizes[-1]] for name, array in arrays.items()}))
        return np.concatenate(found)

    def _some(self, part: Mapping[str, np.ndarray]) -> np.ndarray:
        rows = len(part["past"])
        size = next(size for size in self._sizes if size >= rows)
        padded = {name: np.zeros((size, *array.shape[1:]), np.float32) for name, array in part.items()}
        for name, array in part.items():
            padded[name][:rows] = array
        said = np.asarray(self._model.predict_on_batch(padded), np.float64)[:rows]
        if self.outputs == 3:
            ends = np.sort(said[..., 1:], axis=-1)
            said[..., 1] = np.minimum(ends[..., 0], said[..., 0])
            said[..., 2] = np.maximum(ends[..., 1], said[..., 0])
        return said
