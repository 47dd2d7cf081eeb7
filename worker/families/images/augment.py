"""Random flips, rotations, shifts and zooms of a batch, in the input pipeline.

Not Keras' Random* layers: inside a model they switch XLA off, and their state is hidden. Here every number comes
from a stateless seed, so batch s of a training is the same however often it is made. One affine transform a picture.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Augmentation:
    """How far pictures may be moved. Zeros and False leave them as they are.

    rotation: degrees either way. translation: share of the side. zoom: share larger or smaller.
    """

    flip_horizontal: bool = False
    flip_vertical: bool = False
    rotation: float = 0.0
    translation: float = 0.0
    zoom: float = 0.0

    def scaled(self, share: float) -> "Augmentation":
        """A share 0..1 of how far pictures are turned, shifted and zoomed. Mirroring is no matter of how far, and stays."""
        turned, shifted, zoomed = (value * share for value in (self.rotation, self.translation, self.zoom))
        return replace(self, rotation=turned, translation=shifted, zoom=zoomed)

    @property
    def nothing(self) -> bool:
        return self == Augmentation()


def augment(images: Any, seed: Any, how: Augmentation) -> Any:
    """Transform each picture of a batch at random; borders repeat the outermost pixels.

    images: float32 (batch, height, width, channels). seed: int (2,), e.g. (seed of the training, step).
    Returns the same shape and type; depends on images, seed and how alone.
    """
    if how.nothing:
        return images
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images, transforms=transforms(images, seed, how), output_shape=tf.shape(images)[1:3], fill_value=0.0,
        interpolation="BILINEAR", fill_mode="NEAREST",
    )  # fmt: skip


def transforms(images: Any, seed: Any, how: Augmentation) -> Any:
    """One affine transform a picture, float32 (batch, 8), from places of the output to places of the input; as augment()."""
    shape = tf.shape(images)
    batch, height, width = shape[0], tf.cast(shape[1], tf.float32), tf.cast(shape[2], tf.float32)
    draws: Any = tf.random.stateless_uniform(tf.stack([6, batch]), seed, -1.0, 1.0)
    angle = draws[0] * (how.rotation * math.pi / 180)
    scale = 1.0 + draws[1] * how.zoom
    shift_x, shift_y = draws[2] * how.translation * width, draws[3] * how.translation * height
    mirror_x = tf.sign(draws[4]) if how.flip_horizontal else tf.ones_like(angle)
    mirror_y = tf.sign(draws[5]) if how.flip_vertical else tf.ones_like(angle)
    # Maps a place of the output to one of the input: mirror, zoom, turn about the middle, shift.
    a, b = scale * tf.cos(angle) * mirror_x, -scale * tf.sin(angle) * mirror_y
    c, d = scale * tf.sin(angle) * mirror_x, scale * tf.cos(angle) * mirror_y
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    zero = tf.zeros_like(angle)
    return tf.stack(
        [
            a, b, middle_x - a * middle_x - b * middle_y + shift_x,
            c, d, middle_y - c * middle_x - d * middle_y + shift_y,
            zero, zero,
        ],
        axis=1,
    )  # fmt: skip


def recoloured(images: Any, seed: Any, colour: float) -> Any:
    """Change brightness, contrast and saturation of each picture by up to a share `colour` either way.

    images: float32 (batch, height, width, channels), 0..255. seed: int (2,). Returns the same shape and type.
    """
    count = tf.shape(images)[0]
    draws: Any = tf.random.stateless_uniform(tf.stack([3, count]), seed + 1_000_003, -colour, colour)
    bright, contrast, colourful = (1.0 + draws[i][:, None, None, None] for i in range(3))
    grey = tf.reduce_mean(images, -1, keepdims=True)
    images = grey + (images - grey) * colourful
    middle = tf.reduce_mean(images, [1, 2, 3], keepdims=True)
    return tf.clip_by_value((middle + (images - middle) * contrast) * bright, 0.0, 255.0)
