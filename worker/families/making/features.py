"""What a small classifier sees in pictures: the features by which what was made is compared with what is real.

It is trained in the run on the training part, to tell the classes or, where there are none, how a picture was mirrored; the same
for the same pictures and seed. Source of the latter: Gidaris et al. 2018, arXiv:1803.07728, there with turns.
"""

import random
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from worker.context import Context
from worker.families.images.networks import classifier
from worker.families.images.pixels import Pixels
from worker.families.making.data import MakingData

BATCH, WIDTH = 64, 16
FEWEST_STEPS, MOST_STEPS, PASSES = 40, 300, 10
_RATE = 4e-3
_CHUNK = 256
_MIRRORED = 4  # kinds: not, left to right, upside down, both


class Seen(NamedTuple):
    """features: float32 (n, features). shares: of the classes, float32 (n, classes)."""

    features: np.ndarray
    shares: np.ndarray


class Features:
    """Made by learnt_features(). accuracy: on the pictures held out, None where there are none. by_class: False where it tells how
    pictures are mirrored.
    """

    def __init__(self, network: keras.Model, by_class: bool):
        self.by_class = by_class
        self.accuracy: float | None = None
        pooled = network.get_layer("features").output
        both = keras.Model(network.inputs, [keras.layers.GlobalAveragePooling2D()(pooled), network.output])
        spec = tf.TensorSpec(network.input_shape, tf.float32)
        self._run = tf.function(
            lambda x: (lambda f, logits: (f, tf.nn.softmax(logits)))(*both(x, training=False)),
            input_signature=[spec],
            autograph=False,
        )

    def of(self, pictures: np.ndarray, context: Context) -> Seen:
        """pictures: uint8 (n, height, width, channels), n >= 1."""
        found = []
        for start in range(0, len(pictures), _CHUNK):
            context.check()
            found.append(
                [part.numpy() for part in self._run(tf.constant(pictures[start : start + _CHUNK], tf.float32))]
            )
        return Seen(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def over(self, pixels: Pixels, numbers: np.ndarray, context: Context) -> Seen:
        """Of pictures by number, int (n,)."""
        found = []
        for start in range(0, len(numbers), _CHUNK):
            found.append(self.of(pixels.rows(numbers[start : start + _CHUNK]), context))
        return Seen(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def learnt_features(data: MakingData, seed: int, context: Context) -> Features:
    """Train the classifier. Leaves every generator of random numbers as it was."""
    by_class, pixels = bool(data.classes), data.pixels
    kinds = len(data.classes) if by_class else _MIRRORED
    places = data.places["train"]
    steps = min(max(PASSES * len(places) // BATCH, FEWEST_STEPS), MOST_STEPS)
    before = random.getstate()
    random.seed(seed)  # where Keras' initializers have their seeds from
    try:
        network = classifier(
            "resnet",
            pixels.shape,
            kinds,
            width=WIDTH,
            depth=1,
            dropout=0.0,
            mean=data.assets["mean"],
            std=data.assets["std"],
        )
    finally:
        random.setstate(before)
    rate: Any = keras.optimizers.schedules.CosineDecay(_RATE, steps)
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(network.trainable_variables)

    @tf.function(autograph=False, reduce_retracing=True)
    def step(x: Any, y: Any) -> None:
        with tf.GradientTape() as tape:
            logits: Any = network(x, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)

    for number in range(steps):
        context.look(number, steps)
        step(*_batch(data, places, by_class, np.random.default_rng([seed, 31, number])))
    found = Features(network, by_class)
    held = next((data.places[part] for part in ("test", "val") if len(data.places[part])), None)
    if held is not None and by_class:
        held = held[:: max(1, len(held) // 1_000)]
        found.accuracy = float((found.over(pixels, held, context).shares.argmax(1) == data.labels[held]).mean())
    return found


def _batch(data: MakingData, places: np.ndarray, by_class: bool, rng: np.random.Generator) -> tuple[Any, Any]:
    """float32 pictures of a fixed number, and int32 what is to be told of them."""
    chosen = places[rng.integers(0, len(places), BATCH)]
    x = data.pixels.rows(chosen)
    if by_class:
        return tf.constant(x, tf.float32), tf.constant(data.labels[chosen], tf.int32)
    kinds = rng.integers(0, _MIRRORED, BATCH)
    for kind, axes in ((1, 2), (2, 1), (3, (1, 2))):
        x[kinds == kind] = np.flip(x[kinds == kind], axes)
    return tf.constant(x, tf.float32), tf.constant(kinds, tf.int32)
