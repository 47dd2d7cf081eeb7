"""A running average of a network's weights, which makes better pictures than the weights of any one step.

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
        if kept.dtype.startswith("float"):
            kept.assign(kept.value * share + tf.cast(now.value, kept.dtype) * (1.0 - share))
        else:
            kept.assign(now.value)
