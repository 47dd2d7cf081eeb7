"""A recommender to take away: a SavedModel that knows people and items by their ids, and ten lines that use it."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from worker.families.recommending.known import Known
from worker.families.recommending.vectors import LEAST_PENALTY, Vectors
from worker.recipe import Assets

EXAMPLE = '''\
"""Recommends: python example.py PERSON, or python example.py --liked ITEM ITEM ... for a newcomer. Needs tensorflow alone."""
import sys
from pathlib import Path

import tensorflow as tf

model = tf.saved_model.load(str(Path(__file__).with_name("saved_model")))
if sys.argv[1] == "--liked":
    answer = model.newcomer(tf.constant(sys.argv[2:]), tf.constant(10))
else:
    answer = model.answer(tf.constant(sys.argv[1]), tf.constant(10))
for item, title, value in zip(*(answer[name].numpy() for name in ("items", "titles", "values"))):
    print(item.decode(), title.decode(), f"{value:.6f}", sep="\\t")
'''


def export_recommender(vectors: Vectors, params: Any, assets: Assets, folder: Path) -> keras.Model:
    """Write saved_model/ and example.py; returns a model of a person's and an item's number. Raises OSError."""
    module = _Recommender(vectors, Known(assets), getattr(params, "regularisation", 0.0))
    tf.saved_model.save(module, str(folder / "saved_model"))
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")
    return _plain(vectors)


def _plain(vectors: Vectors) -> keras.Model:
    """{"user", "item"}: int32 (batch,), places in assets.json's order -> float32 (batch, 1): the value, not cut to the scale."""
    tables = {
        "user": vectors.users[:], "item": vectors.items, "user_bias": vectors.user_bias[:, None],
        "item_bias": vectors.item_bias[:, None],
    }  # fmt: skip
    inputs = {name: keras.Input((), dtype="int32", name=name) for name in ("user", "item")}
    found = {
        name: layers.Embedding(*table.shape, weights=[table], name=f"{name}_table")(inputs[name.partition("_")[0]])
        for name, table in tables.items()
    }
    score = layers.Dot(1)([found["user"], found["item"]])
    value = layers.Rescaling(vectors.std, vectors.mean)(layers.Add()([score, found["user_bias"], found["item_bias"]]))
    return keras.Model(inputs, value)


class _Recommender(tf.Module):
    """Ids in, ids out, as the service answers without filters."""

    def __init__(self, vectors: Vectors, of: Known, penalty: float):
        super().__init__()
        self._users, self._items = _held(vectors.users[:]), _held(vectors.items)
        self._biases = _held(vectors.user_bias), _held(vectors.item_bias)
        self._has = _held(of.taken.items), _held(of.taken.starts)
        self._ids, self._titles = tf.constant(of.catalogue.ids), tf.constant(of.catalogue.titles)
        self._people: Any = _table(of.user_ids)
        self._places: Any = _table(of.catalogue.ids)
        penalty = max(penalty, LEAST_PENALTY)
        mean_gram = tf.constant(vectors.gram)
        ratings = of.goal == "ratings"
        self._newcomer: Any = vectors.newcomer_module()

        def told(vector: Any, bias: Any, has: Any, count: Any) -> Any:
            scores = tf.linalg.matvec(self._items, vector) + self._biases[1]
            scores = tf.tensor_scatter_nd_update(scores, has[:, None], tf.fill(tf.shape(has), -np.inf))
            best, places = tf.math.top_k(scores, tf.minimum(count, tf.size(scores) - tf.size(has)))
            values = tf.cast(best, tf.float64)
            if ratings:
                values = (values + tf.cast(bias, tf.float64)) * vectors.std + vectors.mean
                values = tf.clip_by_value(values, vectors.low, vectors.high)
            return {"items": tf.gather(self._ids, places), "titles": tf.gather(self._titles, places), "values": values}

        @tf.function(
            input_signature=[tf.TensorSpec((), tf.string, "person"), tf.TensorSpec((), tf.int32, "count")],
            autograph=False,
        )
        def answer(person: Any, count: Any) -> Any:
            """The best items for somebody who is known, without what they have. An id that is not known is an error."""
            place = self._people.lookup(person)
            with tf.control_dependencies(
                [tf.debugging.assert_greater_equal(place, np.int64(0), "this person is not known")]
            ):
                place = tf.identity(place)
            has = self._has[0][self._has[1][place] : self._has[1][place + 1]]
            return told(self._users[place], self._biases[0][place], has, count)

        @tf.function(
            input_signature=[tf.TensorSpec((None,), tf.string, "liked"), tf.TensorSpec((), tf.int32, "count")],
            autograph=False,
        )
        def newcomer(liked: Any, count: Any) -> Any:
            """The best items for somebody who likes some, by their ids; ids that are not known are an error."""
            places = self._places.lookup(liked)
            with tf.control_dependencies(
                [tf.debugging.assert_greater_equal(places, np.int64(0), "an item is not known")]
            ):
                places = tf.identity(places)
            if self._newcomer is not None:
                return told(self._newcomer(places), 0.0, tf.cast(places, tf.int32), count)
            own = tf.cast(tf.gather(self._items, places), tf.float64)
            bias = tf.cast(tf.gather(self._biases[1], places), tf.float64)
            width, rows = own.shape[1], tf.cast(tf.shape(own)[0], tf.float64)
            if ratings:
                wide = tf.concat([own, tf.ones_like(bias)[:, None]], 1)
                left = (of.liked_value - vectors.mean) / vectors.std - bias
                eye = tf.eye(width + 1, dtype=tf.float64) * penalty * rows
                found = _solved(
                    tf.matmul(wide, wide, transpose_a=True) + eye, tf.linalg.matvec(wide, left, transpose_a=True)
                )
                return told(tf.cast(found[:width], tf.float32), found[width], tf.cast(places, tf.int32), count)
            gram = mean_gram * rows + tf.matmul(own, own, transpose_a=True)
            ridge = tf.maximum(penalty * tf.linalg.trace(gram) / width, LEAST_PENALTY)
            found = _solved(gram + ridge * tf.eye(width, dtype=tf.float64), tf.reduce_sum(own, 0))
            found = tf.math.divide_no_nan(found * vectors.length, tf.norm(found))
            return told(tf.cast(found, tf.float32), 0.0, tf.cast(places, tf.int32), count)

        self.answer, self.newcomer = answer, newcomer


def _table(names: list[str]) -> Any:
    """Ids to places, -1 for none."""
    values = np.arange(len(names), dtype=np.int64)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(names, values, tf.string, tf.int64), -1)


def _solved(matrix: Any, vector: Any) -> Any:
    return tf.linalg.solve(matrix, vector[:, None])[:, 0]


def _held(array: Any) -> Any:
    """A variable: kept once in the SavedModel, however many functions use it."""
    return tf.Variable(array)
