"""The step of a private training: the gradient of every row cut to a length, summed, and noise added. Called by steps.py.

Source: Abadi et al. 2016, arXiv:1607.00133, with the sum divided by the expected number of rows, not by the drawn one. The network
learns as it answers: without dropout, which would take the same from all rows of a chunk; the noise does its work. Everything from
the gradients on is float32. The noise is TensorFlow's stateless normal generator (Philox): not a cryptographic one, and its
floating point numbers are not safe from the attack of Mironov 2012.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from worker.privacy import Privacy

CLIPPED = "clipped_share"
_MOST_NUMBERS = 24_000_000  # gradients of a chunk's rows together: a guess, about 300 MB with what is copied on the way
_MOST_ROWS = 64  # measured on Adult: more are no faster


def rows_at_once(numbers: int) -> int:
    """How many rows' gradients are in memory together. numbers: of one row's."""
    return max(1, min(_MOST_ROWS, _MOST_NUMBERS // max(1, numbers)))


def private_step(model: keras.Model, privacy: Privacy) -> Callable[[Any], dict[str, Any]]:
    """Return what a private training does instead of model.train_step, and give the model the metric CLIPPED."""
    clipped: Any = keras.metrics.Mean(name=CLIPPED)
    model._metrics.append(
        clipped
    )  # so that its variables are in checkpoints; a built model refuses attributes that hold any
    variables = [variable.value for variable in model.trainable_variables]
    sizes = [math.prod(variable.shape) for variable in variables]
    chunk = rows_at_once(sum(sizes))

    def of_one(row: Any) -> Any:
        """(gradient as one vector, loss) of a row."""
        x, y, weight = tf.nest.map_structure(lambda part: part[None], row)
        with tf.GradientTape() as tape:
            loss: Any = model.compute_loss(
                x=x, y=y, y_pred=model(x, training=False), sample_weight=weight, training=False
            )
        found = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        flat = [tf.reshape(tf.cast(tf.convert_to_tensor(part), tf.float32), (-1,)) for part in found]
        return tf.concat(flat, 0), tf.cast(loss, tf.float32)

    def step(data: Any) -> dict[str, Any]:
        (x, y, *more), seed = data
        rows = (x, y, more[0] if more else tf.ones(tf.shape(y)[:1]))
        count = tf.shape(y)[0]
        chunks = -(-count // chunk)
        rows = tf.nest.map_structure(lambda part: _padded(part, chunks * chunk), rows)

        def some(number: Any, total: Any, loss: Any, cut: Any) -> Any:
            begin = number * chunk
            taken = tf.nest.map_structure(lambda part: _taken(part, begin, chunk), rows)
            gradients, losses = tf.vectorized_map(of_one, taken, fallback_to_while_loop=False)
            there = tf.cast(tf.range(begin, begin + chunk) < count, tf.float32)
            gradients = tf.where(there[:, None] > 0, gradients, 0.0)  # whatever rows that are none would say
            lengths = tf.norm(gradients, axis=1)
            shares = there * tf.minimum(1.0, privacy.clip / tf.maximum(lengths, 1e-12))
            total += tf.linalg.matvec(gradients, shares, transpose_a=True)
            over = there * tf.cast(lengths > privacy.clip, tf.float32)
            return number + 1, total, loss + tf.reduce_sum(losses * there), cut + tf.reduce_sum(over)

        start = (tf.constant(0), tf.zeros(sum(sizes)), tf.constant(0.0), tf.constant(0.0))
        _, total, loss, cut = tf.while_loop(lambda number, *_: number < chunks, some, start, parallel_iterations=1)
        noise = tf.random.stateless_normal((sum(sizes),), seed) * (privacy.noise * privacy.clip)
        gradients = tf.split((total + noise) / privacy.expected, sizes)
        shaped = [tf.reshape(part, variable.shape) for part, variable in zip(gradients, variables, strict=True)]
        optimizer: Any = model.optimizer
        optimizer.apply(shaped, model.trainable_variables)
        drawn = tf.cast(count, tf.float32)
        tracker: Any = model._loss_tracker
        tracker.update_state(tf.math.divide_no_nan(loss, drawn), sample_weight=drawn)
        clipped.update_state(tf.math.divide_no_nan(cut, drawn), sample_weight=drawn)
        return model.get_metrics_result()

    return step


def _padded(part: Any, rows: Any) -> Any:
    """Filled up with zeros to so many rows, which count for nothing."""
    return tf.pad(part, [[0, rows - tf.shape(part)[0]], *([[0, 0]] * (part.shape.rank - 1))])


def _taken(part: Any, begin: Any, chunk: int) -> Any:
    return tf.ensure_shape(part[begin : begin + chunk], (chunk, *part.shape[1:]))
