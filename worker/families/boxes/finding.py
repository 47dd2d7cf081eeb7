"""From a network's logits to boxes: the surest ones, of those of a class that lie on each other one alone. TensorFlow."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from worker.families.boxes.geometry import BINS, boxes_of, places

MOST_FOUND = 300  # boxes of a picture


def find(logits: Any, shape: Sequence[int], least: Any, overlap: Any) -> tuple[Any, Any, Any, Any]:
    """Boxes float32 (batch, MOST_FOUND, 4), scores and classes float32 (batch, MOST_FOUND), surest first; int32 (batch,), how many.

    Boxes are in the pixels the network sees. Non-maximum suppression is class by class.

    logits: float32 (batch, places, 4 * BINS + classes). shape: (height, width). least: score below which nothing counts. overlap:
    IoU above which the less sure box is gone.
    """
    at, strides = (tf.constant(each) for each in places((shape[0], shape[1])))
    boxes = boxes_of(logits[..., : 4 * BINS], at, strides)
    edge = tf.constant([shape[1], shape[0]] * 2, tf.float32)
    boxes = tf.clip_by_value(boxes, 0.0, edge)
    return tf.image.combined_non_max_suppression(
        boxes[:, :, None], tf.sigmoid(logits[..., 4 * BINS :]), MOST_FOUND, MOST_FOUND, overlap, least, clip_boxes=False
    )


def listed(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    """What find() gives, picture by picture: float32 (k, 6)."""
    whole = np.concatenate([boxes, scores[..., None], classes[..., None]], -1)
    return [whole[row, :count] for row, count in enumerate(counts.tolist())]
