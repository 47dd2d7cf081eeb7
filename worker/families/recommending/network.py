"""One vector and one bias for each person and each item, learnt by ratings or by what is taken rather than others.

The training's output holds what the loss needs: (batch, 1 + others + 1), the score of the row's own item, those of others, and the
penalty of the row. Others that are the row's own item count nowhere: their score is -1e9.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from worker.recipe import Assets

_NOWHERE = -1e9


class Factors(keras.Model):
    """int32 (batch, 2 + drawn), a person, the item, items drawn, to float32 (batch, outputs) as the module says.

    kind: "ratings", "bpr" or "softmax". expected: float32 (items,), how often each is among the others of a step, for softmax.
    """

    def __init__(
        self,
        users: int,
        items: int,
        width: int,
        kind: str,
        *,
        regularisation: float,
        dropout: float,
        expected: np.ndarray,
    ):
        super().__init__(name="factors")
        self.kind, self.regularisation = kind, regularisation
        spread = 0.1 if kind == "ratings" else 0.3 / width**0.5  # guesses
        start: list[Any] = [
            keras.initializers.RandomNormal(stddev=spread) for _ in range(2)
        ]  # one would give both the same numbers
        self.user = layers.Embedding(users, width, embeddings_initializer=start[0], name="user")
        self.item = layers.Embedding(items, width, embeddings_initializer=start[1], name="item")
        self.item_bias = layers.Embedding(items, 1, embeddings_initializer="zeros", name="item_bias")
        self.drop = layers.Dropout(dropout, dtype="float32", name="drop")
        tables = [self.user, self.item, self.item_bias]
        self.user_bias = None  # of a ranking it would change nothing
        if kind == "ratings":
            self.user_bias = layers.Embedding(users, 1, embeddings_initializer="zeros", name="user_bias")
            tables.append(self.user_bias)
        for layer in tables:
            layer.build()
        self.drop.build((None, width))
        self._correction = tf.constant(np.log(expected), tf.float32)
        self.built = True

    def call(self, rows: Any, training: bool = False) -> Any:
        user, item = tf.cast(self.user(rows[:, 0]), tf.float32), tf.cast(self.item(rows[:, 1]), tf.float32)
        bias = tf.cast(self.item_bias(rows[:, 1]), tf.float32)
        squares = [tf.reduce_sum(tf.square(part), 1, keepdims=True) for part in (user, item, bias)]
        user = self.drop(user, training=training)
        score = tf.reduce_sum(user * item, 1, keepdims=True) + bias
        if self.user_bias is not None:
            own = tf.cast(self.user_bias(rows[:, 0]), tf.float32)
            squares.append(tf.square(own))
            parts = [score + own]
        else:
            parts = beside_others(self.kind, user, rows[:, 1], rows[:, 2:], score, self._items, self._correction)
        return tf.concat([*parts, self.regularisation * tf.add_n(squares)], 1)

    def _items(self, places: Any) -> tuple[Any, Any]:
        """Vectors and biases, float32."""
        return tf.cast(self.item(places), tf.float32), tf.cast(self.item_bias(places), tf.float32)[..., 0]


def expected_among_others(assets: Assets, drawn: int, wanted: float = 1.0) -> np.ndarray:
    """float32 (items,): how often each is among a step's others, of each row so many that are wanted and so many drawn alike."""
    popularity = assets.arrays["popularity"]
    share = wanted * popularity / max(1, popularity.sum()) + drawn / len(popularity)
    return (assets["batch_size"] * share + 1e-9).astype(np.float32)


def beside_others(
    kind: str, user: Any, item: Any, drawn: Any, score: Any, items: Callable[[Any], tuple[Any, Any]], correction: Any
) -> list[Any]:
    """[(rows, 1), (rows, others)]: the score of each row's own item as the loss wants it, and those of others.

    kind: "bpr": the others are the row's own; "softmax": all of the step and the items of the other rows, each less the logarithm
    of how often it is among them. user: float32 (rows, width). item: int32 (rows,). drawn: int32 (rows, drawn), or (drawn,) with
    softmax. score: float32 (rows, 1), of the own one. items: places -> vectors and biases. correction: float32 (items,).
    """
    if kind == "bpr":
        vectors, biases = items(drawn)
        scores = tf.einsum("bw,bow->bo", user, vectors) + biases
        return [score, tf.where(drawn == item[:, None], _NOWHERE, scores)]
    others = tf.concat([item, tf.reshape(drawn, [-1])], 0)
    vectors, biases = items(others)
    scores = tf.matmul(user, vectors, transpose_b=True) + biases - tf.gather(correction, others)
    score -= tf.gather(correction, item)[:, None]
    return [score, tf.where(others[None] == item[:, None], _NOWHERE, scores)]


class FactorsLoss(keras.losses.Loss):
    """Of a Factors' output, with its penalty. kind: as the network's. Targets: float32 (batch, 1), standardised ratings, else
    unused."""

    def __init__(self, kind: str, **more: Any):
        super().__init__(**more)
        self.kind = kind

    def call(self, y_true: Any, y_pred: Any) -> Any:
        score, penalty = y_pred[:, 0], y_pred[:, -1]
        if self.kind == "ratings":
            return tf.square(y_true[:, 0] - score) + penalty
        if self.kind == "bpr":
            return tf.reduce_mean(tf.nn.softplus(y_pred[:, 1:-1] - score[:, None]), 1) + penalty
        return tf.reduce_logsumexp(y_pred[:, :-1], 1) - score + penalty
