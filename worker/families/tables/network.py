"""A network over the features of a table: many cheap members in one multilayer perceptron, or one residual network.

Numbers go through a piecewise linear encoding: which bin a value lies in, and where in it. So a network can be steep where the
values are many, and treats a missing one as a value of its own. Sources: Gorishniy et al. 2022, arXiv:2203.05556 (the encoding),
2024, arXiv:2410.24210 (TabM: members that share their matrices), 2021, arXiv:2106.11959 (ResNet for tables).
"""

from typing import Any

import keras
import numpy as np
from keras import layers

from worker.families.tables.features import Features
from worker.families.tables.hashing import BUCKETS, TOKENS

ops: Any = keras.ops  # its declared types say None where there is none
EMBEDDING = 16  # numbers of a number's, and at most of a category's, vector
_THINNEST = 1e-30  # a bin that is thinner is none: some hardware takes it for zero
_LARGEST = 3e38  # beyond it is infinite


@keras.saving.register_keras_serializable("trainyard")
class PiecewiseLinear(layers.Layer):
    """float32 (rows, numbers), NaN for missing -> (rows, numbers, EMBEDDING).

    edges: float32 (numbers, bins + 1), rising; short rows are filled with their last border. Missing and both infinities are
    values of their own, which say nothing until a training has seen them.
    """

    def __init__(self, edges: np.ndarray, **options: Any):
        super().__init__(**{"dtype": "float32", **options})
        edges = np.asarray(edges, np.float32)
        width = edges[:, 1:] - edges[:, :-1]
        real = width > _THINNEST
        self._low, self._width, self._real = edges[:, :-1], np.where(real, width, 1.0), real.astype(np.float32)
        last = real.cumsum(1).argmax(1)  # beyond the outermost borders it goes on, for three widths
        place = np.arange(edges.shape[1] - 1)[None]
        self._least = np.where(place == 0, -3.0, 0.0).astype(np.float32)
        self._most = np.where(place == last[:, None], 3.0, 1.0).astype(np.float32)
        self._edges = edges

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "edges": self._edges.tolist()}

    def build(self, shape: Any) -> None:
        numbers, bins = self._low.shape
        spread: Any = keras.initializers.RandomUniform(-(bins**-0.5), bins**-0.5)
        self.kernel = self.add_weight(shape=(numbers, bins, EMBEDDING), initializer=spread, name="kernel")
        self.apart = self.add_weight(shape=(numbers, 3, EMBEDDING), initializer="zeros", name="apart")
        self.bias = self.add_weight(shape=(numbers, EMBEDDING), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        missing = ops.isnan(x)
        known = ops.where(missing, ops.zeros_like(x), ops.clip(x, -_LARGEST, _LARGEST))
        inside = (known[..., None] - self._low) / self._width
        inside = ops.clip(inside, self._least, self._most) * self._real
        inside = inside * ops.cast(ops.logical_not(missing), x.dtype)[..., None]
        apart = ops.stack([ops.cast(case, x.dtype) for case in (missing, x > _LARGEST, x < -_LARGEST)], axis=-1)
        encoded = ops.einsum("bnk,nkd->bnd", inside, self.kernel) + ops.einsum("bnk,nkd->bnd", apart, self.apart)
        return ops.relu(encoded + self.bias)


@keras.saving.register_keras_serializable("trainyard")
class Scaled(layers.Layer):
    """float32 (rows, numbers), NaN for missing -> the same, robustly scaled and bent at the ends; 0 for missing.

    By the borders of the bins: their median becomes 0, what lies between their quartiles has a width of about 1.35, as of a normal
    distribution; beyond, x / sqrt(1 + (x / 3)^2) never leaves -3 to 3. Source: Holzmueller et al. 2024, arXiv:2407.04491.
    """

    def __init__(self, edges: np.ndarray, **options: Any):
        super().__init__(**{"dtype": "float32", **options})
        self._edges = np.asarray(edges, np.float32)
        borders = [np.unique(row) for row in self._edges.astype(np.float64)]
        quartiles = np.array([np.quantile(row, (0.25, 0.5, 0.75)) for row in borders])
        whole = np.array([row[-1] - row[0] for row in borders])
        width = np.where(quartiles[:, 2] > quartiles[:, 0], (quartiles[:, 2] - quartiles[:, 0]) / 1.35, whole / 2)
        self._middle = quartiles[:, 1].astype(np.float32)
        self._width = np.where(width > _THINNEST, width, 1.0).astype(np.float32)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "edges": self._edges.tolist()}

    def call(self, x: Any) -> Any:
        missing = ops.isnan(x)
        x = (ops.where(missing, self._middle, ops.clip(x, -_LARGEST, _LARGEST)) - self._middle) / self._width
        x = ops.clip(x, -1e6, 1e6)
        return x / ops.sqrt(1.0 + ops.square(x / 3.0))


