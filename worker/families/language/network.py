"""The decoder that shared/bases/decoder.py describes, in Keras: one network for GPT-2, Llama, Mistral, Qwen, Gemma.

Recipes build it, weights.py fills it, worker/generation/decode reads it one token at a time with a cache.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from shared.bases.decoder import DecoderConfig
from worker.families.language.rotary import angles, turn

ops: Any = keras.ops  # its declared types say None where there is none
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "gelu": lambda x: ops.gelu(x, approximate=False),
    "gelu_tanh": lambda x: ops.gelu(x, approximate=True),
    "silu": ops.silu,
}
# Makes a matrix of the network: (outputs, name=, use_bias=, kernel_initializer=) -> a layer like Dense. A recipe gives its own to
# train adapters; upon=, of a decoder that is built upon another one, is the matrix there.
Matrix = Callable[..., Any]


_STD = 0.02  # of initial weights, as in GPT-2


def normal(std: float = _STD) -> Any:
    """A fresh initializer: one that is used twice gives the same numbers twice."""
    return keras.initializers.RandomNormal(stddev=std)


class RmsNorm(layers.Layer):
    """x / sqrt(mean(x^2) + epsilon) * (offset + gamma) over the last axis, in float32 whatever comes in."""

    def __init__(self, epsilon: float, offset: float, **options: Any):
        super().__init__(**options)
        self.epsilon, self.offset = epsilon, offset

    def build(self, shape: Any) -> None:
        initial = "zeros" if self.offset else "ones"
        self.gamma = self.add_weight(shape=(shape[-1],), initializer=initial, name="gamma")

    def call(self, x: Any) -> Any:
        y = ops.cast(x, "float32")
        y = y * ops.rsqrt(ops.mean(ops.square(y), -1, keepdims=True) + self.epsilon)
        return ops.cast(y * (ops.cast(self.gamma, "float32") + self.offset), x.dtype)


class Block(layers.Layer):
    """Attention and a perceptron, each behind a norm and beside a shortcut. Input and output (batch, time, width).

    number: of the layer, which decides of its window and its rotary positions. upon: see Decoder.
    """

    def __init__(
        self,
        config: DecoderConfig,
        number: int,
        dropout: float,
        matrix: Matrix,
        upon: "Block | None" = None,
        **options: Any,
    ):
        super().__init__(**options)
        self.config, self.number = config, number
        c = config
        onto_shortcut = _STD / (2 * c.layers) ** 0.5  # as in GPT-2: the stream does not grow with the layers

        def made(name: str, outputs: int, bias: bool, std: float = _STD) -> Any:
            more = {} if upon is None else {"upon": getattr(upon, name)}
            return matrix(outputs, name=name, use_bias=bias, kernel_initializer=normal(std), **more)

        def norm(name: str) -> Any:
            return _same(upon, name) or norm_of(c, name)

        def norm_of_heads(name: str) -> Any:
            return _same(upon, name) or RmsNorm(c.norm_epsilon, c.norm_offset, name=name)

        self.norm_1, self.norm_2 = norm("norm_1"), norm("norm_2")
        self.q = made("q", c.heads * c.head_size, c.qkv_bias)
        self.k = made("k", c.kv_heads * c.head_size, c.qkv_bias)
        self.v = made("v", c.kv_heads * c.head_size, c.qkv_bias)
        self.o = made("o", c.width, c.out_bias, onto_shortcut)
        self.q_norm = norm_of_heads("q_norm") if c.qk_norm else None
        self.k_norm = norm_of_heads("k_norm") if c.qk_norm else None
        self.after_1 = norm("after_1") if c.norm_after else None
        self.after_2 = norm("after_2") if c.norm_after else None
        self.gate = made("gate", c.inner, c.mlp_bias) if c.gated else None
        self.up = made("up", c.inner, c.mlp_bias)
        self.down = made("down", c.width, c.mlp_bias, onto_shortcut)
        self.activate = ACTIVATIONS[c.activation]
        self.drop, self.drop_1, self.drop_2 = (layers.Dropout(dropout) for _ in range(3))

    def build(self, shape: Any) -> None:
        c, stream = self.config, (None, None, self.config.width)
        for layer in (self.norm_1, self.norm_2, self.q, self.k, self.v, self.gate, self.up, self.after_1, self.after_2):
            if layer is not None and not layer.built:
                layer.build(stream)
        for layer in (self.q_norm, self.k_norm):
            if layer is not None and not layer.built:
                layer.build((None, None, None, c.head_size))
        self.o.build((None, None, c.heads * c.head_size))
        self.down.build((None, None, c.inner))

    def call(self, x: Any, seen: Any = None, turned: Any = None, training: bool = False) -> Any:
        """seen: bool, broadcasts to (batch, time, time): whether a token sees another. turned: see Decoder.angles, or None."""
        q, k, v = self.project(x, turned)
        return self.finish(x, self.mix(q, k, v, seen, training), training)

    def project(self, x: Any, turned: Any) -> tuple[Any, Any, Any]:
        """Queries (batch, heads, time, head_size), keys and values (batch, kv_heads, time, head_size), normed and turned."""
        c, time = self.config, ops.shape(x)[1]
        x = self.norm_1(x)
        q = ops.reshape(self.q(x), (-1, time, c.heads, c.head_size))
        k, v = (ops.reshape(part(x), (-1, time, c.kv_heads, c.head_size)) for part in (self.k, self.v))
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k, v = (ops.transpose(part, (0, 2, 1, 3)) for part in (q, k, v))
        if turned is not None:
            q, k = turn(q, *turned), turn(k, *turned)
        return q, k, v

    def mix(self, q: Any, k: Any, v: Any, seen: Any, training: bool = False) -> Any:
        """Values by how well their keys answer the queries: (batch, heads, queries, head_size), as `project` gives them.

        seen: bool, broadcasts to (batch, queries, keys).
        """
        c, queries, keys = self.config, ops.shape(q)[2], ops.shape(k)[2]
        group = c.heads // c.kv_heads
        # The queries of a group stand one after the other: no key is repeated for them.
        q = ops.reshape(q, (-1, c.kv_heads, group * queries, c.head_size))
        scores = ops.cast(ops.matmul(q, ops.swapaxes(k, -1, -2)), "float32") * c.scale
        if c.attention_cap:
            scores = ops.tanh(scores / c.attention_cap) * c.attention_cap
        scores = ops.reshape(scores, (-1, c.kv_heads, group, queries, keys))
        scores = ops.where(seen[:, None, None], scores, -1e9)
        shares = self.drop(ops.cast(ops.softmax(scores), v.dtype), training=training)
        mixed = ops.matmul(ops.reshape(shares, (-1, c.kv_heads, group * queries, keys)), v)
        return ops.reshape(mixed, (-1, c.heads, queries, c.head_size))

    def finish(self, x: Any, mixed: Any, training: bool = False) -> Any:
        """The block's output from its input and what attention has mixed."""
        c, time = self.config, ops.shape(x)[1]
        mixed = self.o(ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, time, c.heads * c.head_size)))
        mixed = self.after_1(mixed) if self.after_1 else mixed
        x = x + self.drop_1(mixed, training=training)
        found = self.perceive(self.norm_2(x))
        found = self.after_2(found) if self.after_2 else found
        return x + self.drop_2(found, training=training)

    def perceive(self, x: Any) -> Any:
        if self.gate is None:
            return self.down(self.activate(self.up(x)))
        return self.down(self.activate(self.gate(x)) * self.up(x))


