"""The second of two stages: the surest places of the first are looked at once more, pooled from its maps, and named.

The first stage is the single-stage network with one class, "something". What both say is one tensor, so that it passes through
whatever a single stage's does: float32 (batch, places + LOOKED_AT, said_channels(classes)), the first stage's logits, then of each
box looked at its corners in pixels, how to correct it, and logits of the classes and of "nothing"; zeros fill the rows.

Source: Faster R-CNN, Ren et al. 2015, arXiv:1506.01497; pooled from all maps: Liu et al. 2018 (PANet), arXiv:1803.01534.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from worker.families.boxes.finding import MOST_FOUND
from worker.families.boxes.geometry import BINS, STRIDES, areas, boxes_of, overlaps, places
from worker.families.boxes.losses import BoxLoss

LOOKED_AT = 96  # boxes of a picture
FIRST_CHANNELS = 4 * BINS + 1
_POOLED = 7  # places across a box, as in the paper
_SAME = 0.7  # IoU from which two boxes of the first stage are one, as in the paper
_IS = 0.5  # IoU with a true box from which one looked at is that thing, as in the paper
_TIMES = (10.0, 10.0, 5.0, 5.0)  # corrections are learnt this many times larger, as in the paper's code
_MOST_SCALED = 4.0  # exp() of it at most: a correction never makes a box more than 55 times larger
_WEIGHT = 2.0  # of the second stage beside the first. A guess


def said_channels(classes: int) -> int:
    return max(FIRST_CHANNELS, 4 + 4 + classes + 1)


def second_stage(first: Any, maps: Sequence[Any], shape: Sequence[int], classes: int, channels: int) -> Any:
    """What both stages say. first: logits (batch, places, FIRST_CHANNELS). maps: one for each of STRIDES. channels: pooled ones."""
    boxes = Surest((shape[0], shape[1]), dtype="float32", name="surest")(first)
    pooled = None
    for number, (stride, each) in enumerate(zip(STRIDES, maps, strict=True)):
        narrow = layers.Conv2D(channels, 1, name=f"pooled_from_{number}")(each)
        found = Pooling(stride, name=f"pooling_{number}")([boxes, narrow])
        pooled = found if pooled is None else layers.Maximum()([pooled, found])
    x = layers.Dense(4 * channels, "relu")(layers.Reshape((LOOKED_AT, -1))(pooled))
    x = layers.Dense(4 * channels, "relu")(x)
    corrections, logits = (layers.Dense(count, dtype="float32")(x) for count in (4, classes + 1))
    rows = layers.Concatenate(dtype="float32")([boxes, corrections, logits])
    wide = said_channels(classes)
    padded = [Widened(wide, dtype="float32")(each) for each in (first, rows)]
    return layers.Concatenate(axis=1, dtype="float32", name="said")(padded)


@keras.saving.register_keras_serializable("trainyard")
class Surest(layers.Layer):
    """The surest boxes of the first stage, float32 (batch, LOOKED_AT, 4) in pixels, surest first; zeros where there are fewer.

    No gradient goes through them.
    """

    def __init__(self, shape: Sequence[int], **more: Any):
        super().__init__(**more)
        self._shape = (int(shape[0]), int(shape[1]))

    def call(self, first: Any) -> Any:
        at, strides = (tf.constant(each) for each in places(self._shape))
        said = tf.stop_gradient(tf.cast(first, tf.float32))
        edge = tf.constant([self._shape[1], self._shape[0]] * 2, tf.float32)
        boxes = tf.clip_by_value(boxes_of(said[..., : 4 * BINS], at, strides), 0.0, edge)
        sure = tf.sigmoid(said[..., 4 * BINS :])
        found, *_ = tf.image.combined_non_max_suppression(
            boxes[:, :, None], sure, LOOKED_AT, LOOKED_AT, _SAME, 0.0, clip_boxes=False
        )
        return tf.ensure_shape(tf.stop_gradient(found), (None, LOOKED_AT, 4))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], LOOKED_AT, 4)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"shape": self._shape}


@keras.saving.register_keras_serializable("trainyard")
class Pooling(layers.Layer):
    """Means of a map over the _POOLED by _POOLED parts of each box: (batch, boxes, _POOLED, _POOLED, channels).

    By two matrix products: how much of a part each row and each column covers. Source: Jiang et al. 2018 (the integral instead of
    samples), arXiv:1807.11590, here with each value constant over its place.
    """

    def __init__(self, stride: int, **more: Any):
        super().__init__(**more)
        self._stride = stride

    def call(self, both: Any) -> Any:
        boxes, values = tf.cast(both[0], tf.float32) / self._stride, both[1]
        across, down = (
            tf.cast(_covered(boxes[..., axis], boxes[..., 2 + axis], tf.shape(values)[2 - axis]), values.dtype)
            for axis in (0, 1)
        )
        return tf.einsum("bkyh,bkxw,bhwc->bkyxc", down, across, values, optimize="optimal")

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0][0], input_shape[0][1], _POOLED, _POOLED, input_shape[1][-1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"stride": self._stride}


@keras.saving.register_keras_serializable("trainyard")
class Widened(layers.Layer):
    """Zeros beside the last axis, up to `wide`."""

    def __init__(self, wide: int, **more: Any):
        super().__init__(**more)
        self._wide = wide

    def call(self, x: Any) -> Any:
        return tf.pad(x, [[0, 0], [0, 0], [0, self._wide - x.shape[-1]]])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self._wide)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"wide": self._wide}


def _covered(low: Any, high: Any, count: Any) -> Any:
    """Share of each of _POOLED parts of a stretch that each of `count` places covers: float32 (batch, boxes, _POOLED, count)."""
    part = tf.maximum(high - low, 1e-3) / _POOLED
    begin = tf.expand_dims(low, -1) + tf.expand_dims(part, -1) * tf.range(_POOLED, dtype=tf.float32)
    begin, part = tf.expand_dims(begin, -1), tf.expand_dims(tf.expand_dims(part, -1), -1)
    place = tf.range(count, dtype=tf.float32)
    both = tf.minimum(begin + part, place + 1) - tf.maximum(begin, place)
    return tf.maximum(both, 0.0) / part


class TwoStageLoss(keras.losses.Loss):
    """That of the single stage for "something", then cross-entropy of the classes and smooth L1 of the corrections."""

    def __init__(self, shape: Sequence[int], classes: int):
        super().__init__(name="loss", reduction="sum")
        self._first, self._classes = BoxLoss(shape), classes

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """y_true: as BoxLoss. y_pred: float32 (batch, places + LOOKED_AT, said_channels). Returns a number."""
        first, boxes, corrections, logits = parted(tf.cast(y_pred, tf.float32), self._classes)
        truth, labels = y_true[..., :4], tf.cast(y_true[..., 4], tf.int32)
        something = tf.concat([truth, tf.minimum(y_true[..., 4:], 0.0)], -1)
        iou = tf.where((labels >= 0)[:, None], overlaps(boxes[:, :, None], truth[:, None]), 0.0)
        owner = tf.argmax(iou, -1, output_type=tf.int32)
        is_there, counts = tf.reduce_max(iou, -1) >= _IS, tf.cast(areas(boxes) > 0, tf.float32)
        label = tf.where(is_there, tf.gather(labels, owner, batch_dims=1), self._classes)
        entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits)
        wanted = corrected_by(boxes, tf.gather(truth, owner, batch_dims=1))
        apart = tf.abs(corrections - tf.where(tf.expand_dims(is_there, -1), wanted, corrections))
        exact = tf.reduce_sum(tf.where(apart < 1.0, 0.5 * tf.square(apart), apart - 0.5), -1)
        second = tf.reduce_sum((entropy + exact) * counts) / tf.maximum(tf.reduce_sum(counts), 1.0)
        return self._first.call(something, first) + _WEIGHT * second


def parted(said: Any, classes: int) -> tuple[Any, Any, Any, Any]:
    """(first stage's logits, boxes, corrections, logits of classes and "nothing")."""
    rows = said[:, -LOOKED_AT:]
    first = said[:, :-LOOKED_AT, :FIRST_CHANNELS]
    return first, rows[..., :4], rows[..., 4:8], rows[..., 8 : 8 + classes + 1]


def corrected_by(boxes: Any, truth: Any) -> Any:
    """The corrections that make boxes the true ones, float32 (..., 4); 0 where a box has no area."""
    middle, size = _middle_and_size(boxes)
    wanted, wide = _middle_and_size(truth)
    moved = tf.concat([(wanted - middle) / size, tf.math.log(wide / size)], -1) * tf.constant(_TIMES)
    return tf.where((areas(boxes) > 0)[..., None], moved, 0.0)


def corrected(boxes: Any, corrections: Any) -> Any:
    """Boxes moved and scaled: the reverse of corrected_by."""
    middle, size = _middle_and_size(boxes)
    moved: Any = corrections / tf.constant(_TIMES)
    middle += moved[..., :2] * size
    scaled: Any = tf.minimum(moved[..., 2:], _MOST_SCALED)
    half = size * tf.exp(scaled) / 2
    return tf.concat([middle - half, middle + half], -1)


def _middle_and_size(boxes: Any) -> tuple[Any, Any]:
    size = tf.maximum(boxes[..., 2:] - boxes[..., :2], 1e-3)
    return (boxes[..., :2] + boxes[..., 2:]) / 2, size


def find_two_stage(
    said: Any, shape: Sequence[int], classes: int, least: Any, overlap: Any
) -> tuple[Any, Any, Any, Any]:
    """As finding.find, of what two stages say."""
    _, boxes, corrections, logits = parted(said, classes)
    there = areas(boxes) > 0
    edge = tf.constant([shape[1], shape[0]] * 2, tf.float32)
    found = tf.clip_by_value(corrected(boxes, corrections), 0.0, edge)
    shares: Any = tf.nn.softmax(logits)
    scores = tf.where(there[..., None], shares[..., :classes], 0.0)
    return tf.image.combined_non_max_suppression(
        found[:, :, None], scores, MOST_FOUND, MOST_FOUND, overlap, least, clip_boxes=False
    )
