"""The LSTM: reads both ways, writes one token after the other, and looks at what has been read.

Attention is Luong's "general" one (arXiv:1508.04025), without input feeding: so all places of a target are learnt at once.
Writing begins with what has been read on the average, as in Nematus (Sennrich et al. 2017, arXiv:1703.04357).
"""

from typing import Any

import keras
from keras import layers

from worker.families.translating.network import Put, Translator
from worker.generation.decode.recurrent import cell_step

ops: Any = keras.ops
_NEVER = -1e9


@keras.saving.register_keras_serializable("trainyard")
class Recurrent(Translator):
    """Layers of bidirectional LSTM that read, the sum of both ways, and as many LSTMs that write."""

    def __init__(
        self, kinds: tuple[int, ...], width: int, layers_: int, dropout: float, window: int = 0, name: str = "lstm"
    ):
        super().__init__(kinds, width, layers_, dropout, window, name)

        def lstm() -> Any:
            return layers.LSTM(width, return_sequences=True)

        self.readers = [layers.Bidirectional(lstm(), "sum", name=f"reader_{i}") for i in range(layers_)]
        self.writers = [layers.LSTM(width, return_sequences=True, name=f"writer_{i}") for i in range(layers_)]
        self.starts = layers.Dense(2 * layers_ * width, name="starts")
        self.keys = layers.Dense(width, use_bias=False, name="keys")
        self.mixed = layers.Dense(width, activation="tanh", name="mixed")

    def build(self, shape: Any = None) -> None:
        stream = (None, None, self.width)
        for layer in {id(one): one for one in (self.read_tokens, self.written_tokens)}.values():
            layer.build((None, None))
        for layer in (*self.readers, *self.writers, self.keys):
            layer.build(stream)
        self.starts.build((None, self.width))
        self.mixed.build((None, None, 2 * self.width))
        self.built = True

    def encode(self, source: Any, there: Any, training: bool) -> Any:
        h = self.drop(self.read_tokens(source), training=training)
        for layer in self.readers:
            h = self.drop(layer(h, mask=there, training=training), training=training)
        return h

    def _begun(self, read: Any, there: Any) -> list[Any]:
        """Hidden and cell states (batch, width) of each layer that writes."""
        weights = ops.cast(ops.swapaxes(there, -1, -2), read.dtype)
        mean = ops.sum(read * weights, 1) / ops.maximum(ops.sum(weights, 1), 1)
        return ops.split(ops.tanh(self.starts(mean)), 2 * self.depth, -1)

    def _look(self, h: Any, keys: Any, read: Any, there: Any) -> tuple[Any, Any]:
        """(batch, n, width) before the last matrix, and looks (batch, n, S)."""
        scores = ops.cast(ops.matmul(h, ops.swapaxes(keys, -1, -2)), "float32")
        shares = ops.cast(ops.softmax(ops.where(there, scores, _NEVER)), read.dtype)
        return self.mixed(ops.concatenate([ops.matmul(shares, read), h], -1)), shares

    def answered(self, x: Any, training: bool) -> tuple[Any, Any]:
        read, there = self.read(x["source"], training)
        begun = self._begun(read, there)
        h = self.drop(self.written_tokens(x["target"]), training=training)
        for i, layer in enumerate(self.writers):
            h = self.drop(layer(h, initial_state=begun[2 * i : 2 * i + 2], training=training), training=training)
        found, looks = self._look(h, self.keys(read), read, there)
        return self.drop(found, training=training), looks

    def begin(self, source: Any, beams: int, room: int) -> tuple[list[Any], list[Any]]:
        read, there = self.read(source)
        state = [ops.repeat(ops.cast(part, "float32")[:, None], beams, 1) for part in self._begun(read, there)]
        return [there, read, self.keys(read)], state

    def step(
        self, tokens: Any, place: Any, memory: list[Any], state: list[Any], seen: Any, put: Put
    ) -> tuple[Any, Any, list[Any]]:
        there, read, keys = memory
        rows, beams = tokens.shape
        h = ops.cast(self.written_tokens(ops.reshape(tokens, (-1,))), "float32")
        new: list[Any] = []
        for layer, hidden, carry in zip(self.writers, state[::2], state[1::2], strict=True):
            flat = (ops.reshape(part, (rows * beams, self.width)) for part in (hidden, carry))
            h, carry = cell_step(layer.cell, h, *flat)
            new += [ops.reshape(part, (rows, beams, self.width)) for part in (h, carry)]
        h = ops.cast(ops.reshape(h, (rows, beams, self.width)), read.dtype)
        found, looks = self._look(h, keys, read, there)
        return self.logits(found), ops.cast(looks, "float32"), new

    def follow(self, state: list[Any], parents: Any) -> list[Any]:
        return [ops.take_along_axis(part, parents[..., None], 1) for part in state]

    def widen(self, state: list[Any], more: int) -> list[Any]:
        return state
