"""What a restoring network is trained by, and what is watched. The truth has a further channel: what counts, 0 or 255."""

from typing import Any

import keras
import tensorflow as tf

_EPSILON = 1e-3  # of values 0..1: below, the loss is round instead of pointed. Lai et al. 2017
PEAK = 255.0
MOST_DB = 100.0  # what pictures without any difference are said to have


def _parted(truth: Any, said: Any) -> tuple[Any, Any]:
    """Differences of values 0..1 and how much each counts, 0 or 1: float32 (batch, height, width, channels), (..., 1)."""
    truth, said = tf.cast(truth, tf.float32) / PEAK, tf.cast(said, tf.float32) / PEAK
    return said - truth[..., :-1], truth[..., -1:]


class Charbonnier(keras.losses.Loss):
    """sqrt(difference² + 0.001²), mean over the pixels that count: the absolute difference, but smooth at zero.

    Source: Lai et al. 2017 (LapSRN), arXiv:1704.03915.
    """

    def __init__(self):
        super().__init__(name="loss", reduction="sum")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        difference, counts = _parted(y_true, y_pred)
        each = tf.sqrt(tf.square(difference) + _EPSILON**2) * counts
        channels = tf.cast(tf.shape(difference)[-1], tf.float32)
        return tf.reduce_sum(each) / tf.maximum(tf.reduce_sum(counts) * channels, 1.0)


class Psnr(keras.metrics.Metric):
    """10 lg (255² / mean squared difference), over the pixels that count; the mean over pieces of pictures, in dB."""

    def __init__(self):
        super().__init__(name="psnr", dtype="float32")
        self._sum: Any = self.add_weight(name="sum", initializer="zeros")
        self._count: Any = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        difference, counts = _parted(y_true, y_pred)
        channels = tf.cast(tf.shape(difference)[-1], tf.float32)
        known = tf.reduce_sum(counts, [1, 2, 3])
        squares = tf.reduce_sum(tf.square(difference) * counts, [1, 2, 3]) / tf.maximum(known * channels, 1.0)
        each = -10 / tf.math.log(10.0) * tf.math.log(tf.maximum(squares, 10 ** (-MOST_DB / 10)))
        there = tf.cast(known > 0, tf.float32)
        self._sum.assign_add(tf.reduce_sum(each * there))
        self._count.assign_add(tf.reduce_sum(there))

    def result(self) -> Any:
        return tf.math.divide_no_nan(tf.cast(self._sum, tf.float32), tf.cast(self._count, tf.float32))