@keras.saving.register_keras_serializable("trainyard")
class Members(layers.Layer):
    """A dense layer of several members: one shared matrix, and scales of its inputs and outputs of each member's own.

    (rows, members, inputs) -> (rows, members, units). first: members begin with random signs, so that they differ.
    """

    def __init__(self, units: int, first: bool = False, **options: Any):
        super().__init__(**options)
        self.units, self.first = units, first

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "first": self.first}

    def build(self, shape: Any) -> None:
        members, inputs = shape[-2], shape[-1]
        self.kernel = self.add_weight(shape=(inputs, self.units), initializer="he_uniform", name="kernel")
        signs: Any = (lambda shape, dtype=None: ops.sign(keras.random.uniform(shape) - 0.5)) if self.first else "ones"
        self.scale_in = self.add_weight(shape=(members, inputs), initializer=signs, name="scale_in")
        self.scale_out = self.add_weight(shape=(members, self.units), initializer="ones", name="scale_out")
        self.bias = self.add_weight(shape=(members, self.units), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        return ops.matmul(x * self.scale_in, self.kernel) * self.scale_out + self.bias


@keras.saving.register_keras_serializable("trainyard")
class Heads(layers.Layer):
    """The last layer of each member, of its own. (rows, members, inputs) -> float32 (rows, members, outputs)."""

    def __init__(self, outputs: int, **options: Any):
        super().__init__(**{"dtype": "float32", **options})
        self.outputs = outputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "outputs": self.outputs}

    def build(self, shape: Any) -> None:
        members, inputs = shape[-2], shape[-1]
        self.kernel = self.add_weight(
            shape=(members, inputs, self.outputs), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(members, self.outputs), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        return ops.einsum("bki,kio->bko", ops.cast(x, "float32"), self.kernel) + self.bias


def table_network(
    features: Features,
    edges: np.ndarray | None,
    outputs: int,
    *,
    network: str,
    width: int,
    layers_: int,
    members: int,
    dropout: float,
) -> keras.Model:
    """Build a network from a dict of arrays by kind (features.py) to float32 (rows, members, outputs).

    edges: of the numbers; None without any. network: "members" (TabM) or "resnet", which has one member.
    """
    inputs: dict[str, Any] = {}
    parts: list[Any] = []
    if features.numbers:
        assert edges is not None
        inputs["numbers"] = keras.Input((len(features.numbers),), name="numbers")
        parts.append(layers.Flatten()(PiecewiseLinear(edges, name="piecewise")(inputs["numbers"])))
        scaled = Scaled(edges, name="scaled")(inputs["numbers"])
        parts.append(scaled)
    if features.categories:
        categories: Any = keras.Input((len(features.categories),), dtype="int32", name="categories")
        inputs["categories"] = categories
        for place, name in enumerate(features.categories):
            size = len(features.known[name]) + 2
            vector = min(EMBEDDING, max(2, size // 2))
            parts.append(layers.Embedding(size, vector, name=f"category_{place}")(categories[:, place]))
    if features.texts:
        texts: Any = keras.Input((len(features.texts), TOKENS), dtype="int32", name="texts")
        inputs["texts"] = texts
        table: Any = layers.Embedding(BUCKETS, 2 * EMBEDDING, name="tokens")(texts)
        there = ops.cast(texts > 0, "float32")[..., None]
        mean = ops.sum(table * ops.cast(there, table.dtype), axis=2) / ops.cast(
            ops.maximum(ops.sum(there, axis=2), 1.0), table.dtype
        )
        parts.append(layers.Flatten()(mean))
    h: Any = layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    h = layers.Dropout(dropout / 2)(h)
    h = _residual(h, width, layers_, dropout) if network == "resnet" else _members(h, width, layers_, members, dropout)
    found = Heads(outputs, name="heads")(h)
    if features.numbers:
        beside: Any = layers.Dense(outputs, use_bias=False, kernel_initializer="zeros", dtype="float32", name="beside")
        found = found + beside(scaled)[:, None]
    return keras.Model(inputs, found, name="table_network")


def _members(h: Any, width: int, depth: int, members: int, dropout: float) -> Any:
    h = layers.RepeatVector(members)(h)
    for number in range(depth):
        h = layers.ReLU()(Members(width, first=number == 0, name=f"members_{number}")(h))
        h = layers.Dropout(dropout)(h)
    return h


def _residual(h: Any, width: int, depth: int, dropout: float) -> Any:
    h = layers.Dense(width, name="inlet")(h)
    for number in range(depth):
        inner = layers.LayerNormalization(name=f"norm_{number}")(h)
        inner = layers.Dense(2 * width, activation="relu", name=f"up_{number}")(inner)
        inner = layers.Dropout(dropout)(inner)
        h = layers.Add()([h, layers.Dense(width, name=f"down_{number}")(inner)])
    h = layers.ReLU()(layers.LayerNormalization(name="norm_out")(h))
    return layers.RepeatVector(1)(h)
