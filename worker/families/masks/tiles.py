"""Classes of a whole picture of any size, tile by tile: what worker/families/images/tiles.py makes of probabilities."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from worker.families.images.tiles import tiled


def classes_of(logits_of: Callable[[Any], Any], picture: Any, tile: Sequence[int], classes: int) -> Any:
    """A class for each pixel: uint8 (height, width).

    logits_of: float32 (n, *tile, channels) to logits (n, *tile, classes). picture: uint8 (height, width, channels), any size >= 1.
    """
    return tiled(
        lambda tiles: tf.nn.softmax(tf.cast(logits_of(tiles), tf.float32)),
        picture,
        tile,
        classes,
        lambda shares: tf.cast(tf.argmax(shares, 1), tf.uint8),
        finished=(tf.uint8, 0),
    )
