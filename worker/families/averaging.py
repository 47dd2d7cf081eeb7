"""A running average of a network's weights, which answers better than the weights of any one step.

Held by the model as weights of its own that no gradient reaches: they are in every checkpoint, so that a resume is exact, and it is
they that samples, evaluations and uses go by. Source: Polyak, Juditsky 1992; of makers of pictures: Yazıcı et al. 2019,
arXiv:1806.04498.
"""

from typing import Any

import keras
import tensorflow as tf


def averaged_copy(network: keras.Model, again: keras.Model) -> keras.Model:
    """again, of the same kind, with the weights of network; it is never trained itself."""
    again.set_weights(network.get_weights())
    again.trainable = False
    return again


def keep_average(average: keras.Model, network: keras.Model, step: Any, momentum: float) -> None:
    """Move the average a little towards the network. step: taken so far, from 0; the first ones count more, so that it is no
    average with the random beginning.
    """
    done = tf.cast(step, tf.float32)
    share = tf.minimum(momentum, (1.0 + done) / (10.0 + done))
    for kept, now in zip(average.variables, network.variables, strict=True):
        if getattr(now, "fixed", False):  # of a backbone of which nothing learns
            continue
        if kept.dtype.startswith("float"):
            kept.assign(kept.value * share + tf.cast(now.value, kept.dtype) * (1.0 - share))
        else:
            kept.assign(now.value)


class Averaged(keras.Model):
    """A network that learns, and the average of its weights, which is what answers.

    again: of the same kind. momentum: of the average, per step.
    """

    def __init__(self, network: keras.Model, again: keras.Model, momentum: float):
        super().__init__(name="averaged")
        self.network, self.average, self.momentum = network, averaged_copy(network, again), momentum
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.network(inputs, training=True) if training else self.average(inputs, training=False)

    def train_step(self, data: Any) -> Any:
        logs = super().train_step(data)
        taken: Any = self.optimizer
        keep_average(self.average, self.network, tf.convert_to_tensor(taken.iterations), self.momentum)
        return logs


def answering(model: keras.Model) -> keras.Model:
    """The network that answers."""
    return model.average if isinstance(model, Averaged) else model
