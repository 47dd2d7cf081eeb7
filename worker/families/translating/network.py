"""Encoder-decoders: what the Transformer and the LSTM have in common, and the Transformer.

Tokens 0, 1, 2 fill up, begin and end a text (worker/families/translating/pieces.py). Both are asked in two ways: called, for all
places of a target at once; and step by step with begin() and step(), as worker/generation/decode/beams.py does.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from shared.bases.decoder import DecoderConfig
from worker.families.language.network import Block, normal
from worker.families.translating.pieces import PAD

ops: Any = keras.ops  # its declared types say None where there is none
_EPSILON = 1e-5
_NEVER = -1e9
# Writes (rows, heads, n, size) into a cache (rows, heads, T, size) from place `first` on: worker/generation/decode/cache.py.
Put = Callable[[Any, Any, Any], Any]


class Translator(keras.Model):
    """Base. x: {"source": int32 (batch, S), "target": int32 (batch, T), begun} to float32 logits (batch, T, target vocabulary).

    kinds: tokens of the source's and the target's vocabulary, one number where both have the same pieces and vectors. window:
    sources are read in pieces of so many tokens, each by itself; 0: as a whole. Vectors of the target are the last matrix, too.
    """

    def __init__(self, kinds: tuple[int, ...], width: int, layers_: int, dropout: float, window: int, name: str):
        super().__init__(name=name)
        self.kinds, self.width, self.depth, self.dropout, self.window = tuple(kinds), width, layers_, dropout, window

        def vectors(count: int, name: str) -> Any:
            return layers.Embedding(count, width, normal(width**-0.5), name=name)

        self.read_tokens = vectors(self.kinds[0], "source_tokens")
        self.written_tokens = vectors(self.kinds[1], "target_tokens") if len(self.kinds) > 1 else self.read_tokens
        self.drop = layers.Dropout(dropout)

    def get_config(self) -> dict[str, Any]:
        return {
            "kinds": list(self.kinds),
            "width": self.width,
            "layers_": self.depth,
            "dropout": self.dropout,
            "window": self.window,
            "name": self.name,
        }

    def call(self, x: Any, training: bool = False) -> Any:
        return self.logits(self.answered(x, training)[0])

    def looks(self, x: Any) -> Any:
        """float32 (batch, T, S): how much each place of the target looks at each of the source, before it is written."""
        return ops.cast(self.answered(x, False)[1], "float32")

    def logits(self, h: Any) -> Any:
        """(..., width) to float32 (..., target vocabulary)."""
        table = ops.transpose(ops.cast(self.written_tokens.embeddings, h.dtype))
        return ops.cast(ops.matmul(h, table), "float32")

    def read(self, source: Any, training: bool = False) -> tuple[Any, Any]:
        """Tokens (batch, S) to what has been read, (batch, S, width), and bool (batch, 1, S), where there is something."""
        size = ops.shape(source)[1]
        there = ops.not_equal(source, PAD)
        if not self.window:
            return self.encode(source, there, training), there[:, None]
        room = (-size) % self.window
        filled = ops.pad(source, [[0, 0], [0, room]], constant_values=PAD)
        parts = ops.reshape(filled, (-1, self.window))
        found = self.encode(parts, ops.not_equal(parts, PAD), training)
        whole = ops.reshape(found, (-1, size + room, self.width))
        return whole[:, :size], there[:, None]

    # --- what each of them provides -----------------------------------------------------------------------------------

    def build(self, shape: Any = None) -> None:
        """Make all variables."""
        raise NotImplementedError

    def encode(self, source: Any, there: Any, training: bool) -> Any:
        """What stands at each place, (batch, S, width). there: bool (batch, S)."""
        raise NotImplementedError

    def answered(self, x: Any, training: bool) -> tuple[Any, Any]:
        """(batch, T, width) before the last matrix, and how each place looks at the source, (batch, T, S)."""
        raise NotImplementedError

    def begin(self, source: Any, beams: int, room: int) -> tuple[list[Any], list[Any]]:
        """(memory, state): what is made of the sources once, and what changes as their answers go on. room: tokens of an answer."""
        raise NotImplementedError

    def step(
        self, tokens: Any, place: Any, memory: list[Any], state: list[Any], seen: Any, put: Put
    ) -> tuple[Any, Any, list[Any]]:
        """One further token of each beginning: int32 (rows, beams) to logits (rows, beams, vocabulary), looks (rows, beams,
        S), state.

        place: int32 (), of these tokens. seen: bool (rows, beams, room * beams): tokens of beam b at place t stand at t *
        beams + b.
        """
        raise NotImplementedError

    def follow(self, state: list[Any], parents: Any) -> list[Any]:
        """The state when beam b goes on from what was beam parents[row, b]. Where `seen` says it all: as it was."""
        raise NotImplementedError

    def widen(self, state: list[Any], more: int) -> list[Any]:
        """The state with room for `more` further places times beams."""
        raise NotImplementedError


class WritingBlock(Block):
    """A block that also looks at what has been read, between attention to itself and the perceptron."""

    def __init__(self, config: DecoderConfig, number: int, dropout: float, **options: Any):
        super().__init__(config, number, dropout, _matrix, **options)
        inner = config.heads * config.head_size
        self.norm_3 = layers.LayerNormalization(epsilon=_EPSILON, name="norm_3")
        self.asks, self.keys, self.values = (_matrix(inner, name=name) for name in ("asks", "keys", "values"))
        self.out = _matrix(config.width, name="out")
        self.drop_3, self.drop_4 = layers.Dropout(dropout), layers.Dropout(dropout)

    def build(self, shape: Any) -> None:
        super().build(shape)
        stream = (None, None, self.config.width)
        for layer in (self.norm_3, self.asks, self.keys, self.values):
            layer.build(stream)
        self.out.build((None, None, self.config.heads * self.config.head_size))

    def _heads(self, x: Any) -> Any:
        """(batch, n, heads * size) to (batch, heads, n, size)."""
        c = self.config
        return ops.transpose(ops.reshape(x, (-1, ops.shape(x)[1], c.heads, c.head_size)), (0, 2, 1, 3))

    def remembered(self, read: Any) -> tuple[Any, Any]:
        """Keys and values of what has been read, (batch, heads, S, size) each."""
        return self._heads(self.keys(read)), self._heads(self.values(read))

    def written(
        self, x: Any, mixed: Any, keys: Any, values: Any, there: Any, training: bool = False
    ) -> tuple[Any, Any]:
        """The block's output and its looks (batch, n, S), from its input and what attention to itself has mixed."""
        c, n = self.config, ops.shape(x)[1]

        def whole(heads: Any) -> Any:
            return ops.reshape(ops.transpose(heads, (0, 2, 1, 3)), (-1, n, c.heads * c.head_size))

        x = x + self.drop_1(self.o(whole(mixed)), training=training)
        scores = ops.matmul(self._heads(self.asks(self.norm_3(x))), ops.swapaxes(keys, -1, -2))
        scores = ops.where(there[:, None], ops.cast(scores, "float32") * c.scale, _NEVER)
        shares = ops.cast(ops.softmax(scores), values.dtype)
        found = self.out(whole(ops.matmul(self.drop_3(shares, training=training), values)))
        x = x + self.drop_4(found, training=training)
        return x + self.drop_2(self.perceive(self.norm_2(x)), training=training), ops.mean(shares, 1)


