"""A person as what is told by the items they took and by columns of their own, an item as what its columns and a vector tell of it.

States of all places of a history are made at once, each from the items up to it; the next item is set against those that other
histories go on with and against items drawn alike (sampled softmax with correction, as network.py has it).
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from worker.families.recommending.features import Features
from worker.families.recommending.histories import wanted_of_each
from worker.families.recommending.network import beside_others, expected_among_others
from worker.recipe import Assets

_SPREAD = 0.05  # of vectors at the start; a guess
_UNKNOWN = 0.5  # share of items whose own vector is left out in a step, where they have columns too
_UNHEARD = 0.25  # share of people whose columns are left out in a step, and of those whose history is; a guess


def _single(x: Any) -> Any:
    """What a layer of any precision gives, as float32, in which sums are taken."""
    return tf.cast(x, tf.float32)


class Columns(layers.Layer):
    """int32 (n,), places of items or people, to float32 (n, width + more): what their columns tell of them."""

    def __init__(self, features: Features, width: int, more: int, name: str):
        super().__init__(name=name, dtype="float32")
        self.features, self.width, self.more = features, width, more
        self._parts, self._weights = tf.constant(features.parts), tf.constant(features.weights)
        self._numbers = tf.constant(features.numbers)
        self._vectors = None if features.vectors is None else tf.constant(features.vectors)
        start: Any = keras.initializers.RandomNormal(stddev=_SPREAD)
        self.words = layers.Embedding(features.kinds + 1, width, embeddings_initializer=start, name="words")
        self.inner = layers.Dense(2 * width, activation="gelu", name="inner")
        self.outer = layers.Dense(width + more, name="outer")

    def build(self, shape: Any = None) -> None:
        self.words.build()
        vectors = 0 if self._vectors is None else self._vectors.shape[1]
        self.inner.build((None, self.width + self.features.numbers.shape[1] + vectors))
        self.outer.build((None, 2 * self.width))
        self.built = True

    def call(self, places: Any) -> Any:
        parts, weights, numbers = (tf.gather(one, places) for one in (self._parts, self._weights, self._numbers))
        if self._vectors is not None:
            numbers = tf.concat([numbers, _single(tf.gather(self._vectors, places))], 1)
        return self.of(parts, weights, numbers)

    def of(self, parts: Any, weights: Any, numbers: Any) -> Any:
        """The same of features as they are; numbers: with the vectors behind them."""
        words = _single(self.words(parts)) * weights[..., None]
        words = tf.reduce_sum(words * tf.cast(parts > 0, tf.float32)[..., None], 1)
        inner = self.inner(tf.concat([words, numbers], 1))
        return _single(self.outer(inner)) + tf.pad(words, [[0, 0], [0, self.more]])


class ItemTower(layers.Layer):
    """int32 (n,), places of items, to float32 (n, width + 1): a vector and a bias.

    own: whether items have a vector of their own; of one that is not in touched, bool (items,), it counts nowhere. features: what
    their columns tell, None for nothing. prior: float32 (items,), where the biases of their own begin; None: at zero.
    """

    def __init__(
        self, width: int, *, own: bool, touched: np.ndarray, features: Features | None, prior: np.ndarray | None = None
    ):
        super().__init__(name="item", dtype="float32")
        self.width, self.count = width, len(touched)
        self._touched = tf.constant(touched, tf.float32)
        start: Any = keras.initializers.RandomNormal(stddev=_SPREAD)
        begin: Any = 0.0 if prior is None else prior[:, None]
        even: Any = keras.initializers.Constant(begin)
        self.own = self.unknown = self.columns = None
        if own:
            self.own = layers.Embedding(len(touched), width, embeddings_initializer=start, name="own")
            self.bias = layers.Embedding(len(touched), 1, embeddings_initializer=even, name="bias")
            if features is not None:
                self.unknown = layers.Dropout(_UNKNOWN, noise_shape=(None, 1), name="unknown")
        if features is not None:
            self.columns = Columns(features, width, 1, "columns")

    def build(self, shape: Any = None) -> None:
        if self.own is not None:
            self.own.build()
            self.bias.build()
        if self.columns is not None:
            self.columns.build()
        self.built = True

    def call(self, places: Any, training: bool = False) -> Any:
        told: Any = 0.0 if self.columns is None else self.columns(places)
        if self.own is not None:
            own = (
                _single(tf.concat([self.own(places), self.bias(places)], 1)) * tf.gather(self._touched, places)[:, None]
            )
            if self.unknown is not None and training:
                there = self.unknown(tf.ones_like(own[:, :1]), training=True) > 0  # what is left is no larger for it
                own *= tf.cast(there, tf.float32)
            told = told + own
        return told


class PersonTower(layers.Layer):
    """int32 (n,), places of people, to float32 (n, width): what columns of their own tell; zeros of whom they tell nothing."""

    def __init__(self, width: int, features: Features):
        super().__init__(name="person", dtype="float32")
        self.columns = Columns(features, width, 0, "columns")
        self._told = tf.constant(features.told, tf.float32)
        self.silent, self.unheard = (layers.Dropout(_UNHEARD, name=name) for name in ("silent", "unheard"))

    def build(self, shape: Any = None) -> None:
        self.columns.build()
        self.built = True

    def call(self, places: Any) -> Any:
        return self.columns(places) * tf.gather(self._told, places)[:, None]

    def left_out(self, batch: Any) -> tuple[Any, Any]:
        """float32 (batch, 1) each, 0 or 1: of which people the columns count in a step, and of which the history."""
        ones = tf.ones([batch, 1])
        silent, unheard = (tf.cast(one(ones, training=True) > 0, tf.float32) for one in (self.silent, self.unheard))
        return silent, unheard


class Block(layers.Layer):
    """float32 (batch, time, width) to the same: attention to what came before, then two layers. As in SASRec, the norms first."""

    def __init__(self, width: int, heads: int, dropout: float, name: str):
        super().__init__(name=name, dtype="float32")
        self.width = width
        self.before, self.between = (layers.LayerNormalization(epsilon=1e-6, name=one) for one in ("before", "between"))
        self.attention = layers.MultiHeadAttention(heads, max(1, width // heads), dropout=dropout, name="attention")
        self.inner = layers.Dense(2 * width, activation="gelu", name="inner")
        self.outer = layers.Dense(width, name="outer")
        self.drop = layers.Dropout(dropout, name="drop")

    def build(self, shape: Any) -> None:
        self.before.build(shape)
        self.attention.build(shape, shape)
        self.between.build(shape)
        self.inner.build(shape)
        self.outer.build((*shape[:-1], 2 * self.width))
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        normed = self.before(x)
        told = self.attention(normed, normed, use_causal_mask=True, training=training)
        x = x + _single(self.drop(told, training=training))
        return x + _single(self.drop(self.outer(self.inner(self.between(x))), training=training))


class Histories(keras.Model):
    """int32 (batch, length + 1 + drawn), as HistoryData has it, to float32 (batch * length, 1 + others + 1), as network.py says.

    But for the last column, which is how much a row counts: 0 where there is no next item, 1 in the mean.

    blocks: 0: the mean of the items so far; else so many of attention. expected: as of Factors. person: what people's own columns
    tell, None for nothing; without blocks only. With it rows end with the place of a person.
    """

    def __init__(
        self,
        tower: ItemTower,
        length: int,
        *,
        blocks: int,
        heads: int,
        dropout: float,
        expected: np.ndarray,
        person: PersonTower | None = None,
    ):
        super().__init__(name="histories", dtype="float32")
        width = tower.width
        self.tower, self.length, self.blocks, self.person = tower, length, [], person
        self.drop = layers.Dropout(dropout, dtype="float32", name="drop")
        tower.build()
        if person is not None:
            person.build()
        if blocks:
            start = keras.initializers.RandomNormal(stddev=_SPREAD)
            self.places = self.add_weight(shape=(length, width), initializer=start, name="places")
            self.blocks = [Block(width, heads, dropout, f"block{number}") for number in range(blocks)]
            for block in self.blocks:
                block.build((None, length, width))
            self.last = layers.LayerNormalization(epsilon=1e-6, dtype="float32", name="last")
            self.last.build((None, length, width))
        else:
            self.inner = layers.Dense(2 * width, activation="gelu", dtype="float32", name="inner")
            self.outer = layers.Dense(width, dtype="float32", name="outer")
            self.inner.build((None, length, width * (1 if person is None else 2)))
            self.outer.build((None, length, 2 * width))
        self._correction = tf.constant(np.log(expected), tf.float32)
        self.built = True

    def states(self, items: Any, about: Any = None, training: bool = False) -> Any:
        """float32 (batch, length, width), vectors of items one after the other, to the same shape: a person at each place.

        about: float32 (batch, width), of what people's columns tell; None: nothing.
        """
        if not self.blocks:
            count = tf.range(1, tf.shape(items)[1] + 1, dtype=tf.float32)[:, None]
            mean = self.drop(tf.cumsum(items, 1) / count, training=training)
            if self.person is None:
                return mean + self.outer(self.inner(mean))
            also = tf.zeros_like(mean) if about is None else tf.zeros_like(mean) + about[:, None]
            return mean + also + self.outer(self.inner(tf.concat([mean, also], 2)))
        x = self.drop(items + self.places[None], training=training)
        for block in self.blocks:
            x = block(x, training=training)
        return self.last(x)

    def call(self, rows: Any, training: bool = False) -> Any:
        about = None
        if self.person is not None:
            about, rows = self.person(rows[:, -1]), rows[:, :-1]
        window, drawn = rows[:, : self.length + 1], tf.reshape(rows[:, self.length + 1 :], [-1])
        width, batch = self.tower.width, tf.shape(rows)[0]
        known = tf.reshape(tf.maximum(window, 0), [-1])
        every = self.tower(tf.concat([known, drawn], 0), training=training)
        items = tf.reshape(every[: tf.size(known)], [batch, self.length + 1, width + 1])
        heard = items[:, :-1, :width]
        if self.person is not None and training:
            columns, history = self.person.left_out(batch)
            about, heard = about * columns, heard * history[:, None]
        state = tf.reshape(self.states(heard, about, training), [-1, width])
        wanted = tf.reshape(items[:, 1:], [-1, width + 1])
        next_item = tf.reshape(tf.maximum(window[:, 1:], 0), [-1])
        there = tf.reshape(window[:, 1:] >= 0, [-1])
        score = tf.reduce_sum(state * wanted[:, :width], 1, keepdims=True) + wanted[:, width:]

        def vectors(places: Any) -> tuple[Any, Any]:
            others = tf.concat([wanted, every[tf.size(known) :]], 0)  # in the order of places
            missing = tf.concat([tf.where(there, 0.0, -1e9), tf.zeros(tf.size(drawn))], 0)
            return others[:, :width], others[:, width] + missing

        parts = beside_others("softmax", state, next_item, drawn, score, vectors, self._correction)
        of = tf.range(tf.size(next_item)) // self.length  # what the same history goes on with stands against it nowhere
        own = tf.pad(of[:, None] == of[None], [[0, 0], [0, tf.size(drawn)]])
        counts = tf.cast(there, tf.float32)
        counts *= tf.cast(tf.size(there), tf.float32) / tf.maximum(tf.reduce_sum(counts), 1.0)
        return tf.concat([parts[0], tf.where(own, -1e9, parts[1]), counts[:, None]], 1)


def histories_network(
    params: Any,
    assets: Assets,
    *,
    own: bool,
    features: Features | None,
    people: Features | None = None,
    blocks: int = 0,
    heads: int = 1,
) -> Histories:
    """From the params that recipes of histories share. people: what their columns tell."""
    popularity = assets.arrays["popularity"]
    prior = None if people is None else _prior(popularity)
    tower = ItemTower(params.width, own=own, touched=popularity > 0, features=features, prior=prior)
    expected = expected_among_others(assets, params.negatives, wanted_of_each(assets, params.length))
    person = None if people is None else PersonTower(params.width, people)
    return Histories(
        tower, params.length, blocks=blocks, heads=heads, dropout=params.dropout, expected=expected, person=person
    )


def _prior(popularity: np.ndarray) -> np.ndarray:
    """float32 (items,): how likely anybody takes each, as a logarithm, 0 for the mean: what people's columns are to improve on."""
    mean = float(popularity[popularity > 0].mean()) if popularity.any() else 1.0
    return np.log(np.maximum(popularity, 0.5) / mean).astype(np.float32)


class HistoryLoss(keras.losses.Loss):
    """Of a Histories' output. Targets are unused."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return (tf.reduce_logsumexp(y_pred[:, :-1], 1) - y_pred[:, 0]) * y_pred[:, -1]
