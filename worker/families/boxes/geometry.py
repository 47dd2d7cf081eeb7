"""Places a network speaks for, and boxes in pixels: left, top, right, bottom from the top left corner. TensorFlow."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

STRIDES = (8, 16, 32)  # pixels between two places, of the three maps a network answers with
BINS = 16  # distances a side of a box is a mixture of: 0 to 15 strides, as in the paper


def places(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The places of a picture of so many pixels, (height, width), multiples of the largest stride.

    Returns float32 (places, 2), x and y of each, and float32 (places,), its stride; the finest map first, row by row.
    """
    found, strides = [], []
    for stride in STRIDES:
        rows, columns = (np.arange(side // stride, dtype=np.float32) + 0.5 for side in shape)
        down, across = np.meshgrid(rows, columns, indexing="ij")
        found.append(np.stack([across.ravel(), down.ravel()], 1) * stride)
        strides.append(np.full(len(found[-1]), stride, np.float32))
    return np.concatenate(found), np.concatenate(strides)


def boxes_of(sides: Any, at: Any, strides: Any) -> Any:
    """Boxes in pixels, float32 (batch, places, 4). sides: logits (batch, places, 4 * BINS) of the distances in strides from a
    place to the left, top, right and bottom; a distance is the mean of its bins.

    Source: Li et al. 2020 (generalised focal loss), arXiv:2006.04388.
    """
    logits = tf.reshape(sides, [tf.shape(sides)[0], -1, 4, BINS])
    distances = tf.tensordot(tf.nn.softmax(logits), tf.range(BINS, dtype=tf.float32), 1) * strides[:, None]
    return tf.concat([at - distances[..., :2], at + distances[..., 2:]], -1)


def areas(boxes: Any) -> Any:
    """Pixels within; none where a box is turned inside out."""
    return tf.maximum(boxes[..., 2] - boxes[..., 0], 0.0) * tf.maximum(boxes[..., 3] - boxes[..., 1], 0.0)


def overlaps(one: Any, other: Any) -> Any:
    """Intersection over union of boxes (..., 4) that broadcast against each other; 0 where neither has an area."""
    wide = tf.minimum(one[..., 2], other[..., 2]) - tf.maximum(one[..., 0], other[..., 0])
    high = tf.minimum(one[..., 3], other[..., 3]) - tf.maximum(one[..., 1], other[..., 1])
    both = tf.maximum(wide, 0.0) * tf.maximum(high, 0.0)
    return both / tf.maximum(areas(one) + areas(other) - both, 1e-6)


def complete_overlaps(one: Any, other: Any) -> Any:
    """Complete IoU of boxes (..., 4): IoU less how far the middles are apart and how much the shapes differ; 1 for the same.

    Source: Zheng et al. 2020, arXiv:1911.08287. The weight of the difference in shape is held fixed for the gradient, as there.
    """
    iou = overlaps(one, other)
    around = [
        tf.maximum(one[..., 2 + axis], other[..., 2 + axis]) - tf.minimum(one[..., axis], other[..., axis])
        for axis in (0, 1)
    ]
    apart = sum(
        tf.square((one[..., axis] + one[..., 2 + axis] - other[..., axis] - other[..., 2 + axis]) / 2)
        for axis in (0, 1)
    )
    angles = [
        tf.atan((box[..., 2] - box[..., 0]) / tf.maximum(box[..., 3] - box[..., 1], 1e-3)) for box in (one, other)
    ]
    shape = 4 / math.pi**2 * tf.square(angles[0] - angles[1])
    weight = tf.stop_gradient(shape / tf.maximum(1.0 - iou + shape, 1e-6))
    return iou - apart / tf.maximum(tf.square(around[0]) + tf.square(around[1]), 1e-6) - weight * shape
