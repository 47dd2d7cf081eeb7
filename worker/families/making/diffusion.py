"""Pictures out of noise, step by step: how noise is mixed in, how a network learns to tell it, and how it is taken away.

Time goes from 0, a picture, to 1, noise alone: x = cos(pi t / 2) * picture + sin(pi t / 2) * noise, the cosine schedule (Nichol,
Dhariwal 2021, arXiv:2102.09672) in continuous time. The network says the velocity cos * noise - sin * picture (Salimans, Ho 2022,
arXiv:2202.00512), from which both follow. Few steps are enough without chance between them: DDIM, Song et al. 2020,
arXiv:2010.02502. Classes by guidance without a classifier: Ho, Salimans 2022, arXiv:2207.12598. Source: DDPM, Ho et al. 2020,
arXiv:2006.11239.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.families.averaging import averaged_copy, keep_average
from worker.families.making.grid import as_bytes

FORGOTTEN = (
    0.1  # share of pictures whose class is not told while learning: what guidance is measured against (Ho, Salimans)
)
LAST = 0.999  # where time ends: at 1 nothing of a picture is left to tell
AT_ONCE = 64  # pictures made side by side
_EVALUATED_WITH = 23


def mixed(pictures: Any, noise: Any, time: Any) -> tuple[Any, Any]:
    """(pictures with noise, velocity). pictures, noise: (batch, height, width, channels). time: (batch,), 0..1."""
    angle = tf.reshape(time, (-1, 1, 1, 1)) * (math.pi / 2)
    keep, add = tf.cos(angle), tf.sin(angle)
    return keep * pictures + add * noise, keep * noise - add * pictures


class Diffusion(keras.Model):
    """A network that learns, and the average of its weights, which is the one that is used.

    classes: how many it knows, 0 for none. momentum: of the average.
    """

    def __init__(self, network: keras.Model, again: keras.Model, shape: Any, classes: int, momentum: float):
        super().__init__(name="diffusion")
        self.network, self.average = network, averaged_copy(network, again)
        self.shape, self.classes, self.momentum = tuple(shape), classes, momentum
        self.noise = keras.random.SeedGenerator()  # from the seed that build_model() sets
        self._made_by: Maker | None = None
        self.built = True

    @property
    def made_by(self) -> "Maker":
        """What makes pictures with it, compiled once."""
        if self._made_by is None:
            self._made_by = Maker(self)
        return self._made_by

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The velocity that the average says: inputs as of the network."""
        return self.average(inputs, training=False)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Mean squared error of the velocity. x: float32 0..255. y: int32 numbers of classes, or None."""
        pictures = x / 127.5 - 1.0
        count = tf.shape(pictures)[0]
        seeds: Any = [self.noise] * 3 if training else [_EVALUATED_WITH + n for n in range(3)]
        noise = keras.random.normal(tf.shape(pictures), seed=seeds[0])
        time: Any = keras.random.uniform((count,), 0.0, LAST, seed=seeds[1])
        if not training:  # spread evenly, so that evaluations differ by the network alone
            time = (tf.range(count, dtype=tf.float32) + 0.5) / tf.cast(count, tf.float32) * LAST
        noisy, velocity = mixed(pictures, noise, time)
        inputs = [noisy, time]
        if self.classes:
            if training:
                forgotten: Any = keras.random.uniform((count,), seed=seeds[2])
                y = tf.where(forgotten < FORGOTTEN, self.classes, y)
            inputs.append(y)
        said: Any = self.network(inputs, training=True) if training else self.average(inputs, training=False)
        return tf.reduce_mean(tf.square(said - velocity))

    def train_step(self, data: Any) -> Any:
        pixels, of = data if len(data) == 2 else (data[0], None)
        with tf.GradientTape() as tape:
            loss = self.compute_loss(pixels, of, training=True)
            self._loss_tracker.update_state(loss, sample_weight=tf.shape(pixels)[0])
            scaled = self.optimizer.scale_loss(loss)
        weights = self.network.trainable_weights
        self.optimizer.apply(tape.gradient(scaled, weights), weights)
        optimizer: Any = self.optimizer
        steps = tf.convert_to_tensor(getattr(optimizer, "inner_optimizer", optimizer).iterations)
        keep_average(self.average, self.network, steps, self.momentum)
        return self.get_metrics_result()

    def test_step(self, data: Any) -> Any:
        pixels, of = data if len(data) == 2 else (data[0], None)
        self._loss_tracker.update_state(
            self.compute_loss(pixels, of, training=False), sample_weight=tf.shape(pixels)[0]
        )
        return self.get_metrics_result()


class Maker:
    """Takes noise away, step by step; compiles one step once for any number of pictures."""

    def __init__(self, model: Diffusion):
        self.model = model
        self._step = tf.function(
            self.taken,
            input_signature=[
                tf.TensorSpec((None, *model.shape), tf.float32), tf.TensorSpec((), tf.float32), tf.TensorSpec((), tf.float32),
                tf.TensorSpec((None,), tf.int32), tf.TensorSpec((), tf.float32),
            ],
            autograph=False,
        )  # fmt: skip

    def taken(self, noisy: Any, now: Any, then: Any, of: Any, guidance: Any) -> tuple[Any, Any]:
        """(pictures at time `then`, those that the network takes them for), from time `now`."""
        count = tf.shape(noisy)[0]
        if self.model.classes:
            both = [tf.concat([part, part], 0) for part in (noisy, tf.fill((count,), now))]
            nothing = tf.fill((count,), self.model.classes)
            with_class, without = tf.split(self.model([*both, tf.concat([of, nothing], 0)]), 2)
            said = without + guidance * (with_class - without)
        else:
            said = self.model([noisy, tf.fill((count,), now)])
        keep, add = tf.cos(now * math.pi / 2), tf.sin(now * math.pi / 2)
        picture = tf.clip_by_value(keep * noisy - add * said, -1.0, 1.0)
        noise = (noisy - keep * picture) / tf.maximum(add, 1e-6)
        return tf.cos(then * math.pi / 2) * picture + tf.sin(then * math.pi / 2) * noise, picture

    def pictures(
        self, noise: Any, of: Any, steps: int, guidance: float, check: Callable[[], None], told: Callable[[int], None]
    ) -> np.ndarray:
        """uint8 (n, height, width, channels). noise: standard_normal(). of: classes, int (n,); told: further steps done."""
        found, times = [], np.linspace(LAST, 0.0, steps + 1, dtype=np.float32)
        for start in range(0, len(noise), AT_ONCE):
            x, labels = noise[start : start + AT_ONCE], tf.constant(of[start : start + AT_ONCE], tf.int32)
            picture = x
            for now, then in pairwise(times):
                check()
                x, picture = self._step(
                    x, tf.constant(now), tf.constant(then), labels, tf.constant(guidance, tf.float32)
                )
                told(len(labels))
            found.append(as_bytes((picture.numpy() + 1.0) * 127.5))
        return np.concatenate(found)
