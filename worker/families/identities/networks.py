"""A small network from a picture to a vector of length 1, and what it is trained by: ArcFace, or triplets.

Source: Deng et al. 2019, arXiv:1801.07698; Schroff et al. 2015, arXiv:1503.03832; Hermans et al. 2017, arXiv:1703.07737.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from worker.families.images.backbone import Backbone
from worker.families.images.networks import STEM_STRIDE_FROM, conv_bn, resnet_block, stages_for

SHARPNESS = (
    16.0  # what cosines are multiplied by before the softmax; 64 in the paper, of 85,000 people: a guess for hundreds
)
_SMALLEST = 1e-7


class Cosines(layers.Layer):
    """The cosine of a vector of length 1 and each person's direction, which is learnt: (batch, width) to (batch, people)."""

    def __init__(self, people: int, **more: Any):
        super().__init__(**more)
        self.people = people

    def build(self, input_shape: Any) -> None:
        self.directions = self.add_weight((input_shape[-1], self.people), "glorot_uniform", name="directions")

    def call(self, inputs: Any) -> Any:
        return ops.matmul(inputs, ops.normalize(self.directions, axis=0))


def matcher(
    input_shape: tuple[int, int, int],
    people: int,
    *,
    loss: str,
    embedding: int,
    width: int,
    depth: int,
    dropout: float,
    mean: Sequence[float],
    std: Sequence[float],
    backbone: Backbone | None = None,
) -> keras.Model:
    """From pixels 0..255, float32 (batch, height, width, channels), to cosines (batch, people) for "arcface", else to vectors.

    Its layer "vector" gives float32 (batch, embedding), each of length 1. width, depth: of the stages.
    backbone: takes the place of the stages.
    """
    inputs = keras.Input(input_shape)
    if backbone is not None:
        x = conv_bn(list(backbone.maps(inputs).values())[-1], embedding, 1)
    else:
        offset: Any = [-m / s for m, s in zip(mean, std, strict=True)]
        scale: Any = [1 / (255 * s) for s in std]
        x = layers.Rescaling(scale, offset)(inputs)
        side = max(input_shape[:2])
        x = conv_bn(x, width, 3, strides=2 if side >= STEM_STRIDE_FROM else 1)
        for stage in range(stages_for(side)):
            for place in range(depth):
                x = resnet_block(x, width * 2**stage, 2 if stage and not place else 1)
    x = layers.Flatten()(layers.Dropout(dropout)(x))  # where something is counts: a mean over all places loses it
    x = layers.Dense(embedding, dtype="float32", name="features")(x)
    x = layers.UnitNormalization(dtype="float32", name="vector")(x)
    return keras.Model(inputs, Cosines(people, dtype="float32", name="cosines")(x) if loss == "arcface" else x)


def vectors_model(model: keras.Model) -> keras.Model:
    """What is left of a trained model for use: from pixels to vectors."""
    return keras.Model(model.inputs[0], model.get_layer("vector").output)


class ArcFace(keras.losses.Loss):
    """Cross-entropy of the softmax over cosines, the angle to the right direction made larger by a margin in radians.

    Where the angle would pass 180 degrees, the cosine falls on in a line, as the authors' code has it.
    """

    def __init__(self, margin: float):
        super().__init__(name="loss", reduction="sum")
        self.margin = margin

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """y_true: int (batch,). y_pred: cosines float32 (batch, people)."""
        cosines = tf.clip_by_value(tf.cast(y_pred, tf.float32), -1 + _SMALLEST, 1 - _SMALLEST)
        right = tf.one_hot(tf.cast(tf.reshape(y_true, [-1]), tf.int32), cosines.shape[-1])
        angle = tf.acos(tf.reduce_sum(cosines * right, -1))
        limit = 3.141592653589793 - self.margin
        harder = tf.where(angle < limit, tf.cos(angle + self.margin), tf.cos(angle) - self.margin * tf.sin(limit))
        logits = SHARPNESS * (cosines + right * (harder - tf.reduce_sum(cosines * right, -1))[:, None])
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(right, logits))


class Triplets(keras.losses.Loss):
    """Of each picture of a batch the farthest of the same person, the nearest of another, and a margin between both distances."""

    def __init__(self, margin: float):
        super().__init__(name="loss", reduction="sum")
        self.margin = margin

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """y_true: int (batch,). y_pred: vectors of length 1, float32 (batch, width)."""
        people = tf.reshape(y_true, [-1])
        same = tf.cast(people[:, None] == people[None], tf.float32)
        near = tf.matmul(y_pred, y_pred, transpose_b=True)
        far = tf.sqrt(tf.maximum(2 - 2 * near, 1e-9))
        own, other = tf.reduce_max(far * same, 1), tf.reduce_min(far + 10.0 * same, 1)
        return tf.reduce_mean(tf.nn.softplus((own - other + self.margin) * 4.0) / 4.0)
