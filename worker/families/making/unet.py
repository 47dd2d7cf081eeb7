"""A small U-Net that tells the noise in a picture: residual blocks that know how much there is, and of which class the picture is.

The picture is folded first (`fold` by `fold` pixels become channels), which makes a step so many times cheaper for nearly the same
pictures: Hoogeboom et al. 2023, arXiv:2301.11093. Source of the network: Ho et al. 2020, arXiv:2006.11239.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

_FREQUENCIES = 32
_ATTENTION_FROM = 256  # places of a map: of larger ones it costs too much


@keras.saving.register_keras_serializable(package="trainyard")
class Waves(layers.Layer):
    """Times 0..1 (batch,) as sines and cosines of many frequencies, (batch, 2 * _FREQUENCIES): Vaswani et al. 2017."""

    def call(self, time: Any) -> Any:
        rates = tf.exp(tf.linspace(0.0, math.log(1_000.0), _FREQUENCIES))
        angles = tf.cast(time, tf.float32)[:, None] * rates[None]
        return tf.cast(tf.concat([tf.sin(angles), tf.cos(angles)], 1), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape, 2 * _FREQUENCIES)


@keras.saving.register_keras_serializable(package="trainyard")
class Folded(layers.Layer):
    """(batch, height, width, channels) with blocks of pixels as channels; sides that are no multiple are filled with zeros."""

    def __init__(self, fold: int, **options: Any):
        super().__init__(**options)
        self.fold = fold

    def call(self, pictures: Any) -> Any:
        down, right = (-pictures.shape[axis] % self.fold for axis in (1, 2))
        padded = tf.pad(pictures, [[0, 0], [0, down], [0, right], [0, 0]])
        return tf.nn.space_to_depth(padded, self.fold) if self.fold > 1 else padded

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, channels = input_shape
        return (batch, -(-height // self.fold), -(-width // self.fold), channels * self.fold**2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "fold": self.fold}


@keras.saving.register_keras_serializable(package="trainyard")
class Unfolded(layers.Layer):
    """The other way round: to (batch, *size, channels)."""

    def __init__(self, fold: int, size: Sequence[int], **options: Any):
        super().__init__(**options)
        self.fold, self.size = fold, tuple(size)

    def call(self, maps: Any) -> Any:
        whole = tf.nn.depth_to_space(maps, self.fold) if self.fold > 1 else maps
        return whole[:, : self.size[0], : self.size[1]]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], *self.size, input_shape[3] // self.fold**2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "fold": self.fold, "size": self.size}


def fold_for(side: int) -> int:
    """1 below 20 pixels, 2 below 64, else 4: a guess at what two cores bear."""
    return 1 if side < 20 else 2 if side < 64 else 4


def unet(
    shape: Sequence[int], classes: int, *, width: int, depth: int, levels: int, fold: int, dropout: float
) -> keras.Model:
    """From (pictures (batch, *shape), times (batch,), classes (batch,) where there are some) to float32 like the pictures.

    classes: how many, 0 for none; the number after the last one means "any". width: channels of the first level. depth: blocks of
    each. levels: sizes of maps, each half as large.
    """
    pictures, time = keras.Input(tuple(shape), name="pictures"), keras.Input((), name="time")
    inputs = [pictures, time]
    known = layers.Dense(4 * width, activation="silu")(Waves()(time))
    if classes:
        of = keras.Input((), dtype="int32", name="of")
        inputs.append(of)
        known = layers.Add()([known, layers.Embedding(classes + 1, 4 * width)(of)])
    known = layers.Activation("silu")(layers.Dense(4 * width)(known))
    x = layers.Conv2D(width, 3, padding="same")(Folded(fold)(pictures))
    left = []
    for level in range(levels):
        channels = width * min(level + 1, 4)
        for _ in range(depth):
            x = _block(x, known, channels, dropout)
            left.append(x)
        if level < levels - 1:
            x = layers.Conv2D(channels, 3, 2, "same")(x)
    x = _attention(_block(x, known, x.shape[-1], dropout))
    x = _block(x, known, x.shape[-1], dropout)
    for level in reversed(range(levels)):
        channels = width * min(level + 1, 4)
        for _ in range(depth):
            x = _block(layers.Concatenate()([x, left.pop()]), known, channels, dropout)
        if level:
            larger = left[-1].shape
            x = layers.UpSampling2D(2)(x)
            x = layers.Cropping2D(((0, x.shape[1] - larger[1]), (0, x.shape[2] - larger[2])))(x)
            x = layers.Conv2D(x.shape[-1], 3, padding="same")(x)
    x = layers.Activation("silu")(_norm(x))
    x = layers.Conv2D(shape[2] * fold**2, 3, padding="same", kernel_initializer="zeros")(x)
    return keras.Model(inputs, Unfolded(fold, shape[:2], dtype="float32")(x), name="unet")


@keras.saving.register_keras_serializable(package="trainyard")
class Norm(layers.Layer):
    """Group normalisation (Wu, He 2018) in few passes: Keras' own took a third of a step here."""

    def __init__(self, groups: int, **options: Any):
        super().__init__(**options)
        self.groups = groups

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
        self.offset = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="offset")

    def call(self, x: Any) -> Any:
        _, height, width, channels = x.shape
        each = channels // self.groups
        grouped = tf.reshape(tf.cast(x, tf.float32), (-1, height * width, self.groups, each))
        mean, variance = tf.nn.moments(grouped, (1, 3), keepdims=True)
        factor = tf.math.rsqrt(variance + 1e-5) * tf.reshape(tf.cast(self.scale, tf.float32), (1, 1, self.groups, each))
        moved = tf.reshape(tf.cast(self.offset, tf.float32), (1, 1, self.groups, each)) - mean * factor
        return tf.cast(tf.reshape(grouped * factor + moved, (-1, height, width, channels)), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "groups": self.groups}


def _norm(x: Any) -> Any:
    return Norm(next(groups for groups in (8, 4, 2, 1) if x.shape[-1] % groups == 0))(x)


def _block(x: Any, known: Any, channels: int, dropout: float) -> Any:
    """Two convolutions beside an identity or a 1x1; time and class are added between them."""
    y = layers.Conv2D(channels, 3, padding="same")(layers.Activation("silu")(_norm(x)))
    y = layers.Add()([y, layers.Reshape((1, 1, channels))(layers.Dense(channels)(known))])
    y = layers.Activation("silu")(_norm(y))
    if dropout:
        y = layers.Dropout(dropout)(y)
    y = layers.Conv2D(channels, 3, padding="same", kernel_initializer="zeros")(y)
    if x.shape[-1] != channels:
        x = layers.Conv2D(channels, 1)(x)
    return layers.Add()([x, y])


def _attention(x: Any) -> Any:
    """Every place of a small map looks at every other: self-attention beside an identity."""
    _, height, width, channels = x.shape
    if height * width > _ATTENTION_FROM or height * width == 1:
        return x
    places = layers.Reshape((height * width, channels))(_norm(x))
    query, key, value = (layers.Dense(channels)(places) for _ in range(3))
    seen = layers.Attention(score_mode="dot", use_scale=True)([query, value, key])
    return layers.Add()(
        [x, layers.Reshape((height, width, channels))(layers.Dense(channels, kernel_initializer="zeros")(seen))]
    )
