"""Decodes a worker/families/language/network.py model with a cache of keys and values, by the network's own layers.

One pair of tensors per layer, (rows, kv_heads, S, head_size), written in place by XLA's dynamic_update_slice. S grows in powers of
two as the text does, so attention never runs over much emptiness. When the model's context is full, the last half of it is
read anew and decoding goes on from there.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.ops import gen_xla_ops

from worker.families.language.network import Decoder
from worker.generation.decode.engine import Engine

_SMALLEST = 64  # of S: below, one compiled size serves all


class DecoderEngine(Engine):
    """One per model. The model's variables are captured: later training changes what is decoded.

    context: the most tokens seen at once; None: as many as the model has learnt to see.
    """

    def __init__(self, model: Decoder, *, jit: bool = True, context: int | None = None):
        super().__init__(jit)
        self._model = model
        self.vocabulary_size = model.config.vocabulary
        self._context = min(context or model.config.context, model.config.context)
        self._size = 0  # S of the state in use
        self._readers: dict[int, Any] = {}

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
        if self._size not in self._readers:
            self._readers[self._size] = tf.function(self._read_graph, jit_compile=self._jit, autograph=False)
        logits, *state = self._readers[self._size](tf.constant(padded), tf.constant(time))
        return list(state), logits

    def _read_graph(self, tokens: Any, time: Any) -> Any:
        model, size = self._model, tokens.shape[1]
        places = tf.range(size)[None]
        h = model.embed(tokens, places)
        state: list[Any] = []
        for block in model.blocks:
            q, k, v = block.project(h, model.angles(model.config.rotary_of(block.number), places))
            seen = model.seen(size, model.config.windows[block.number], None)
            h = block.finish(h, block.mix(q, k, v, seen))
            state += [k, v]
        return (self._logits(tf.gather(h, [time - 1], axis=1)), *state)

    def _logits(self, h: Any) -> Any:
        """(rows, 1, width) to float32 (rows, vocabulary)."""
        return self._model.logits(self._model.norm(h))[:, 0]

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
        model, size = self._model, state[0].shape[2]
        places = tf.reshape(place, (1, 1))
        h = model.embed(tokens[:, None], places)
        new = []
        for block, k_cache, v_cache in zip(model.blocks, state[::2], state[1::2], strict=True):
            q, k, v = block.project(h, model.angles(model.config.rotary_of(block.number), places))
            k_cache, v_cache = self._put(k_cache, k, place), self._put(v_cache, v, place)
            new += [k_cache, v_cache]
            ahead = place - tf.range(size)
            window = model.config.windows[block.number]
            seen = (ahead >= 0) & (ahead < window) if window else ahead >= 0
            h = block.finish(h, block.mix(q, k_cache, v_cache, seen[None, None]))
        return self._logits(h), new

    def _put(self, cache: Any, value: Any, place: Any) -> Any:
        """Write (rows, kv_heads, 1, head_size) at `place` of (rows, kv_heads, S, head_size)."""
        if self._jit:
            return gen_xla_ops.xla_dynamic_update_slice(cache, value, tf.stack([0, 0, place, 0]))
        here = (tf.range(cache.shape[2]) == place)[None, None, :, None]
        return tf.where(here, value, cache)
