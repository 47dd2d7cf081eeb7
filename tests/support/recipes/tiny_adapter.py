"""Code of tiny_adapter: a small network upon vectors that a base brings and that do not learn."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from shared.outputs import Matrix, Score, Scores
from tests.support.recipes.tables import read_table
from worker.recipe import Assets, Baseline, Data, OpenInput, Report
from worker.verdict import Judge

XLA = "faster"
STEPS_PER_EXECUTION = 4


class Items(Data):
    """Items and their class, 0 or 1; every fourth is for validation."""

    def __init__(self, rows: np.ndarray, params: Any):
        held = np.arange(len(rows)) % 4 == 3
        self.learnt, self.held, self.params = rows[~held].astype(np.int32), rows[held].astype(np.int32), params
        self.assets = Assets({"names": ["no", "yes"]}, {"known": np.unique(rows[:, 0].astype(np.int64))})
        self.steps_per_epoch = max(1, len(self.learnt) // params.batch_size)
        self.total_steps = params.epochs * self.steps_per_epoch
        self.split = {"train": len(self.learnt), "val": len(self.held)}
        self.notes = []

    def train(self, start_step: int) -> tf.data.Dataset:
        """(int32 (batch, 1), int32 (batch, 1)): items and classes, in another order each epoch."""
        size, per_epoch = min(self.params.batch_size, len(self.learnt)), self.steps_per_epoch
        orders = [
            np.random.default_rng([self.params.seed, epoch]).permutation(len(self.learnt))[: size * per_epoch]
            for epoch in range(self.params.epochs)
        ]
        places = np.concatenate(orders).reshape(self.total_steps, size)[start_step:]
        rows = self.learnt[places]
        return tf.data.Dataset.from_tensor_slices((rows[:, :, :1], rows[:, :, 1:]))

    def validation(self) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensors((self.held[:, :1], self.held[:, 1:]))


def load(inputs: Any, params: Any, context: Any) -> Items:
    context.check()
    return Items(read_table(inputs["data"].folder, 2, 8), params)


def _vectors(base: OpenInput) -> np.ndarray:
    """float32 (items, width): of the graph, or as the table has them."""
    if base.dataset is not None:
        return read_table(base.folder, 0, 1).astype(np.float32)
    graph = base.load().model
    return np.asarray(graph.smoothed())[graph.users :]


def build(params: Any, assets: Assets, inputs: Any) -> keras.Model:
    vectors = _vectors(inputs["base"])
    item = keras.Input((1,), dtype="int32")
    table: Any = layers.Embedding(*vectors.shape, trainable=False, name="base")
    h = layers.Flatten()(table(item))
    table.embeddings.assign(vectors)
    h = layers.Dropout(0.1)(layers.Dense(6, "relu", name="adapter")(h))
    return keras.Model(item, layers.Dense(1, dtype="float32", name="answer")(h), name="adapted")


def fixed(model: keras.Model) -> list[Any]:
    return list(model.get_layer("base").variables)


def compile_args(params: Any, assets: Assets) -> dict[str, Any]:
    accuracy = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
    return {"loss": keras.losses.BinaryCrossentropy(from_logits=True), "metrics": [accuracy]}


def _said(model: keras.Model, items: np.ndarray) -> np.ndarray:
    return np.asarray(model(items.reshape(-1, 1), training=False))[:, 0] > 0


def sample(model: keras.Model, params: Any, assets: Assets, *, seed: int, context: Any, files: Any) -> list[Any]:
    known = assets.arrays["known"][:5].astype(np.int32)
    said = _said(model, known)
    return [
        Scores(
            title="Some items",
            items=[Score(name=f"item {i}", value=float(s)) for i, s in zip(known, said, strict=True)],
        )
    ]


def report(model: keras.Model, data: Items, params: Any, context: Any, files: Any, stages: Any) -> Report:
    context.check()
    said = _said(model, data.held[:, 0]).astype(int)
    counts = np.zeros((2, 2), int)
    np.add.at(counts, (data.held[:, 1], said), 1)
    matrix = Matrix(title="Confusion", names=data.assets["names"], counts=counts.tolist())
    files.write("said.csv", "\n".join(map(str, said)).encode())
    return Report(
        {"test_accuracy": _share_right(said, data.held[:, 1])},
        [matrix],
        predictions=said,
        judge=Judge("accuracy", "max", lambda said, rows: _share_right(said[rows], data.held[rows, 1])),
        rows=len(said),
    )


def _share_right(said: np.ndarray, truth: np.ndarray) -> float:
    return float((said == truth).mean())


def baselines(data: Items, params: Any, context: Any) -> list[Baseline]:
    context.check()
    often = np.full(len(data.held), int(data.learnt[:, 1].mean() >= 0.5))
    seldom = 1 - often
    return [
        Baseline(name, {"test_accuracy": _share_right(said, data.held[:, 1])}, said)
        for name, said in (("the more frequent class", often), ("the rarer class", seldom))
    ]


class Classifier:
    def __init__(self, model: keras.Model, assets: Assets):
        self.model, self.assets = model, assets

    def generate(self, params: Any, context: Any, files: Any) -> list[Any]:
        said = int(_said(self.model, np.array([params.item], np.int32))[0])
        return [Scores(subject=f"item {params.item}", items=[Score(name=self.assets["names"][said], value=1.0)])]


def open_generator(model: keras.Model, params: Any, assets: Assets) -> Classifier:
    return Classifier(model, assets)
