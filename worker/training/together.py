"""One update for many small variables: a graph with hundreds of them is traced, optimised and run in a fraction of the time.

Adapters of a large model are such: 420 matrices of 4,608 numbers, for each of which Keras' own loop writes some 40 operations.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

SMALL = 65_536  # numbers: above it the copies cost more than the operations saved
MANY = 32  # variables: below it there is little to save

Pair = tuple[Any, Any]  # (gradient, tf.Variable)


def small_ones(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """(those to be updated together, the others)."""
    small = [pair for pair in pairs if _is_small(*pair)]
    if len(small) < MANY:
        return [], list(pairs)
    there = {id(variable) for _, variable in small}
    return small, [pair for pair in pairs if id(pair[1]) not in there]


def _is_small(gradient: Any, variable: Any) -> bool:
    size = variable.shape.num_elements()
    dense = isinstance(gradient, tf.Tensor)
    return dense and variable.dtype == tf.float32 and size is not None and size <= SMALL


class Flat:
    """Variables as one vector, in their order."""

    def __init__(self, variables: Sequence[Any]):
        wraps = [isinstance(variable, keras.Variable) for variable in variables]
        self.variables = [v.value if wrapped else v for v, wrapped in zip(variables, wraps, strict=True)]
        self._sizes = [variable.shape.num_elements() for variable in variables]

    def of(self, tensors: Sequence[Any]) -> Any:
        """(total,) of tensors of the variables' shapes."""
        return tf.concat([tf.reshape(tensor, (-1,)) for tensor in tensors], 0)

    def read(self) -> Any:
        return self.of(self.variables)

    def write(self, vector: Any) -> None:
        for variable, part in zip(self.variables, tf.split(vector, self._sizes), strict=True):
            variable.assign(tf.reshape(part, variable.shape))

    def repeat(self, values: Sequence[float]) -> Any:
        """(total,) with each variable's own number at its places; a number alone where all are equal."""
        if len(set(values)) == 1:
            return tf.constant(values[0], tf.float32)
        return tf.repeat(tf.constant(values, tf.float32), self._sizes)


def adam_together(
    optimizer: Any, flat: Flat, momentums: Flat, velocities: Flat, gradient: Any, learning_rate: Any, decay: Any
) -> None:
    """keras.optimizers.Adam.update_step on a vector, after it shrank by decay * itself. gradient (total,); learning_rate and
    decay: a number or (total,)."""
    step = tf.cast(optimizer.iterations + 1, tf.float32)
    bias_1 = 1.0 - tf.pow(tf.constant(optimizer.beta_1, tf.float32), step)
    bias_2 = 1.0 - tf.pow(tf.constant(optimizer.beta_2, tf.float32), step)
    alpha = learning_rate * tf.sqrt(bias_2) / bias_1
    m, v = momentums.read(), velocities.read()
    m = m + (gradient - m) * (1 - optimizer.beta_1)
    v = v + (tf.square(gradient) - v) * (1 - optimizer.beta_2)
    momentums.write(m)
    velocities.write(v)
    values = flat.read()
    values = values - values * decay
    flat.write(values - m * alpha / (tf.sqrt(v) + optimizer.epsilon))
