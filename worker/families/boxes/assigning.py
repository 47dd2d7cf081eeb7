"""Which place of the network has to say which true box, decided anew at each step by what it says now.

Source: task-aligned assignment, Feng et al. 2021 (TOOD), arXiv:2108.07755.
"""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from worker.families.boxes.geometry import STRIDES, overlaps

MOST = 10  # places of one box; as YOLOv8 has it, the paper has 13
_ALPHA, _BETA = 0.5, 6.0  # powers of score and overlap; as YOLOv8 has them, the paper has 1 and 6
_LEAST_OVERLAP = 1e-4  # its sixth power is still a number: what overlaps by nothing yet is told apart by its score


@dataclass(frozen=True)
class Assigned:
    """What each place has to say. scores: float32 (batch, places, classes), 0 where nothing is. boxes: float32 (batch, places, 4).

    weights: float32 (batch, places), the sum of a place's scores: how much its box counts.
    """

    scores: Any
    boxes: Any
    weights: Any


def assign(said: Any, shares: Any, truth: Any, labels: Any, at: Any) -> Assigned:
    """Give each true box the places within it that say it best, at most MOST.

    A place that several want goes to the one it overlaps most.

    said: boxes float32 (batch, places, 4). shares: float32 (batch, places, classes), 0 to 1. truth: float32 (batch, boxes, 4).
    labels: int32 (batch, boxes), -1 for no box. at: float32 (places, 2). A place's score is how well it says the box beside the
    best one of that box, times the best overlap.
    """
    classes = shares.shape[-1]
    within = _within(truth, at) & (labels >= 0)[..., None]
    iou = overlaps(truth[:, :, None], said[:, None])  # (batch, boxes, places)
    of_label = tf.gather(tf.transpose(shares, [0, 2, 1]), tf.maximum(labels, 0), batch_dims=1)
    aligned = tf.pow(of_label, _ALPHA) * tf.pow(tf.maximum(iou, _LEAST_OVERLAP), _BETA)
    aligned = tf.where(within, tf.maximum(aligned, 1e-36), 0.0)
    most = min(MOST, int(at.shape[0]))
    least = tf.math.top_k(aligned, most).values[..., -1:]
    chosen = within & (aligned >= least)
    wanted = tf.where(chosen, iou, -1.0)
    owner = tf.argmax(wanted, 1, output_type=tf.int32)  # (batch, places)
    owned = tf.reduce_max(wanted, 1) >= 0
    chosen = chosen & (tf.range(tf.shape(truth)[1])[:, None] == owner[:, None])
    aligned, iou = tf.where(chosen, aligned, 0.0), tf.where(chosen, iou, 0.0)
    best, widest = tf.reduce_max(aligned, -1, keepdims=True), tf.reduce_max(iou, -1, keepdims=True)
    weights = tf.reduce_max(aligned / tf.where(best > 0, best, 1.0) * widest, 1)
    label = tf.gather(labels, owner, batch_dims=1)
    scores = tf.one_hot(tf.where(owned, label, -1), classes) * tf.expand_dims(weights, -1)
    return Assigned(scores, tf.gather(truth, owner, batch_dims=1), weights)


def _within(truth: Any, at: Any) -> Any:
    """Which places lie in which box, bool (batch, boxes, places).

    A box is taken as at least as large as the finest map's stride, so that none has no place.
    """
    middle, half = (truth[..., :2] + truth[..., 2:]) / 2, (truth[..., 2:] - truth[..., :2]) / 2
    half = tf.maximum(half, STRIDES[0] / 2)
    return tf.reduce_all(tf.abs(at - middle[:, :, None]) <= half[:, :, None], -1)
