"""A picture changed step by step until it shows the one's content in the other's style.

What is changed is a pyramid: the picture as the sum of ever coarser ones. Then a step moves an area's colour as easily as a pixel,
where steps on pixels leave the colours and fill the picture with noise, above all by networks other than VGG.
Sources: Gatys et al. 2016; Mordvintsev et al. 2018, Differentiable Image Parameterizations; Adam: Kingma, Ba 2014, arXiv:1412.6980.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from worker.families.styling.features import Features
from worker.families.styling.losses import LEVELS, Style, Weights, loss_of

_LEVELS = 6  # of the pyramid, the coarsest a 32nd of the picture
_RATE, _BETA_1, _BETA_2, _EPSILON = 2.0, 0.9, 0.99, 1e-7  # rate: grey levels a step, at each level of the pyramid
_ANY = tf.TensorSpec((1, None, None, 3), tf.float32)


class Painter:
    """Paints by one network. Compiled once, for pictures and styles of any size."""

    def __init__(self, features: Features):
        self._features = features
        self._step: Any = None

    def painted(
        self, picture: np.ndarray, style: Style, weights: Weights, steps: int, look: Callable[[int], None]
    ) -> np.ndarray:
        """uint8 (height, width, 3), as the picture given; its sides are 32 or more. The same to the bit for the same input.

        look: called with the steps done, before each; may raise.
        """
        pixels = tf.constant(picture[None], tf.float32)
        wanted = self._features.maps(pixels)[self._features.content]
        levels = _parted(pixels)
        first = [tf.zeros_like(level) for level in levels]
        second = list(first)
        step = self._step = self._step or self._compiled(style, wanted)
        parts = (list(style.scales), list(style.means), list(style.covariances))
        weighed = tf.constant([weights.content, weights.style, weights.smoothness], tf.float32)
        for number in range(steps):
            look(number)
            levels, first, second = step(levels, first, second, tf.constant(number + 1.0), wanted, weighed, *parts)
        found = tf.clip_by_value(tf.round(_together(levels)), 0.0, LEVELS)
        return tf.cast(found, tf.uint8).numpy()[0]

    def _compiled(self, style: Style, wanted: Any) -> Any:
        features = self._features

        def step(
            levels: Any,
            first: Any,
            second: Any,
            number: Any,
            wanted: Any,
            weights: Any,
            scales: Any,
            means: Any,
            covs: Any,
        ) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(levels)
                painted = _together(levels)
                total, _, _ = loss_of(features, Style(scales, means, covs), painted, wanted, tf.unstack(weights))
            found = ([], [], [])
            for level, m, v, slope in zip(levels, first, second, tape.gradient(total, levels), strict=True):
                m = _BETA_1 * m + (1 - _BETA_1) * slope
                v = _BETA_2 * v + (1 - _BETA_2) * tf.square(slope)
                size = tf.sqrt(v / (1 - _BETA_2**number)) + _EPSILON
                found[0].append(level - _RATE * m / (1 - _BETA_1**number) / size)
                found[1].append(m)
                found[2].append(v)
            return found

        pyramid = [_ANY] * _LEVELS
        specs = [tf.TensorSpec((), tf.float32), tf.TensorSpec((1, None, None, wanted.shape[-1]), tf.float32)]
        of_style = [
            [tf.TensorSpec(part.shape, tf.float32) for part in parts]
            for parts in (style.scales, style.means, style.covariances)
        ]
        signature = [pyramid, pyramid, pyramid, *specs, tf.TensorSpec((3,), tf.float32), *of_style]
        return tf.function(step, input_signature=signature, autograph=False)


def _parted(pixels: Any) -> list[Any]:
    """A picture (1, height, width, 3) as its pyramid, finest first."""
    found = []
    for _ in range(_LEVELS - 1):
        size = tf.shape(pixels)[1:3]
        coarser = tf.image.resize(pixels, (size + 1) // 2, antialias=True)
        found.append(pixels - tf.image.resize(coarser, size))
        pixels = coarser
    return [*found, pixels]


def _together(levels: Any) -> Any:
    """The picture that a pyramid stands for."""
    found = levels[-1]
    for level in reversed(levels[:-1]):
        found = tf.image.resize(found, tf.shape(level)[1:3]) + level
    return found
