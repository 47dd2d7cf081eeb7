"""Keeps what is only looked at, a sample or an evaluation, from changing a training."""

import contextlib
import random
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from keras.src.random.seed_generator import global_seed_generator  # no public way to reach its state


@contextlib.contextmanager
def undisturbed(model: keras.Model) -> Iterator[None]:
    """Put every random-number generator back afterwards: Python's, NumPy's, Keras' global one and those in the model's layers."""
    python_rng, numpy_rng = random.getstate(), np.random.get_state()
    states = [seeds.state for layer in model._flatten_layers() for seeds in layer._seed_generators]
    kept = [(state, _value(state)) for state in (*states, global_seed_generator().state)]
    try:
        yield
    finally:
        random.setstate(python_rng)
        np.random.set_state(numpy_rng)
        for state, value in kept:
            if not np.array_equal(_value(state), value):
                state.assign(value)


def _value(state: keras.Variable) -> np.ndarray:
    return tf.convert_to_tensor(state.value).numpy()  # of a variable itself NumPy asks what TensorFlow does not know
