"""What a writer learns by."""

from typing import Any

import keras

from worker.families.translating.pieces import PAD

ops: Any = keras.ops


class TokenCrossEntropy(keras.losses.Loss):
    """Mean cross-entropy over the tokens that are there. y_true: int (batch, T), filled up with 0; y_pred: logits (batch, T,
    kinds).

    smoothing: share of each truth that is spread evenly over all kinds. Source: Szegedy et al. 2016, arXiv:1512.00567.
    """

    def __init__(self, smoothing: float = 0.0, **options: Any):
        super().__init__(**{"name": "token_cross_entropy", **options})
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        there = ops.cast(ops.not_equal(y_true, PAD), "float32")
        return ops.sum(self.of_each(y_true, y_pred) * there) / ops.maximum(ops.sum(there), 1.0)

    def of_each(self, y_true: Any, y_pred: Any) -> Any:
        """float32 (batch, T), those that only fill up included."""
        logs = ops.log_softmax(ops.cast(y_pred, "float32"))
        found = -ops.squeeze(ops.take_along_axis(logs, ops.cast(y_true, "int32")[..., None], -1), -1)
        if not self.smoothing:
            return found
        return (1.0 - self.smoothing) * found - self.smoothing * ops.mean(logs, -1)
