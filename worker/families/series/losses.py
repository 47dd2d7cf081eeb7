"""What networks of series learn by: the point forecast and both ends of the interval, missing values left out."""

from typing import Any

import keras

ops: Any = keras.ops


def quantiles_of(interval: float) -> tuple[float, ...]:
    """The quantiles at both ends of an interval that holds this share; () for none."""
    return ((1 - interval) / 2, (1 + interval) / 2) if interval else ()


class SeriesLoss(keras.losses.Loss):
    """Squared error of a mean, or twice the quantile loss of a median, of the first output; the quantile losses of the others.

    truth: float32 (batch, horizon, 1), standardised, NaN where missing; said: float32 (batch, horizon, 1 or 3). Returns (batch,).
    Source: Koenker, Bassett 1978 (quantiles).
    """

    def __init__(self, point: str = "mean", interval: float = 0.0, **options: Any):
        super().__init__(**{"name": "series_loss", **options})
        self.point, self.quantiles = point, quantiles_of(interval)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        truth = ops.cast(y_true, "float32")[..., 0]
        known = ops.logical_not(ops.isnan(truth))
        error = ops.where(known, truth, 0.0)[..., None] - ops.cast(y_pred, "float32")
        loss = ops.square(error[..., 0]) if self.point == "mean" else ops.absolute(error[..., 0])
        for place, quantile in enumerate(self.quantiles, 1):
            loss = loss + ops.maximum(quantile * error[..., place], (quantile - 1.0) * error[..., place])
        there = ops.cast(known, "float32")
        return ops.sum(loss * there, axis=-1) / ops.maximum(ops.sum(there, axis=-1), 1.0)
