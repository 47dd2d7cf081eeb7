"""The encoder that shared/bases/encoder.py describes, in Keras: one network for BERT, MiniLM, DistilBERT, RoBERTa.

Recipes build it, weights.py fills it.
"""

from typing import Any

import keras
from keras import layers

from shared.bases.encoder import EncoderConfig
from worker.families.language.network import ACTIVATIONS, Matrix, normal

ops: Any = keras.ops  # its declared types say None where there is none
FILLER = -1  # in the place of a token, where a row is longer than its text
_ACTIVATIONS = {**ACTIVATIONS, "relu": ops.relu}
_HIDDEN = -1e9  # a score that leaves nothing of a share


class EncoderBlock(layers.Layer):
    """Attention and a perceptron, each beside a shortcut and before a norm. Input and output (batch, time, width)."""

    def __init__(self, config: EncoderConfig, dropout: float, matrix: Matrix, **options: Any):
        super().__init__(**options)
        self.config = config

        def made(name: str, outputs: int) -> Any:
            return matrix(outputs, name=name, use_bias=True, kernel_initializer=normal())

        self.q, self.k, self.v, self.o = (made(name, config.width) for name in "qkvo")
        self.up, self.down = made("up", config.inner), made("down", config.width)
        self.norm_1, self.norm_2 = (
            layers.LayerNormalization(epsilon=config.norm_epsilon, name=name) for name in ("norm_1", "norm_2")
        )
        self.activate = _ACTIVATIONS[config.activation]
        self.drop, self.drop_1, self.drop_2 = (layers.Dropout(dropout) for _ in range(3))

    def build(self, shape: Any) -> None:
        stream = (None, None, self.config.width)
        for layer in (self.q, self.k, self.v, self.o, self.up, self.norm_1, self.norm_2):
            layer.build(stream)
        self.down.build((None, None, self.config.inner))

    def call(self, x: Any, there: Any = None, training: bool = False) -> Any:
        """there: bool (batch, 1, 1, time), where there is a token."""
        c, time = self.config, ops.shape(x)[1]
        q, k, v = (
            ops.transpose(ops.reshape(part(x), (-1, time, c.heads, c.head_size)), (0, 2, 1, 3))
            for part in (self.q, self.k, self.v)
        )
        scores = ops.cast(ops.matmul(q * c.head_size**-0.5, ops.swapaxes(k, -1, -2)), "float32")
        scores = ops.where(there, scores, _HIDDEN)
        shares = self.drop(ops.cast(ops.softmax(scores), v.dtype), training=training)
        mixed = ops.reshape(ops.transpose(ops.matmul(shares, v), (0, 2, 1, 3)), (-1, time, c.width))
        x = self.norm_1(x + self.drop_1(self.o(mixed), training=training))
        return self.norm_2(x + self.drop_2(self.down(self.activate(self.up(x))), training=training))


@keras.saving.register_keras_serializable("trainyard")
class Encoder(keras.Model):
    """Tokens to what each means where it stands, float (batch, time, width).

    Input: int32 (batch, time), special tokens included, FILLER where a text has ended. parts: int32 (batch, time), 0 of the first
    text of a pair and 1 of the second; None: every text is of one part.
    dropout: share of embeddings, attention and what goes onto the shortcut that is left out in training.
    """

    def __init__(
        self, config: EncoderConfig, *, dropout: float = 0.0, matrix: Matrix = layers.Dense, name: str = "encoder"
    ):
        super().__init__(name=name)
        self.config, self.dropout = config, dropout
        rows = config.place_offset + config.context
        self.tokens = layers.Embedding(config.vocabulary, config.width, normal(), name="tokens")
        self.places = layers.Embedding(rows, config.width, normal(), name="places")
        self.types = layers.Embedding(config.types, config.width, normal(), name="types") if config.types else None
        self.norm = layers.LayerNormalization(epsilon=config.norm_epsilon, name="norm")
        self.drop = layers.Dropout(dropout)
        self.blocks = [EncoderBlock(config, dropout, matrix, name=f"block_{i}") for i in range(config.layers)]

    def build(self, shape: Any = None) -> None:
        for table in (self.tokens, self.places, *([self.types] if self.types is not None else [])):
            table.build((None, None))
        for layer in (self.norm, *self.blocks):
            layer.build((None, None, self.config.width))
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """For model.keras of an export: this very class reads it. Matrices of a recipe's own are Dense there."""
        return {"config": self.config.model_dump(mode="json"), "dropout": self.dropout, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Encoder":
        return cls(EncoderConfig.model_validate(config["config"]), dropout=config["dropout"], name=config["name"])

    def call(self, x: Any, training: bool = False, parts: Any = None) -> Any:
        there = ops.not_equal(x, FILLER)
        places = ops.arange(ops.shape(x)[1])[None] + self.config.place_offset
        h = self.tokens(ops.where(there, x, 0)) + self.places(places)
        if self.types is not None:
            h = h + self.types(ops.zeros_like(places) if parts is None or self.config.types < 2 else parts)
        h = self.drop(self.norm(h), training=training)
        for block in self.blocks:
            h = block(h, there[:, None, None], training=training)
        return h


def pooled(tokens: Any, found: Any, how: str) -> Any:
    """One vector of each text, float32 (batch, width). tokens, found: what an Encoder is given, and gives.

    how: "mean" of its tokens, special ones included, or "first", which is the token before every text.
    Source: Reimers, Gurevych 2019, arXiv:1908.10084.
    """
    found = ops.cast(found, "float32")
    if how == "first":
        return found[:, 0]
    there = ops.cast(ops.not_equal(tokens, FILLER), "float32")[..., None]
    return ops.sum(found * there, 1) / ops.maximum(ops.sum(there, 1), 1.0)


def unit(vectors: Any) -> Any:
    """Vectors of length 1. vectors: float32 (batch, width)."""
    return vectors * ops.rsqrt(ops.maximum(ops.sum(ops.square(vectors), -1, keepdims=True), 1e-24))
