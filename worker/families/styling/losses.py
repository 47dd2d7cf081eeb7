"""How far a picture is from a content and from a style, as shares: 0 is equal, about 1 is as far as nothing in common.

Style is told by the means and covariances of each depth's channels: Gram matrices of Gatys et al. 2016, parted into what is
everywhere and what varies together. Channels are scaled by the style's own strength in each, softly, and errors of each depth
divided by the style's own size there, so that neither a channel nor a depth outweighs the others, whatever the network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from worker.families.styling.features import Features

_LEAST = 1e-2  # of a depth's strength, so that what hardly varies in a style has no errors beyond measure. A guess
LEVELS = 255.0


@dataclass(frozen=True)
class Weights:
    """Of the content loss, the style loss, and the total variation."""

    content: float
    style: float
    smoothness: float

    @classmethod
    def of(cls, params: Any) -> "Weights":
        return cls(params.content_weight, params.style_weight, params.smoothness)

    def total(self, content: Any, style: Any) -> Any:
        """What is compared between ways to stylise: the two losses, weighed."""
        return self.content * content + self.style * style


@dataclass(frozen=True)
class Style:
    """What a style is at each depth. scales, means: float32 (channels,); covariances: float32 (channels, channels)."""

    scales: Sequence[Any]
    means: Sequence[Any]
    covariances: Sequence[Any]

    def arrays(self) -> dict[str, np.ndarray]:
        """For assets."""
        found = {}
        for name in ("scales", "means", "covariances"):
            found |= {f"style_{name}_{depth}": np.asarray(part) for depth, part in enumerate(getattr(self, name))}
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Style":
        depths = sum(name.startswith("style_means_") for name in arrays)
        parts = (
            [tf.constant(arrays[f"style_{name}_{depth}"]) for depth in range(depths)]
            for name in ("scales", "means", "covariances")
        )
        return cls(*parts)


def style_of(features: Features, pictures: Sequence[np.ndarray]) -> Style:
    """What pictures have in common, uint8 (height, width, 3) each: the mean of what each is."""
    seen = [features.maps(tf.constant(picture[None], tf.float32)) for picture in pictures]
    scales, means, covariances = [], [], []
    for maps in zip(*seen, strict=True):
        power = tf.add_n([tf.reduce_mean(tf.square(one), [0, 1, 2]) for one in maps]) / len(maps)
        scale = tf.math.rsqrt(power + tf.reduce_mean(power) + 1e-6)
        parts = [_moments(one, scale) for one in maps]
        scales.append(scale)
        means.append(tf.add_n([mean[0] for mean, _ in parts]) / len(maps))
        covariances.append(tf.add_n([covariance[0] for _, covariance in parts]) / len(maps))
    return Style(scales, means, covariances)


def _moments(maps: Any, scale: Any) -> tuple[Any, Any]:
    """Means (n, channels) and covariances (n, channels, channels) of maps (n, h, w, channels), scaled."""
    shape = tf.shape(maps)
    rows = tf.reshape(maps * scale, (shape[0], shape[1] * shape[2], maps.shape[-1]))
    mean = tf.reduce_mean(rows, 1)
    apart = rows - mean[:, None]
    return mean, tf.matmul(apart, apart, transpose_a=True) / tf.cast(shape[1] * shape[2], tf.float32)


def style_loss(maps: Sequence[Any], style: Style) -> Any:
    """float32 (n,): squared errors of means and of covariances, each a share of the style's own; the mean over depths."""
    found = []
    for seen, scale, mean, covariance in zip(maps, style.scales, style.means, style.covariances, strict=True):
        means, covariances = _moments(seen, scale)
        strength = tf.reduce_sum(tf.square(mean)) + tf.linalg.trace(covariance)
        least = _LEAST * tf.square(strength) / tf.cast(tf.shape(mean)[0], tf.float32)
        apart = tf.reduce_sum(tf.square(covariances - covariance), [1, 2])
        found.append(
            tf.reduce_sum(tf.square(means - mean), 1) / (tf.reduce_sum(tf.square(mean)) + _LEAST * strength)
            + apart / (tf.reduce_sum(tf.square(covariance)) + least)
        )
    return tf.add_n(found) / len(found)


def content_loss(seen: Any, wanted: Any) -> Any:
    """float32 (n,): squared difference of maps (n, h, w, channels), a share of how much the wanted ones vary over the picture."""
    varies = tf.reduce_mean(tf.math.reduce_variance(wanted, [1, 2]), -1)
    varies += _LEAST * tf.reduce_mean(tf.square(wanted), [1, 2, 3]) + 1e-6
    return tf.reduce_mean(tf.square(seen - wanted), [1, 2, 3]) / varies


def roughness(pixels: Any) -> Any:
    """float32 (n,): mean squared difference between neighbours, in grey levels times 255."""
    down = tf.reduce_mean(tf.square(pixels[:, 1:] - pixels[:, :-1]), [1, 2, 3])
    across = tf.reduce_mean(tf.square(pixels[:, :, 1:] - pixels[:, :, :-1]), [1, 2, 3])
    return (down + across) / LEVELS


def losses_of(features: Features, style: Style, pixels: Any, wanted: Any) -> tuple[Any, Any]:
    """(content loss, style loss) of pictures 0..255 (n, height, width, 3). wanted: their contents' map."""
    maps = features.maps(pixels)
    return content_loss(maps[features.content], wanted), style_loss(maps, style)


def loss_of(features: Features, style: Style, painted: Any, wanted: Any, weights: Any) -> tuple[Any, Any, Any]:
    """(what is made smaller, content loss, style loss), float32 (n,) each.

    painted: as it was made, which may leave 0..255; that is counted against it. weights: of content, style and smoothness.
    """
    pixels = tf.clip_by_value(painted, 0.0, LEVELS)
    content, style_said = losses_of(features, style, pixels, wanted)
    beyond = tf.reduce_mean(tf.square(painted - pixels), [1, 2, 3]) / LEVELS
    total = weights[0] * content + weights[1] * style_said + weights[2] * roughness(pixels) + beyond
    return total, content, style_said