def _same(upon: Any, name: str) -> Any:
    """A layer of the decoder or block that is built upon; None where there is none."""
    return None if upon is None else getattr(upon, name)


def norm_of(config: DecoderConfig, name: str) -> Any:
    if config.norm == "layer":
        return layers.LayerNormalization(epsilon=config.norm_epsilon, name=name)
    return RmsNorm(config.norm_epsilon, config.norm_offset, name=name)


@keras.saving.register_keras_serializable("trainyard")
class Decoder(keras.Model):
    """Tokens to float32 logits (batch, time, vocabulary).

    Input: int32 (batch, time), or a dict of int32 (batch, time): "tokens"; "segments", for several texts in one row: a token sees
    those of its own number alone; "places", counted from 0 in each text (learned and rotary positions go by them).
    dropout: share of embeddings, attention and what goes onto the shortcut that is left out in training.
    upon: a built decoder of the same config, whose embeddings and norms are this one's, too: they are in memory once. The matrix
    of each place is given its counterpart there, as upon=.
    """

    def __init__(
        self,
        config: DecoderConfig,
        *,
        dropout: float = 0.0,
        matrix: Matrix = layers.Dense,
        upon: "Decoder | None" = None,
        name: str = "decoder",
    ):
        super().__init__(name=name)
        self.config, self.dropout = config, dropout
        rows, width = config.vocabulary, config.width
        first = normal()  # made in any case: what comes after it draws the same numbers with upon and without
        self.tokens = _same(upon, "tokens") or layers.Embedding(rows, width, first, name="tokens")
        self.places = None
        if config.rotary is None:
            first = normal()
            self.places = _same(upon, "places") or layers.Embedding(config.context, width, first, name="places")
        self.drop = layers.Dropout(dropout)
        there = [None] * config.layers if upon is None else upon.blocks
        self.blocks = [Block(config, i, dropout, matrix, block, name=f"block_{i}") for i, block in enumerate(there)]
        self.norm = _same(upon, "norm") or norm_of(config, "norm")
        self.head = None
        if not config.tied:
            first = normal()
            self.head = _same(upon, "head") or layers.Dense(rows, use_bias=False, kernel_initializer=first, name="head")

    def build(self, shape: Any = None) -> None:
        stream = (None, None, self.config.width)
        for layer, shape in ((self.tokens, (None, None)), (self.places, (None,))):
            if layer is not None and not layer.built:
                layer.build(shape)
        for layer in (*self.blocks, self.norm, *([self.head] if self.head is not None else [])):
            if not layer.built:
                layer.build(stream)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """For model.keras of an export: this very class reads it. Matrices of a recipe's own are Dense there."""
        return {"config": self.config.model_dump(mode="json"), "dropout": self.dropout, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Decoder":
        return cls(DecoderConfig.model_validate(config["config"]), dropout=config["dropout"], name=config["name"])

    def call(self, x: Any, training: bool = False) -> Any:
        return self.logits(self.stream(x, training=training))

    def stream(self, x: Any, training: bool = False) -> Any:
        """What the last block gives, normed: (batch, time, width). logits() of it, or of some places of it, is the rest."""
        given = x if isinstance(x, dict) else {"tokens": x}
        tokens, segments = given["tokens"], given.get("segments")
        time = ops.shape(tokens)[1]
        places = given.get("places")
        places = ops.arange(time)[None] if places is None else places
        h = self.embed(tokens, places)
        h = self.drop(h, training=training)
        turned, seen = {}, {}
        for block in self.blocks:
            window, rotary = self.config.windows[block.number], self.config.rotary_of(block.number)
            if window not in seen:
                seen[window] = self.seen(time, window, segments)
            if rotary not in turned:
                turned[rotary] = self.angles(rotary, places)
            h = self.through(block, h, seen[window], turned[rotary], training)
        return self.norm(h)

    def through(self, block: Block, h: Any, seen: Any, turned: Any, training: bool) -> Any:
        """What a block makes of the stream."""
        return block(h, seen, turned, training=training)

    def embed(self, tokens: Any, places: Any) -> Any:
        """What the first block is given, float (batch, time, width)."""
        h = self.tokens(tokens)
        if self.config.embedding_scale != 1:
            h = h * ops.cast(self.config.embedding_scale, h.dtype)
        return h if self.places is None else h + self.places(places)

    def logits(self, h: Any) -> Any:
        """(..., width) to float32 (..., vocabulary)."""
        table = None if self.head is not None else ops.transpose(ops.cast(self.tokens.embeddings, h.dtype))
        found = ops.cast(self.head(h) if self.head is not None else ops.matmul(h, table), "float32")
        cap = self.config.logit_cap
        return ops.tanh(found / cap) * cap if cap else found

    def angles(self, rotary: Any, places: Any) -> Any:
        """Cosines and sines, (batch or 1, 1, time, head_size) each; None without rotary positions."""
        if rotary is None:
            return None
        return tuple(part[:, None] for part in angles(rotary, self.config.head_size, places))

    @staticmethod
    def seen(time: Any, window: int, segments: Any) -> Any:
        """bool (batch or 1, time, time): the token of a row sees that of a column."""
        ahead = ops.arange(time)[:, None] - ops.arange(time)[None]
        seen = ahead >= 0
        if window:
            seen = ops.logical_and(seen, ahead < window)
        seen = seen[None]
        if segments is not None:
            seen = ops.logical_and(seen, segments[:, :, None] == segments[:, None])
        return seen
