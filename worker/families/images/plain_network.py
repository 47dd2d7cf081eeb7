"""A plain convolutional network beside an image classifier: what two layers without any refinement reach, and how soon.

Two 3x3 convolutions with max pooling, dropout and one dense layer: 34,826 weights for 28 grey pixels and ten classes. Source: F.
Chollet, "Simple MNIST convnet", keras.io/examples. It learns without augmentation, by Adam at its usual step.
"""

import time
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import initializers, layers

from worker.context import Context

SIDE = 32  # pixels: larger pictures are scaled down
MOST_BYTES = 64 << 20  # of pictures learnt from, as they are held in memory
_CHANNELS = (32, 64)
_BATCH = 128
_PASSES, _LEAST_SEEN, _MOST_SEEN = (
    5,
    50_000,
    200_000,
)  # passes over the pictures, more where they are few; seen altogether
_STEPS_AT_ONCE = 20  # between two looks at whether to stop


@dataclass(frozen=True)
class Learnt:
    """probabilities: float32 (pictures asked, classes). seconds: of learning, by the wall."""

    probabilities: np.ndarray
    weights: int
    seconds: float


def plain_network(
    known: np.ndarray,
    labels: np.ndarray,
    classes: int,
    asked: np.ndarray,
    *,
    most_seen: int,
    seed: int,
    context: Context,
) -> Learnt:
    """Learn from pictures, uint8 (n, height, width, channels), with their classes, int64 (n,), and answer for others alike.

    most_seen: pictures looked at at most, each as often as it is. Depends on the arguments alone, seconds apart.
    """
    began = time.monotonic()
    model = _network(known.shape[1:], classes, seed)
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    mean, std = float(known.mean()), max(float(known.std()), 1.0)
    step = _step(model, optimizer, mean, std)
    seen = min(max(_PASSES * len(known), _LEAST_SEEN), _MOST_SEEN, max(most_seen, 1))
    batch = min(_BATCH, len(known))
    for number, chosen in enumerate(_order(len(known), batch, -(-seen // batch), seed)):
        step(tf.constant(known[chosen]), tf.constant(labels[chosen]))
        if number % _STEPS_AT_ONCE == 0:
            context.check()
    seconds = time.monotonic() - began

    @tf.function(autograph=False, reduce_retracing=True)
    def answer(pictures: Any) -> Any:
        return tf.nn.softmax(model(_normalised(pictures, mean, std), training=False))

    found = []
    for start in range(0, len(asked), _BATCH):
        context.check()
        found.append(answer(tf.constant(asked[start : start + _BATCH])).numpy())
    return Learnt(np.concatenate(found), model.count_params(), seconds)


def _network(shape: Any, classes: int, seed: int) -> keras.Model:
    inputs = keras.Input(shape)
    x = inputs
    for number, channels in enumerate(_CHANNELS):
        kernel: Any = initializers.GlorotUniform(seed=seed + number)  # Keras' stub wants a name
        x = layers.Conv2D(channels, 3, padding=_padding(x), activation="relu", kernel_initializer=kernel)(x)
        x = layers.MaxPooling2D(2, padding=_padding(x))(x)
    x = layers.Dropout(0.5, seed=seed)(layers.Flatten()(x))
    kernel = initializers.GlorotUniform(seed=seed + len(_CHANNELS))
    return keras.Model(inputs, layers.Dense(classes, kernel_initializer=kernel)(x))


def _padding(x: Any) -> str:
    """Small maps keep their size."""
    return "valid" if min(x.shape[1:3]) >= 8 else "same"


def _step(model: keras.Model, optimizer: Any, mean: float, std: float) -> Any:
    @tf.function(autograph=False)
    def step(pictures: Any, labels: Any) -> None:
        with tf.GradientTape() as tape:
            logits = model(_normalised(pictures, mean, std), training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    return step


def _normalised(pictures: Any, mean: float, std: float) -> Any:
    return (tf.cast(pictures, tf.float32) - mean) / std


def _order(count: int, batch: int, steps: int, seed: int) -> Any:
    """The numbers of the pictures of each step, int64 (batch,): a shuffle each pass."""
    rng, order = np.random.default_rng([seed, 6]), np.empty(0, np.int64)
    for _ in range(steps):
        if len(order) < batch:
            order = np.concatenate([order, rng.permutation(count)])
        chosen, order = order[:batch], order[batch:]
        yield chosen
