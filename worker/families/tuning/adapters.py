"""Low-rank adapters: a frozen matrix with two narrow ones beside it that learn. Given to the decoder in the place of its matrices.

Source: LoRA, Hu et al. 2021, arXiv:2106.09685; initial values as in PEFT: the first matrix uniform, the second zero, so that
nothing changes at first.
"""

import contextlib
from collections.abc import Collection, Iterator
from typing import Any

import keras
from keras import layers

ops: Any = keras.ops  # its declared types say None where there is none


class AdaptedDense(layers.Layer):
    """x W + b + s (dropout(x) A) B. W (inputs, outputs) and b do not learn and have the layer's own type; A (inputs, rank) and
    B (rank, outputs) learn and are float32. s: alpha / rank. rank 0: there are no A and B.

    aside: set while the base is to answer as if there were no adapter (DPO's reference). upon: a built layer whose W and b are
    this one's, too.
    """

    def __init__(
        self,
        units: int,
        *,
        rank: int,
        alpha: float,
        dropout: float,
        use_bias: bool,
        name: str,
        upon: "AdaptedDense | None" = None,
        **options: Any,
    ):
        super().__init__(name=name)
        self.units, self.rank, self.use_bias = units, rank, use_bias
        self.scale = alpha / rank if rank else 0.0
        self.drop = layers.Dropout(dropout) if dropout and rank else None
        self.aside = False
        self.kernel, self.bias = (None, None) if upon is None else (upon.kernel, upon.bias)

    def build(self, shape: Any) -> None:
        inputs = shape[-1]
        if self.kernel is None:
            kept: Any = {"shape": (inputs, self.units), "initializer": "zeros", "trainable": False}
            self.kernel = self.add_weight(**kept, name="kernel")
        if self.use_bias and self.bias is None:
            self.bias = self.add_weight(shape=(self.units,), initializer="zeros", trainable=False, name="bias")
        if self.rank:
            uniform: Any = keras.initializers.RandomUniform(-(inputs**-0.5), inputs**-0.5)
            self.a = self.add_weight(shape=(inputs, self.rank), initializer=uniform, dtype="float32", name="adapter_a")
            self.b = self.add_weight(
                shape=(self.rank, self.units), initializer="zeros", dtype="float32", name="adapter_b"
            )

    def call(self, x: Any, training: bool = False) -> Any:
        found = ops.matmul(x, self.kernel)
        if self.bias is not None:
            found = found + self.bias
        if not self.rank or self.aside:
            return found
        seen = self.drop(x, training=training) if self.drop is not None else x
        a, b = (ops.cast(part, seen.dtype) for part in (self.a, self.b))
        return found + ops.matmul(ops.matmul(seen, a), b) * self.scale

    def merged(self) -> Any:
        """W + s A B, float32 (inputs, outputs): the matrix that does the same alone."""
        kernel = ops.cast(self.kernel, "float32")
        return kernel + ops.matmul(self.a, self.b) * self.scale if self.rank else kernel


class Adapting:
    """Makes the matrices of a decoder (worker/families/language/network.py, Matrix): those named in `matrices` with an adapter."""

    def __init__(self, matrices: Collection[str], rank: int, alpha: float, dropout: float):
        self._matrices, self._rank, self._alpha, self._dropout = set(matrices), rank, alpha, dropout

    def __call__(
        self, units: int, *, name: str, use_bias: bool, kernel_initializer: Any, upon: AdaptedDense | None = None
    ) -> AdaptedDense:
        rank = self._rank if name in self._matrices else 0
        options: Any = {"alpha": self._alpha, "dropout": self._dropout, "use_bias": use_bias, "name": name}
        return AdaptedDense(units, rank=rank, upon=upon, **options)


def adapted(model: Any) -> list[tuple[str, AdaptedDense]]:
    """(name as "blocks.3.q", layer) of every matrix of a decoder that has an adapter, in order."""
    found = []
    for number, block in enumerate(model.blocks):
        for name in ("q", "k", "v", "o", "gate", "up", "down"):
            layer = getattr(block, name)
            if isinstance(layer, AdaptedDense) and layer.rank:
                found.append((f"blocks.{number}.{name}", layer))
    return found


@contextlib.contextmanager
def aside(model: Any) -> Iterator[None]:
    """Within it a decoder answers as if there were no adapters."""
    layers = [layer for _, layer in adapted(model)]
    for layer in layers:
        layer.aside = True
    try:
        yield
    finally:
        for layer in layers:
            layer.aside = False
