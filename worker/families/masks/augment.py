"""Random flips, turns, sizes and colours of a batch of pictures; their masks go the same way. Stateless seeds alone."""

from typing import Any

import tensorflow as tf

from shared.datasets.pairs.storing import NOTHING
from worker.families.images.augment import Augmentation, recoloured, transforms


def augment_pairs(images: Any, masks: Any, seed: Any, how: Augmentation, colour: float) -> tuple[Any, Any]:
    """Move pictures and masks alike, then change the pictures' light and colours.

    images: float32 (batch, height, width, channels), 0..255. masks: uint8 (batch, height, width). seed: int (2,). colour: share
    by which brightness, contrast and saturation change either way. What comes from beyond a picture's edge repeats the edge, and is
    NOTHING in the mask.
    """
    if not how.nothing:
        moves = transforms(images, seed, how)
        common = {"transforms": moves, "output_shape": tf.shape(images)[1:3]}
        images = tf.raw_ops.ImageProjectiveTransformV3(
            images=images, fill_value=0.0, interpolation="BILINEAR", fill_mode="NEAREST", **common
        )
        masks = tf.raw_ops.ImageProjectiveTransformV3(
            images=masks[..., None], fill_value=float(NOTHING), interpolation="NEAREST", fill_mode="CONSTANT", **common
        )[..., 0]
    return (recoloured(images, seed, colour) if colour else images), masks
