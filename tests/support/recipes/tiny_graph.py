"""Code of tiny_graph: one vector for each user and item, smoothed over the graph by a sparse product, learnt by triples."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from shared.errors import RecipeFailed
from shared.outputs import Score, Scores
from tests.support.recipes.tables import read_table
from worker.recipe import Assets, Data, Lazily, Report

XLA = "never"
STEPS_PER_EXECUTION = 8


class Edges(Data):
    """Who took what. held: the rows kept for validation; the graph is made of the others alone."""

    def __init__(self, edges: np.ndarray, held: np.ndarray, params: Any):
        self.edges, self.held, self.params = edges, edges[held], params
        self.learnt = np.delete(edges, held, axis=0)
        users, items = (int(count) for count in edges.max(0) + 1)
        degree = np.maximum(np.bincount(np.concatenate([self.learnt[:, 0], self.learnt[:, 1] + users])), 1)
        weight = (degree[self.learnt[:, 0]] * degree[self.learnt[:, 1] + users]) ** -0.5
        self.assets = Assets(
            {"users": users, "items": items}, {"edges": self.learnt, "weight": weight.astype(np.float32)}
        )
        self.total_steps, self.eval_every = params.steps, params.eval_every
        self.split = {"train": len(self.learnt), "val": len(held)}
        self.notes = []

    def train(self, start_step: int) -> tf.data.Dataset:
        """(int32 (batch, 3): user, an item taken, any item; float32 (batch, 1): ones)."""
        edges, size, items = tf.constant(self.learnt, tf.int32), self.params.batch_size, self.assets["items"]

        @tf.autograph.experimental.do_not_convert
        def drawn(step: Any) -> Any:
            seed = tf.stack([tf.cast(self.params.seed, tf.int64), step])
            taken = tf.gather(edges, tf.random.stateless_uniform([size], seed, 0, len(self.learnt), tf.int32))
            other = tf.random.stateless_uniform([size, 1], seed + 1, 0, items, tf.int32)
            return tf.concat([taken, other], 1), tf.ones((size, 1))

        return tf.data.Dataset.range(start_step, self.total_steps).map(drawn)

    def validation(self) -> None:
        return None


class Graph(keras.Model):
    """int32 (batch, 3) to how much more the second is liked than the third: float32 (batch, 1)."""

    def __init__(self, assets: Assets, width: int):
        super().__init__(name="graph")
        self.users, size = assets["users"], assets["users"] + assets["items"]
        edges = assets.arrays["edges"] + np.array([0, self.users])
        both = np.concatenate([edges, edges[:, ::-1]])
        weight = np.tile(assets.arrays["weight"], 2)
        order = np.lexsort((both[:, 1], both[:, 0]))
        self.around = tf.sparse.SparseTensor(both[order], weight[order], (size, size))
        self.vectors = self.add_weight(
            shape=(size, width), initializer=keras.initializers.RandomNormal(stddev=0.3), name="vectors"
        )
        self.built = True

    def smoothed(self) -> Any:
        own = tf.convert_to_tensor(self.vectors)
        return (own + tf.sparse.sparse_dense_matmul(self.around, own)) / 2

    def call(self, triples: Any, training: bool = False) -> Any:
        every = self.smoothed()
        user, liked, other = (tf.gather(every, triples[:, i] + (self.users if i else 0)) for i in range(3))
        return tf.reduce_sum(user * (liked - other), 1, keepdims=True)

    def scores(self, user: int) -> np.ndarray:
        every = np.asarray(self.smoothed())
        return every[self.users :] @ every[user]


def load(inputs: Any, params: Any, context: Any) -> Edges:
    context.check()
    edges = read_table(inputs["data"].folder, 2, 20).astype(np.int32)
    held = np.random.default_rng(params.seed).permutation(len(edges))[: len(edges) // 5]
    return Edges(edges, held, params)


def stages(data: Edges) -> Sequence[Data]:
    if not data.params.folds:
        return [data]
    order = np.random.default_rng(data.params.seed).permutation(len(data.edges))
    parts = np.array_split(order, data.params.folds)
    folds = [partial(Edges, data.edges, np.sort(part), data.params) for part in parts]
    return Lazily([*folds, lambda: data])


def build(params: Any, assets: Assets, inputs: Any) -> Graph:
    return Graph(assets, params.width)


def compile_args(params: Any, assets: Assets) -> dict[str, Any]:
    return {"loss": keras.losses.BinaryCrossentropy(from_logits=True)}


def evaluate(model: Graph, data: Edges, look: Any) -> dict[str, float]:
    """Share of the edges held out whose item is among the upper half of its user's."""
    hits = 0
    for count, (user, item) in enumerate(data.held):
        scores = model.scores(user)
        hits += int(scores[item] >= np.median(scores))
        look(count)
    return {"val_hits": hits / len(data.held)}


def sample(model: Graph, params: Any, assets: Assets, *, seed: int, context: Any, files: Any) -> list[Any]:
    return [_ranking(model, 0)]


def _ranking(model: Graph, user: int) -> Scores:
    scores = model.scores(user)
    best = np.argsort(-scores)[:3]
    items = [Score(name=f"item {item}", value=float(scores[item])) for item in best]
    return Scores(title=f"For user {user}", subject=f"user {user}", unit="number", items=items)


def report(model: Graph, data: Edges, params: Any, context: Any, files: Any, stages: Any) -> Report:
    context.check()
    folds = [stage["val_hits"] for stage in stages[:-1]]
    mean = {"fold_hits": float(np.mean(folds))} if folds else {}
    return Report({"test_hits": evaluate(model, data, lambda batches: None)["val_hits"], **mean})


class Recommender:
    def __init__(self, model: Graph):
        self.model = model

    def generate(self, params: Any, context: Any, files: Any) -> list[Any]:
        if params.user >= self.model.users:
            raise RecipeFailed(f"there is no user {params.user}; the model knows 0 to {self.model.users - 1}")
        return [_ranking(self.model, params.user)]


def open_generator(model: Graph, params: Any, assets: Assets) -> Recommender:
    return Recommender(model)
