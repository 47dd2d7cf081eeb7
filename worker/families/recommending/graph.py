"""Vectors of people and items smoothed over the graph of who took what in the training part: LightGCN.

Each of some layers gives everybody the mean of what is next to them, shares by the roots of both numbers of neighbours; what is
scored is the mean of all layers. Nothing but the first layer is learnt. Source: He et al. 2020, arXiv:2002.02126.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.families.evaluation.ranking import Taken
from worker.families.recommending.network import beside_others
from worker.families.recommending.vectors import Vectors
from worker.recipe import Assets

_SPREAD = 0.1  # of the first layer; the paper's


class Graph(keras.Model):
    """int32 (batch, 2 + drawn), a person, the item, items drawn, to float32 (batch, outputs), as network.py says.

    kind: "bpr" or "softmax". edges: (people, items), int (n,) each, sorted by person. expected: as of Factors. All in float32: XLA
    knows no sparse product, and shares of halves are too coarse.
    """

    def __init__(
        self,
        users: int,
        items: int,
        width: int,
        kind: str,
        *,
        depth: int,
        edges: tuple[np.ndarray, np.ndarray],
        regularisation: float,
        expected: np.ndarray,
    ):
        super().__init__(name="graph", dtype="float32")
        self.kind, self.depth, self.regularisation = kind, depth, regularisation
        start = [keras.initializers.RandomNormal(stddev=_SPREAD) for _ in range(2)]
        self.user = self.add_weight(shape=(users, width), initializer=start[0], name="user")
        self.item = self.add_weight(shape=(items, width), initializer=start[1], name="item")
        self._around = _shares(*edges, users, items)
        self._back = tf.sparse.transpose(self._around)
        self._smooth = _own_gradient(lambda user, item: tuple(_mean(parts) for parts in self.layered(user, item)))
        self._correction = tf.constant(np.log(expected), tf.float32)
        self.built = True

    def smoothed(self) -> tuple[Any, Any]:
        """float32 (users, width), (items, width): the mean of all layers."""
        return self._smooth(tf.convert_to_tensor(self.user), tf.convert_to_tensor(self.item))

    def layered(self, user: Any, item: Any) -> tuple[list[Any], list[Any]]:
        """Of each layer from the first on, float32 (users, width) and (items, width)."""
        forth, back = (_for_products(one) for one in (self._around, self._back))
        users, items = [user], [item]
        for _ in range(self.depth):
            user, item = _product(forth, item), _product(back, user)
            users.append(user)
            items.append(item)
        return users, items

    def call(self, rows: Any, training: bool = False) -> Any:
        users, items = self.smoothed()
        user, item = tf.gather(users, rows[:, 0]), tf.gather(items, rows[:, 1])
        score = tf.reduce_sum(user * item, 1, keepdims=True)

        def vectors(places: Any) -> tuple[Any, Any]:
            return tf.gather(items, places), 0.0

        parts = beside_others(self.kind, user, rows[:, 1], rows[:, 2:], score, vectors, self._correction)
        first = (tf.gather(self.user, rows[:, 0]), tf.gather(self.item, rows[:, 1]))
        squares = reduce(add, (tf.reduce_sum(tf.square(part), 1, keepdims=True) for part in first))
        return tf.concat([*parts, self.regularisation * squares], 1)


def _for_products(matrix: tf.SparseTensor) -> Any:
    """By rows. It cannot be kept from one call of a tf.function to another: its shape would be lost."""
    return tf.raw_ops.SparseTensorToCSRSparseMatrix(
        indices=matrix.indices, values=matrix.values, dense_shape=matrix.dense_shape
    )


def _product(matrix: Any, dense: Any) -> Any:
    """Each thread sums whole rows: the same to the bit every time. The product of tf.sparse takes three times as long."""
    return tf.raw_ops.SparseMatrixMatMul(a=matrix, b=dense)


def _mean(parts: list[Any]) -> Any:
    """One after the other: tf.add_n begins with whichever it may overwrite, which is another one each time."""
    return reduce(add, parts) / len(parts)


def _own_gradient(smooth: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """What is linear and symmetric has itself as its gradient. The one of products would go by columns, and add as threads end."""

    @tf.custom_gradient
    def through(user: Any, item: Any) -> Any:
        return smooth(user, item), smooth

    return through


def _shares(people: np.ndarray, taken: np.ndarray, users: int, items: int) -> tf.SparseTensor:
    """float32 (users, items): of each pair one by the root of how many items the person has times how many people the item."""
    of_person, of_item = np.bincount(people, minlength=users), np.bincount(taken, minlength=items)
    shares = (of_person[people].astype(np.float64) * of_item[taken]) ** -0.5
    order = np.lexsort((taken, people))
    places = np.stack([people, taken], 1)[order].astype(np.int64)
    return tf.SparseTensor(places, shares[order].astype(np.float32), (users, items))


def edges_of(assets: Assets) -> tuple[np.ndarray, np.ndarray]:
    """(people, items) of the training part's pairs."""
    arrays = assets.arrays
    people, items = Taken(arrays["taken_items"], arrays["taken_starts"]).pairs(np.arange(len(arrays["people"])))
    return people[arrays["learnt"]], items[arrays["learnt"]]


@dataclass(frozen=True)
class GraphVectors(Vectors):
    """given: float32 (items, width), what an item gives to somebody who has it alone."""

    given: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def newcomer(
        self, liked: Sequence[int], values: Sequence[float] | None, penalty: float
    ) -> tuple[np.ndarray, float]:
        """A person's vector as the graph has it, but for what is their own: one more node, which changes no other."""
        return (self.given[list(liked)].sum(0) * len(liked) ** -0.5).astype(np.float32), 0.0

    def newcomer_module(self) -> Any:
        return _Newcomer(self.given)


class _Newcomer(tf.Module):
    def __init__(self, given: Any):
        super().__init__()
        self._given = tf.Variable(given)

    def __call__(self, liked: Any) -> Any:
        return tf.reduce_sum(tf.gather(self._given, liked), 0) * tf.math.rsqrt(tf.cast(tf.size(liked), tf.float32))


def graph_vectors(model: Graph, assets: Assets) -> GraphVectors:
    """What is scored with, as it is served and taken away: the graph itself is not needed any more."""
    by_layer = [
        [np.array(part, np.float32) for part in parts]
        for parts in model.layered(*map(tf.convert_to_tensor, (model.user, model.item)))
    ]
    users, items = (np.mean(parts, axis=0) for parts in by_layer)
    users[assets.arrays["people"] == 0] = 0.0
    given = np.sum(by_layer[1][:-1], axis=0) / (model.depth + 1)
    given /= np.sqrt(np.maximum(assets.arrays["popularity"], 1))[:, None].astype(np.float32)
    return GraphVectors(users, items, np.zeros(len(users), np.float32), np.zeros(len(items), np.float32), given=given)
