"""How likely pictures are under what a decoder says of each pixel, in nats; and what its numbers look like as a picture.

Two ways of reading a pixel of 0..255:
    bernoulli  a grey value is the probability of white. The bound is on the mean log-likelihood of pictures of black and white
               alone, each pixel drawn by its grey value (Salakhutdinov, Murray 2008): the way figures of MNIST are told.
    logistic   one of 256 values, of a logistic distribution cut into steps (Kingma et al. 2016, arXiv:1606.04934; Salimans et al.
               2017, arXiv:1701.05517) with one learnt width a channel: the log-likelihood of the very bytes, in bits per value too.
"""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

_FIRST_WIDTH = 0.1  # of 2, which is black to white; guess: where a network that knows nothing yet stands
_LEAST = 1e-12
_NARROWEST = -7.0  # logarithm of a width; a step of 255 is exp(-4.8)


@keras.saving.register_keras_serializable(package="trainyard")
class LogisticWidth(layers.Layer):
    """Puts the learnt logarithm of each channel's width behind the middles: (..., channels) to (..., 2 * channels)."""

    def build(self, input_shape: Any) -> None:
        first = keras.initializers.Constant(math.log(_FIRST_WIDTH))
        self.width = self.add_weight(shape=(input_shape[-1],), initializer=first, name="log_width")

    def call(self, middles: Any) -> Any:
        width: Any = ops.broadcast_to(ops.cast(self.width, middles.dtype), ops.shape(middles))
        return ops.concatenate([middles, width], -1)


def numbers_per_value(likelihood: str) -> int:
    """How many numbers a decoder says of each value of a picture."""
    return 1 if likelihood == "bernoulli" else 2


def log_likelihood(likelihood: str, said: Any, pixels: Any) -> Any:
    """Nats of each picture, float32 (batch,).

    said: float32 (batch, height, width, numbers * channels). pixels: 0..255, float32 (batch, height, width, channels).
    """
    if likelihood == "bernoulli":
        white = pixels / 255.0
        each = white * said - tf.math.softplus(said)
    else:
        each = _logistic(said, pixels / 127.5 - 1.0)
    return tf.reduce_sum(each, (1, 2, 3))


def _logistic(said: Any, x: Any) -> Any:
    """Log-probability of each value's step of 2/255 about it; the first and the last reach to infinity."""
    parts: Any = ops.split(said, 2, axis=-1)
    middle, width = parts
    width = tf.maximum(width, _NARROWEST)
    apart, sharp = x - middle, tf.exp(-width)
    above, below = sharp * (apart + 1 / 255), sharp * (apart - 1 / 255)
    share = tf.sigmoid(above) - tf.sigmoid(below)
    # Far from the middle a step's share is lost in rounding: there it is the density times the step.
    density = sharp * apart - width - 2 * tf.math.softplus(sharp * apart) + math.log(2 / 255)
    inner = tf.where(share > 1e-5, tf.math.log(tf.maximum(share, _LEAST)), density)
    return tf.where(x < -0.999, -tf.math.softplus(-above), tf.where(x > 0.999, -tf.math.softplus(below), inner))


def as_pixels(likelihood: str, said: Any) -> Any:
    """What the numbers look like: the mean, or the middle, of each value, float32 0..255, (batch, height, width, channels)."""
    if likelihood == "bernoulli":
        return 255.0 * tf.sigmoid(said)
    return tf.clip_by_value(127.5 * (tf.split(said, 2, axis=-1)[0] + 1.0), 0.0, 255.0)


@keras.saving.register_keras_serializable(package="trainyard")
class AsPixels(layers.Layer):
    """as_pixels() as a layer, for a model to take away."""

    def __init__(self, likelihood: str, **options: Any):
        super().__init__(**options)
        self.likelihood = likelihood

    def call(self, said: Any) -> Any:
        return as_pixels(self.likelihood, said)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "likelihood": self.likelihood}


def likelihood_for(grey: bool, mean: float, std: float) -> str:
    """bernoulli where nearly every pixel is black or white, as in scans and digits. mean, std: of values 0..1.

    Of pixels that are black or white alone the spread is sqrt(mean * (1 - mean)), the largest there can be; of MNIST's it is 91 %
    of that, of photographs of faces 42 % (measured).
    """
    most = math.sqrt(max(mean * (1 - mean), 1e-12))
    return "bernoulli" if grey and std > 0.7 * most else "logistic"


def bits_per_value(nats: float, shape: Any) -> float:
    """Bits for each value of a picture from its nats."""
    return -nats / math.log(2) / int(np.prod(shape))
