"""What a detector learns by: whether something is at a place, where its sides are, and how sure it is of these."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from worker.families.boxes.assigning import assign
from worker.families.boxes.geometry import BINS, boxes_of, complete_overlaps, places

# How much each part counts; as YOLOv8 has them.
_BOX, _CLASS, _SIDES = 7.5, 0.5, 1.5


class BoxLoss(keras.losses.Loss):
    """Cross-entropy of the scores, complete IoU of the boxes and cross-entropy of their sides.

    Each is divided by the sum of the assigned scores.

    Source: Zheng et al. 2020, arXiv:1911.08287; distribution focal loss: Li et al. 2020, arXiv:2006.04388.
    """

    def __init__(self, shape: Sequence[int]):
        super().__init__(name="loss", reduction="sum")
        self._at, self._strides = places((shape[0], shape[1]))

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """y_true: float32 (batch, boxes, 5), a box in pixels and its class, -1 for no box. y_pred: float32 (batch, places,
        4 * BINS + classes), logits. Returns a number."""
        at, strides = tf.constant(self._at), tf.constant(self._strides)
        y_pred = tf.cast(y_pred, tf.float32)
        sides, logits = y_pred[..., : 4 * BINS], y_pred[..., 4 * BINS :]
        said = boxes_of(sides, at, strides)
        truth, labels = y_true[..., :4], tf.cast(y_true[..., 4], tf.int32)
        target = assign(tf.stop_gradient(said), tf.nn.sigmoid(tf.stop_gradient(logits)), truth, labels, at)
        total = tf.maximum(tf.reduce_sum(target.weights), 1.0)
        entropy = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(target.scores, logits)) / total
        boxes = tf.reduce_sum((1.0 - complete_overlaps(said, target.boxes)) * target.weights) / total
        distances = _distances(target.boxes, at, strides)
        exact = tf.reduce_sum(_side_losses(sides, distances) * target.weights) / total
        return _CLASS * entropy + _BOX * boxes + _SIDES * exact


def _distances(boxes: Any, at: Any, strides: Any) -> Any:
    """From each place to the sides of its box, in strides, as far as the bins go: float32 (batch, places, 4)."""
    found = tf.concat([at - boxes[..., :2], boxes[..., 2:] - at], -1) / strides[:, None]
    return tf.clip_by_value(found, 0.0, BINS - 1 - 0.01)


def _side_losses(sides: Any, distances: Any) -> Any:
    """Cross-entropy with the two bins beside the true distance, the mean over the sides: float32 (batch, places)."""
    logits = tf.reshape(sides, [tf.shape(sides)[0], -1, 4, BINS])
    low = tf.floor(distances)
    upper = distances - low
    lower_bin = tf.cast(low, tf.int32)
    target = tf.one_hot(lower_bin, BINS) * (1.0 - upper)[..., None] + tf.one_hot(lower_bin + 1, BINS) * upper[..., None]
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(target, logits), -1)
