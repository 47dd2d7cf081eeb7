"""Runs chunks of decoding: the part that is the same for every kind of model.

An engine keeps compiled functions by (rows, size of its state). The state a model needs (a cache of keys and values,
or the hidden state of an LSTM) is a list of tensors that lives between two chunks. The host sees tokens once a chunk: that is the
grain of streaming and of stopping.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from worker.generation.decode.sampling import Sampling, choose

CHUNK = 64  # tokens of one call at most
FIRST_CHUNK = 16  # a long text shows its beginning soon
ROWS = (1, 2, 4, 8, 16, 32)  # batch sizes compiled; fewer rows are padded to the next


def _nothing() -> None:
    """Where nobody asks."""


class Engine:
    """Base of the engines. jit: compile with XLA (seconds once, then several times faster)."""

    vocabulary_size: int

    def __init__(self, jit: bool = True):
        self._jit = jit
        self._compiled: dict[Any, Any] = {}
        self._compiles: Callable[[], None] = _nothing

    # --- what a kind of model provides --------------------------------------------------------------------------------

    def begin(self, tokens: np.ndarray) -> tuple[list[Any], Any, int]:
        """Read a prompt. tokens: int32 (time,), time >= 1. Returns (state of one row, logits (1, vocabulary), next place)."""
        raise NotImplementedError

    def room(self, place: int) -> int:
        """How many tokens can follow at `place` before the state must grow or begin anew."""
        raise NotImplementedError

    def grow(self, state: list[Any], place: int, history: np.ndarray) -> tuple[list[Any], int, Any]:
        """Make room. history: int32 (rows, tokens so far). Returns (state, place, logits or None when they stay)."""
        raise NotImplementedError

    def step(self, state: list[Any], tokens: Any, place: Any) -> tuple[Any, list[Any]]:
        """Inside the graph: one token of each row in, logits (rows, vocabulary) and the new state out."""
        raise NotImplementedError

    # --- decoding -------------------------------------------------------------------------------------------------------

    def decode(
        self, prompt: np.ndarray, most: int, sampling: Sampling, compiles: Callable[[], None] = _nothing
    ) -> Iterator[np.ndarray]:
        """Yield int32 (rows, n) pieces until `most` tokens have been written; the caller may stop earlier.

        prompt: int32 (time,), the same for all rows. The same prompt, settings and seed give the same tokens. compiles: called
        before a piece that takes longer, since something has to be compiled for it.
        """
        self._compiles = compiles
        rows = len(sampling.temperature)
        padded = next((size for size in ROWS if size >= rows), rows)
        settings = sampling.padded(padded).tensors()
        state, logits, place = self.begin(prompt)
        state, logits = [_rows(part, padded) for part in state], _rows(logits, padded)
        seen = np.zeros((padded, self.vocabulary_size), bool)
        seen[:, prompt] = True
        seen = tf.constant(seen)
        history = np.repeat(prompt[None], padded, axis=0)
        written, size = 0, min(FIRST_CHUNK if most > CHUNK else CHUNK, most)
        while written < most:
            if self.room(place) == 0:
                state, place, anew = self.grow(state, place, history)
                logits = logits if anew is None else anew
                continue
            count = min(size, most - written, self.room(place))
            run = self._chunk(padded, state)
            out, logits, seen, *state = run(
                logits,
                seen,
                tf.constant(place),
                tf.constant(count),
                tf.constant(len(prompt) + written),
                settings,
                *state,
            )
            piece = out.numpy()[:, :count]
            history = np.concatenate([history, piece], axis=1)
            written, place, size = written + count, place + count, CHUNK
            yield piece[:rows]

    def _chunk(self, rows: int, state: list[Any]) -> Any:
        return self.compiled((rows, *(tuple(part.shape) for part in state)), self._run_chunk)

    def compiled(self, key: Any, graph: Callable[..., Any]) -> Any:
        """The compiled form of what is done in the graph. key: its name and the shapes that it is called with."""
        if key not in self._compiled:
            self._compiled[key] = tf.function(graph, jit_compile=self._jit, autograph=False)
            self._compiles()
        return self._compiled[key]

    def _run_chunk(
        self, logits: Any, seen: Any, place: Any, count: Any, absolute: Any, settings: Any, *state: Any
    ) -> Any:
        """`count` tokens (at most CHUNK) from the logits of the first one. absolute: place in the whole text, for the noise."""
        rows, vocabulary = logits.shape
        columns = tf.range(CHUNK)

        def body(i: Any, out: Any, logits: Any, seen: Any, *state: Any) -> Any:
            token = choose(logits, seen, settings, absolute + i)
            out = tf.where(columns[None] == i, token[:, None], out)
            seen = seen | (tf.range(vocabulary)[None] == token[:, None])
            logits, new = self.step(list(state), token, place + i)
            return (i + 1, out, logits, seen, *new)

        start = (tf.constant(0), tf.zeros((rows, CHUNK), tf.int32), logits, seen, *state)
        _, out, logits, seen, *new = tf.while_loop(lambda i, *_: i < count, body, start, parallel_iterations=1)
        return (out, logits, seen, *new)


def _rows(part: Any, rows: int) -> Any:
    """A tensor of one row, `rows` times. One operation, outside of any graph each costs the better part of a millisecond."""
    return part if rows == 1 else tf.tile(part, [rows, *[1] * (part.shape.rank - 1)])
