"""Decodes a worker/recipes/gpt.py model with a cache of keys and values.

One pair of tensors per layer, (rows * heads, S, depth), written in place by XLA's dynamic_update_slice. S grows in powers of two
as the text does, so attention never runs over much emptiness. When the model's context is full, the last half of it is
read anew and decoding goes on from there.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.ops import gen_xla_ops

from worker.generation.decode.engine import Engine

_SMALLEST = 64  # of S: below, one compiled size serves all


def _dense(layer: Any, x: Any) -> Any:
    """A Dense layer in float32, as the cache is, whatever precision the model was trained in."""
    flat = tf.matmul(tf.reshape(x, (-1, x.shape[-1])), layer.kernel) + layer.bias
    return tf.reshape(flat, (*x.shape[:-1], layer.units))


def _norm(layer: Any, x: Any) -> Any:
    """A LayerNormalization in float32."""
    centred = x - tf.reduce_mean(x, -1, keepdims=True)
    spread = tf.reduce_mean(tf.square(centred), -1, keepdims=True)
    return centred * tf.math.rsqrt(spread + layer.epsilon) * layer.gamma + layer.beta


class TransformerEngine(Engine):
    """One per model. The model's variables are captured: later training changes what is decoded."""

    def __init__(self, model: Any, *, jit: bool = True):
        super().__init__(jit)
        self._model = model
        self.vocabulary_size = model.tokens.input_dim
        self._heads, self._context = model.heads, model.context
        self._width = model.tokens.output_dim
        self._depth = self._width // self._heads
        self._size = 0  # S of the state in use

    def _bucket(self, place: int) -> int:
        """The S that holds `place` tokens and at least one more, if the context does."""
        size = _SMALLEST
        while size <= place:
            size *= 2
        return min(size, self._context)

    def begin(self, tokens: np.ndarray) -> tuple[list[Any], Any, int]:
        # A prompt as long as the context leaves no room: keep the end of it.
        keep = tokens if len(tokens) < self._context else tokens[-(self._context // 2 or 1) :]
        state, logits = self._read(keep[None])
        return state, logits, len(keep)

    def _read(self, tokens: np.ndarray) -> tuple[list[Any], Any]:
        """Fill a cache from int32 (rows, time). Returns (state, logits (rows, vocabulary) after the last token)."""
        rows, time = tokens.shape
        self._size = self._bucket(time)
        padded = np.zeros((rows, self._size), np.int32)
        padded[:, :time] = tokens
        read = self.compiled(("read", rows, self._size), self._read_graph)
        logits, *state = read(tf.constant(padded), tf.constant(time))
        return list(state), logits

    def _read_graph(self, tokens: Any, time: Any) -> Any:
        model, depth = self._model, self._depth
        rows, size = tokens.shape
        h = tf.gather(model.tokens.embeddings, tokens) + model.places.embeddings[:size]
        later = tf.range(size)[None] > tf.range(size)[:, None]
        state = []
        for block in model.blocks:
            together = _dense(block.attention.qkv, _norm(block.norm_1, h))
            q, k, v = (self._by_head(part, rows, size) for part in tf.split(together, 3, -1))
            scores = tf.where(later, -1e9, tf.matmul(q, k, transpose_b=True) * depth**-0.5)
            mixed = tf.reshape(tf.matmul(tf.nn.softmax(scores), v), (rows, self._heads, size, depth))
            mixed = tf.reshape(tf.transpose(mixed, (0, 2, 1, 3)), (rows, size, self._width))
            h = self._finish_block(block, h, mixed)
            state += [
                tf.reshape(k, (rows, self._heads, size, depth)),
                tf.reshape(v, (rows, self._heads, size, depth)),
            ]
        last = tf.reshape(tf.gather(h, [time - 1], axis=1), (rows, self._width))
        return (self._logits(last), *state)

    def _by_head(self, part: Any, rows: int, time: int) -> Any:
        split = tf.reshape(part, (rows, time, self._heads, self._depth))
        return tf.reshape(tf.transpose(split, (0, 2, 1, 3)), (rows * self._heads, time, self._depth))

    @staticmethod
    def _finish_block(block: Any, h: Any, mixed: Any) -> Any:
        h = h + _dense(block.attention.out, mixed)
        return h + _dense(block.down, tf.nn.gelu(_dense(block.up, _norm(block.norm_2, h)), approximate=True))

    def _logits(self, h: Any) -> Any:
        return tf.matmul(_norm(self._model.norm, h), self._model.tokens.embeddings, transpose_b=True)

    def room(self, place: int) -> int:
        return self._size - place

    def grow(self, state: list[Any], place: int, history: np.ndarray) -> tuple[list[Any], int, Any]:
        if self._size < self._context:
            wider = self._bucket(place)
            padding = [[0, 0], [0, 0], [0, wider - self._size], [0, 0]]
            self._size = wider
            return [tf.pad(part, padding) for part in state], place, None
        keep = history[:, -(self._context // 2 or 1) :]
        state, logits = self._read(keep)
        return state, keep.shape[1], logits

    def step(self, state: list[Any], tokens: Any, place: Any) -> tuple[Any, list[Any]]:
        model, depth, heads = self._model, self._depth, self._heads
        rows, size = tokens.shape[0], state[0].shape[2]
        h = tf.gather(model.tokens.embeddings, tokens) + tf.gather(model.places.embeddings, place)
        beyond = (tf.range(size) > place)[None, None]
        new = []
        for block, k_cache, v_cache in zip(model.blocks, state[::2], state[1::2], strict=True):
            q, k, v = (
                tf.reshape(part, (rows, heads, 1, depth))
                for part in tf.split(_dense(block.attention.qkv, _norm(block.norm_1, h)), 3, -1)
            )
            k_cache, v_cache = self._put(k_cache, k, place), self._put(v_cache, v, place)
            new += [k_cache, v_cache]
            flat = (rows * heads, size, depth)
            scores = tf.matmul(tf.reshape(q, (rows * heads, 1, depth)), tf.reshape(k_cache, flat), transpose_b=True)
            shares = tf.nn.softmax(tf.where(beyond, -1e9, scores * depth**-0.5))
            mixed = tf.reshape(tf.matmul(shares, tf.reshape(v_cache, flat)), (rows, self._width))
            h = self._finish_block(block, h, mixed)
        return self._logits(h), new

    def _put(self, cache: Any, value: Any, place: Any) -> Any:
        """Write (rows, heads, 1, depth) at `place` of (rows, heads, S, depth)."""
        if self._jit:
            return gen_xla_ops.xla_dynamic_update_slice(cache, value, tf.stack([0, 0, place, 0]))
        here = (tf.range(cache.shape[2]) == place)[None, None, :, None]
        return tf.where(here, value, cache)