def _matrix(outputs: int, *, name: str, use_bias: bool = True, kernel_initializer: Any = None) -> Any:
    """As in Vaswani et al. 2017, whatever a block would begin with."""
    return layers.Dense(outputs, name=name, use_bias=use_bias, kernel_initializer="glorot_uniform")


def places(first: Any, count: int | Any, width: int) -> Any:
    """float32 (count, width): sines and cosines of places first, first + 1 ... Source: Vaswani et al. 2017."""
    half = (width + 1) // 2
    rates = np.exp(-np.log(10_000.0) * np.arange(half) / max(half - 1, 1)).astype(np.float32)
    turned = ops.cast(first + ops.arange(count), "float32")[:, None] * rates
    return ops.concatenate([ops.sin(turned), ops.cos(turned)], -1)[:, :width]


@keras.saving.register_keras_serializable("trainyard")
class Transformer(Translator):
    """Pre-norm blocks that read, and blocks that write. Places are sines; in windows they are counted anew."""

    def __init__(
        self, kinds: tuple[int, ...], width: int, layers_: int, heads: int, dropout: float, window: int = 0,
        name: str = "transformer",
    ):  # fmt: skip
        super().__init__(kinds, width, layers_, dropout, window, name)
        self.heads = heads
        config = DecoderConfig(
            vocabulary=kinds[0], context=1, width=width, layers=layers_, heads=heads, kv_heads=heads, head_size=width // heads,
            inner=4 * width, norm="layer", norm_epsilon=_EPSILON, activation="gelu_tanh", gated=False, qkv_bias=True, out_bias=True,
            mlp_bias=True, scale=(width // heads) ** -0.5, windows=(0,) * layers_, tied=True,
        )  # fmt: skip
        self.readers = [Block(config, i, dropout, _matrix, name=f"reader_{i}") for i in range(layers_)]
        self.writers = [WritingBlock(config, i, dropout, name=f"writer_{i}") for i in range(layers_)]
        self.read_norm, self.written_norm = (
            layers.LayerNormalization(epsilon=_EPSILON, name=name) for name in ("read_norm", "written_norm")
        )

    def build(self, shape: Any = None) -> None:
        stream = (None, None, self.width)
        for layer in {id(one): one for one in (self.read_tokens, self.written_tokens)}.values():
            layer.build((None, None))
        for layer in (*self.readers, *self.writers, self.read_norm, self.written_norm):
            layer.build(stream)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """For model.keras of an export: this very class reads it."""
        return super().get_config() | {"heads": self.heads}

    @property
    def looked_at(self) -> int:
        """The block whose looks are told: the last but one aligns best (Garg et al. 2019, arXiv:1909.02074)."""
        return max(self.depth - 2, 0)

    def _embed(self, vectors: Any, tokens: Any, first: Any, training: bool) -> Any:
        h = vectors(tokens)
        h = h * ops.cast(self.width**0.5, h.dtype) + ops.cast(places(first, ops.shape(tokens)[1], self.width), h.dtype)
        return self.drop(h, training=training)

    def encode(self, source: Any, there: Any, training: bool) -> Any:
        h = self._embed(self.read_tokens, source, 0, training)
        for block in self.readers:
            h = block(h, there[:, None], training=training)
        return self.read_norm(h)

    def answered(self, x: Any, training: bool) -> tuple[Any, Any]:
        read, there = self.read(x["source"], training)
        h = self._embed(self.written_tokens, x["target"], 0, training)
        count = ops.shape(x["target"])[1]
        seen = (ops.arange(count)[:, None] >= ops.arange(count)[None])[None]
        told: Any = None
        for block in self.writers:
            mixed = block.mix(*block.project(h, None), seen, training)
            keys, values = block.remembered(read)
            h, looks = block.written(h, mixed, keys, values, there, training)
            told = looks if block.number == self.looked_at else told
        return self.written_norm(h), told

    def begin(self, source: Any, beams: int, room: int) -> tuple[list[Any], list[Any]]:
        read, there = self.read(source)
        memory = [part for block in self.writers for part in block.remembered(read)]
        rows, size = ops.shape(source)[0], self.width // self.heads
        empty = ops.zeros((rows, self.heads, room * beams, size), read.dtype)
        return [there, *memory], [empty] * (2 * self.depth)

    def step(
        self, tokens: Any, place: Any, memory: list[Any], state: list[Any], seen: Any, put: Put
    ) -> tuple[Any, Any, list[Any]]:
        there, *memory = memory
        beams = tokens.shape[1]
        h = self.written_tokens(tokens)
        h = h * ops.cast(self.width**0.5, h.dtype) + ops.cast(places(place, 1, self.width), h.dtype)
        new, told = [], None
        for i, block in enumerate(self.writers):
            q, k, v = block.project(h, None)
            k, v = put(state[2 * i], k, place * beams), put(state[2 * i + 1], v, place * beams)
            new += [k, v]
            h, looks = block.written(h, block.mix(q, k, v, seen), memory[2 * i], memory[2 * i + 1], there)
            told = looks if i == self.looked_at else told
        return self.logits(self.written_norm(h)), ops.cast(told, "float32"), new

    def follow(self, state: list[Any], parents: Any) -> list[Any]:
        return state

    def widen(self, state: list[Any], more: int) -> list[Any]:
        return [ops.pad(part, [[0, 0], [0, 0], [0, more], [0, 0]]) for part in state]
