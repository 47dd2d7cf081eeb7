"""A network that stylises at once, and how it learns: from what another network sees of a style and of its own pictures.

Source: Johnson, Alahi, Fei-Fei 2016, arXiv:1603.08155; instance normalisation: Ulyanov et al. 2016, arXiv:1607.08022; enlarging
before a convolution instead of a transposed one, which leaves a chequered pattern: Odena et al. 2016, doi:10.23915/distill.00003.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from worker.families.styling.features import Features
from worker.families.styling.losses import LEVELS, Style, Weights, loss_of

ops: Any = keras.ops  # its declared types say None where there is none
_UNIT = 64.0  # grey levels that are one for the network


def styling_network(width: int, depth: int) -> keras.Model:
    """Pixels 0..255, float32 (n, height, width, 3), sides multiples of 4, to the same, which may leave 0..255.

    It begins as the picture itself: what its last convolution adds is nothing at first.
    """
    pixels = keras.Input((None, None, 3), name="pixels")
    x = layers.Rescaling(1 / _UNIT, -2.0)(pixels)
    x = _block(x, width, 5)
    x = _block(x, 2 * width, 3, strides=2)
    x = _block(x, 4 * width, 3, strides=2)
    for _ in range(depth):
        x = layers.Add()([x, _block(_block(x, 4 * width, 3), 4 * width, 3, relu=False)])
    for channels in (2 * width, width):
        x = layers.AveragePooling2D(3, 1, "same")(
            layers.UpSampling2D(2)(x)
        )  # nearly bilinear, which Keras has not of any size
        x = _block(x, channels, 3)
    x = layers.Conv2D(3, 5, kernel_initializer="zeros", dtype="float32", name="change")(_mirrored(x, 2))
    return keras.Model(
        pixels, layers.Add(dtype="float32")([pixels, layers.Rescaling(_UNIT, dtype="float32")(x)]), name="styler"
    )


def _block(x: Any, channels: int, side: int, *, strides: int = 1, relu: bool = True) -> Any:
    x = layers.Conv2D(channels, side, strides, use_bias=False, kernel_initializer="he_normal")(_mirrored(x, side // 2))
    x = layers.GroupNormalization(groups=-1, epsilon=1e-5)(x)
    return layers.ReLU()(x) if relu else x


def _mirrored(x: Any, by: int) -> Any:
    """Larger by its own edges, so that the picture's do not show as frames."""
    return ops.pad(x, ((0, 0), (by, by), (by, by), (0, 0)), mode="reflect")


class Styler(keras.Model):
    """The network with what it learns by. Called, it gives stylised pictures, 0..255."""

    def __init__(self, network: keras.Model, features: Features, style: Style, weights: Weights):
        super().__init__(name="style_transfer")
        self.network, self.sees = network, features.network
        self.features, self.style, self.weighed = features, style, weights
        self.seen = [keras.metrics.Mean(name=name) for name in ("content_loss", "style_loss")]
        self.built = True

    def call(self, pixels: Any, training: bool = False) -> Any:
        return tf.clip_by_value(self.network(pixels, training=training), 0.0, LEVELS)

    def _wanted(self, given: Any) -> Any:
        return tf.stop_gradient(self.features.maps(given)[self.features.content])

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Mean over the batch. Keras' own steps call it."""
        painted = self.network(x, training=training)
        w = self.weighed
        weights = (w.content, w.style, w.smoothness)
        total, *parts = loss_of(self.features, self.style, tf.cast(painted, tf.float32), self._wanted(x), weights)
        for tracker, values in zip(self.seen, parts, strict=True):
            tracker.update_state(values)
        return tf.reduce_mean(total)

    def train_step(self, data: Any) -> Any:
        """Keras' own, but for the forward pass that compute_loss() makes by itself."""
        pixels = data[0] if isinstance(data, tuple) else data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(pixels, training=True)
            self._loss_tracker.update_state(loss, sample_weight=tf.shape(pixels)[0])
            scaled = self.optimizer.scale_loss(loss)
        weights = self.trainable_weights
        self.optimizer.apply(tape.gradient(scaled, weights), weights)
        return self.get_metrics_result()

    def test_step(self, data: Any) -> Any:
        pixels = data[0] if isinstance(data, tuple) else data
        loss = self.compute_loss(pixels, training=False)
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(pixels)[0])
        return self.get_metrics_result()
