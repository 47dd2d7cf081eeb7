"""What a segmenter learns by, and the mean IoU of an evaluation. Pixels of no class count nowhere."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from shared.datasets.pairs.storing import NOTHING

_FOCUS = 2.0  # gamma of the focal loss, as in its paper


class MaskLoss(keras.losses.Loss):
    """Cross-entropy, focal loss, or cross-entropy with Dice; the mean over the pixels of a batch that have a class.

    kind: "cross_entropy", "focal" or "dice". weights: of the classes, None for all alike; they do not enter Dice, which counts all
    classes that a batch shows alike. Source: Lin et al. 2017, arXiv:1708.02002; Milletari et al. 2016, arXiv:1606.04797.
    """

    def __init__(self, kind: str, weights: Sequence[float] | None = None):
        super().__init__(name="loss", reduction="sum")
        self.kind, self.weights = kind, weights

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """y_true: numbers (batch, height, width), NOTHING for no class. y_pred: logits float32 (batch, height, width, classes)."""
        classes = y_pred.shape[-1]
        truth, logits = tf.reshape(y_true, [-1]), tf.reshape(tf.cast(y_pred, tf.float32), [-1, classes])
        known = tf.cast(truth != NOTHING, tf.float32)
        labels = tf.cast(tf.where(truth != NOTHING, truth, tf.zeros_like(truth)), tf.int32)
        entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        each = known if self.weights is None else known * tf.gather(tf.constant(self.weights, tf.float32), labels)
        if self.kind == "focal":
            entropy *= tf.pow(1.0 - tf.exp(-entropy), _FOCUS)
        loss = tf.reduce_sum(entropy * each) / tf.maximum(tf.reduce_sum(each), 1.0)
        return loss + _dice(labels, logits, known) if self.kind == "dice" else loss


def _dice(labels: Any, logits: Any, known: Any) -> Any:
    """1 - the mean soft Dice of the classes that the batch shows."""
    said = tf.nn.softmax(logits) * known[:, None]
    true = tf.one_hot(labels, logits.shape[-1]) * known[:, None]
    both, said, true = (tf.reduce_sum(part, 0) for part in (said * true, said, true))
    there = tf.cast(true > 0, tf.float32)
    dice = (2.0 * both + 1.0) / (said + true + 1.0)
    return 1.0 - tf.reduce_sum(dice * there) / tf.maximum(tf.reduce_sum(there), 1.0)


class MeanIou(keras.metrics.Metric):
    """Intersection over union, the mean over the classes that the truth shows, over all pixels seen since the last reset."""

    def __init__(self, classes: int):
        super().__init__(name="mean_iou")
        self._classes = classes
        self._counts: Any = self.add_weight(shape=(classes, classes), initializer="zeros", dtype="int64", name="counts")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """As MaskLoss has them; sample_weight is not looked at."""
        truth = tf.cast(tf.reshape(y_true, [-1]), tf.int32)
        said = tf.reshape(tf.argmax(y_pred, -1, output_type=tf.int32), [-1])
        rows = tf.one_hot(truth, self._classes)  # all zero for NOTHING
        counts = tf.matmul(rows, tf.one_hot(said, self._classes), transpose_a=True)
        self._counts.assign(self._counts + tf.cast(counts, tf.int64))

    def result(self) -> Any:
        counts = tf.cast(self._counts, tf.float32)
        right, true = tf.linalg.diag_part(counts), tf.reduce_sum(counts, 1)
        union = true + tf.reduce_sum(counts, 0) - right
        there = tf.cast(true > 0, tf.float32)
        return tf.reduce_sum(right / tf.maximum(union, 1.0) * there) / tf.maximum(tf.reduce_sum(there), 1.0)
