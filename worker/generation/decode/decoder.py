"""Decodes a worker/families/language/network.py model with a cache of keys and values, by the network's own layers.

One pair of tensors per layer, (rows, kv_heads, S, head_size), written in place by XLA's dynamic_update_slice. S grows in powers of
two as the text does, so attention never runs over much emptiness. When the model's context is full, the last half of it is
read anew and decoding goes on from there.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from worker.families.language.network import Decoder
from worker.generation.decode.cache import put
from worker.generation.decode.engine import Engine

_SMALLEST = 64  # of S: below, one compiled size serves all
_PART = 256  # tokens of a prompt that are read at a time; a guess


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
        """Fill a cache from int32 (rows, time), a part at a time: scores of all places with all would not fit for a long prompt.

        Returns (state, logits (rows, vocabulary) after the last token).
        """
        rows, time = tokens.shape
        self._size = size = self._bucket(time)
        padded = np.zeros((rows, size), np.int32)
        padded[:, :time] = tokens
        config = self._model.config
        empty = tf.zeros((rows, config.kv_heads, size, config.head_size), self._model.blocks[0].compute_dtype)
        state: list[Any] = [empty] * (2 * config.layers)
        width = min(_SMALLEST if time <= _SMALLEST else _PART, size)
        logits: Any = None
        read = self.compiled(("read", rows, width, size), self._read_graph)
        for start in range(0, time, width):
            first = min(start, size - width)  # the last part begins where it fits, and reads some tokens a second time
            last = min(time, first + width) - first - 1
            part = tf.constant(padded[:, first : first + width])
            logits, *state = read(part, tf.constant(first), tf.constant(last), *state)
        return state, logits

    def _read_graph(self, tokens: Any, first: Any, last: Any, *state: Any) -> Any:
        h, new = self._through(list(state), tokens, first)
        return (self._logits(tf.gather(h, [last], axis=1)), *new)

    def _through(self, state: list[Any], tokens: Any, first: Any) -> tuple[Any, list[Any]]:
        """Tokens (rows, time) at places first, first + 1 ... through all blocks: (rows, time, width), and the new state."""
        model, time, size = self._model, tokens.shape[1], state[0].shape[2]
        places = first + tf.range(time)
        ahead = places[:, None] - tf.range(size)[None]
        h = model.embed(tokens, places[None])
        new: list[Any] = []
        for block, k_cache, v_cache in zip(model.blocks, state[::2], state[1::2], strict=True):
            q, k, v = block.project(h, model.angles(model.config.rotary_of(block.number), places[None]))
            k_cache, v_cache = (put(cache, one, first, self._jit) for cache, one in ((k_cache, k), (v_cache, v)))
            new += [k_cache, v_cache]
            window = model.config.windows[block.number]
            seen = (ahead >= 0) & (ahead < window) if window else ahead >= 0
            h = block.finish(h, block.mix(q, k_cache, v_cache, seen[None]))
        return h, new

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
        h, new = self._through(state, tokens[:, None], place)
        return self._logits(h), new
