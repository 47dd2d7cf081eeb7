"""Decodes a worker/recipes/char_lstm.py model by carrying its hidden state: each token is read once, however long the text.

In training every window starts from zero state; here the state goes on, as in char-rnn.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from worker.generation.decode.engine import CHUNK, Engine


class RecurrentEngine(Engine):
    """One per model. State: hidden and cell (rows, width) of each LSTM layer."""

    def __init__(self, model: Any, *, jit: bool = True):
        super().__init__(jit)
        self._embedding = model.get_layer("embedding")
        self._cells = [layer.cell for layer in model.layers if layer.name.startswith("lstm_")]
        self._head = model.get_layer("logits")
        self.vocabulary_size = self._head.units

    def begin(self, tokens: np.ndarray) -> tuple[list[Any], Any, int]:
        state = [tf.zeros((1, cell.units)) for cell in self._cells for _ in range(2)]
        logits: Any = tf.zeros((1, self.vocabulary_size))
        read = self.compiled("read", self._read_graph)
        for start in range(0, len(tokens), CHUNK):
            part = tokens[start : start + CHUNK]
            padded = np.zeros(CHUNK, np.int32)
            padded[: len(part)] = part
            logits, *state = read(tf.constant(padded), tf.constant(len(part)), *state)
        return list(state), logits, len(tokens)

    def _read_graph(self, tokens: Any, count: Any, *state: Any) -> Any:
        def body(i: Any, logits: Any, *state: Any) -> Any:
            logits, new = self.step(list(state), tokens[i][None], i)
            return (i + 1, logits, *new)

        start = (tf.constant(0), tf.zeros((1, self.vocabulary_size)), *state)
        _, logits, *new = tf.while_loop(lambda i, *_: i < count, body, start, parallel_iterations=1)
        return (logits, *new)

    def room(self, place: int) -> int:
        return CHUNK

    def step(self, state: list[Any], tokens: Any, place: Any) -> tuple[Any, list[Any]]:
        h = tf.gather(self._embedding.embeddings, tokens)
        new = []
        for cell, hidden, carry in zip(self._cells, state[::2], state[1::2], strict=True):
            h, carry = cell_step(cell, h, hidden, carry)
            new += [h, carry]
        return tf.matmul(h, self._head.kernel) + self._head.bias, new


def cell_step(cell: Any, x: Any, hidden: Any, carry: Any) -> tuple[Any, Any]:
    """Keras' LSTM cell written out: gates in the order input, forget, cell, output. All (rows, width); returns hidden and carry."""
    gates = tf.matmul(x, cell.kernel) + tf.matmul(hidden, cell.recurrent_kernel) + cell.bias
    enter, forget, value, leave = tf.split(gates, 4, axis=-1)
    carry = tf.sigmoid(forget) * carry + tf.sigmoid(enter) * tf.tanh(value)
    return tf.sigmoid(leave) * tf.tanh(carry), carry
