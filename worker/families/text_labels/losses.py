"""What many labels are learnt by."""

from collections.abc import Sequence
from typing import Any

import keras

ops: Any = keras.ops


class LabelCrossEntropy(keras.losses.Loss):
    """Mean binary cross-entropy over the labels. truth, scores: float (rows, labels); returns (rows,).

    weights: of the texts that have each label, beside 1 for those that have it not; [] for all alike.
    """

    def __init__(self, weights: Sequence[float] = (), **options: Any):
        super().__init__(**{"name": "label_cross_entropy", **options})
        self.weights = list(weights)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        truth, scores = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        weight = ops.convert_to_tensor(self.weights, "float32") if self.weights else 1.0
        loss = weight * truth * ops.softplus(-scores) + (1.0 - truth) * ops.softplus(scores)
        return ops.mean(loss, axis=-1)
