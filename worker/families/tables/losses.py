"""What the members of a table's network learn by. Every member learns by its own answer, so that they differ."""

from typing import Any

import keras

ops: Any = keras.ops
LOW, HIGH = 0.05, 0.95  # the ends of the interval told with a number
GAMMA = 2.0  # of the focal loss, from its paper


class MemberCrossEntropy(keras.losses.Loss):
    """Mean cross-entropy of the members. truth: int (rows, 1); scores: float32 (rows, members, classes). Returns (rows,).

    gamma > 0: focal loss. Source: Lin et al. 2017, arXiv:1708.02002.
    """

    def __init__(self, gamma: float = 0.0, **options: Any):
        super().__init__(**{"name": "member_cross_entropy", **options})
        self.gamma = gamma

    def call(self, y_true: Any, y_pred: Any) -> Any:
        logs = ops.log_softmax(ops.cast(y_pred, "float32"), axis=-1)
        wanted = ops.one_hot(ops.cast(y_true, "int32")[:, 0], y_pred.shape[-1])[:, None, :]
        log = ops.sum(logs * wanted, axis=-1)
        weight = (1.0 - ops.exp(log)) ** self.gamma if self.gamma else 1.0
        return -ops.mean(weight * log, axis=-1)


class MemberRegression(keras.losses.Loss):
    """Squared error of the first output, and the quantile losses of two more, of each member. Returns (rows,).

    truth: float (rows, 1), standardised; said: float32 (rows, members, 3). Source: Koenker, Bassett 1978 (quantiles).
    """

    def __init__(self, **options: Any):
        super().__init__(**{"name": "member_regression", **options})

    def call(self, y_true: Any, y_pred: Any) -> Any:
        error = ops.cast(y_true, "float32")[:, None, :] - ops.cast(y_pred, "float32")
        loss = ops.square(error[..., 0])
        for place, quantile in ((1, LOW), (2, HIGH)):
            loss = loss + ops.maximum(quantile * error[..., place], (quantile - 1.0) * error[..., place])
        return ops.mean(loss, axis=-1)
