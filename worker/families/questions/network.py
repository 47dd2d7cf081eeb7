"""Networks from a question and a passage to where the answer begins and ends.

x: int32 (batch, 2, time), tokens and parts as windows.py makes them. Returns float32 (batch, time, 2), scores of beginning and end
at each token of the passage, and at the first token of all, which stands for "no answer"; HIDDEN elsewhere.
"""

import string
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from shared.bases.encoder import EncoderConfig
from worker.families.language.encoder import FILLER, Encoder
from worker.families.language.weights import assign_base, variables_by_name
from worker.families.questions.cutting import BEGIN, SPECIAL
from worker.families.questions.windows import PASSAGE, QUESTION
from worker.families.text_labels.upon_encoder import MATRICES
from worker.families.tuning.adapters import Adapting
from worker.recipe import Assets, OpenInput

ops: Any = keras.ops  # its declared types say None where there is none
HIDDEN = -1e4  # a score that takes no share
_KERNEL, _SPREAD = 5, (1, 2, 4)  # tokens a convolution looks at, and how far apart
_DROPOUT_SHARE = 1 / 3  # of the dropout before the scores: 0.1 in the encoder, as in Devlin et al. 2018, beside 0.3


class SpanLoss(keras.losses.Loss):
    """Mean of the cross-entropies of beginning and end. y_true: int (batch, 2). y_pred: float (batch, time, 2)."""

    def __init__(self, **options: Any):
        super().__init__(**{"name": "span_loss", **options})

    def call(self, y_true: Any, y_pred: Any) -> Any:
        scores = ops.transpose(ops.cast(y_pred, "float32"), (0, 2, 1))
        log_sums = ops.logsumexp(scores, -1)
        right = ops.take_along_axis(scores, ops.cast(y_true, "int32")[..., None], -1)[..., 0]
        return ops.mean(log_sums - right, -1)


def _only_where_allowed(scores: Any, parts: Any) -> Any:
    """scores: (batch, time, 2). parts: int32 (batch, time)."""
    first = ops.equal(ops.cumsum(ops.ones_like(parts), axis=1), 1)
    allowed = ops.logical_or(ops.equal(parts, PASSAGE), first)[..., None]
    return ops.where(allowed, ops.cast(scores, "float32"), HIDDEN)


class SpansOnEncoder(keras.Model):
    """An encoder that reads question and passage together, and two scores of each token. rank: of adapters; 0: none."""

    def __init__(self, config: EncoderConfig, *, dropout: float, rank: int):
        super().__init__(name="spans_on_encoder")
        matrix: Any = Adapting(MATRICES, rank, 2.0 * rank, 0.0) if rank else layers.Dense
        self.encoder = Encoder(config, dropout=dropout * _DROPOUT_SHARE, matrix=matrix)
        self.drop = layers.Dropout(dropout, name="drop")
        self.scores = layers.Dense(2, dtype="float32", name="scores")

    def build(self, shape: Any = None) -> None:
        self.encoder.build()
        self.scores.build((None, None, self.encoder.config.width))
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        tokens, parts = x[:, 0], x[:, 1]
        found = self.encoder(tokens, training=training, parts=ops.clip(parts, 0, 1))
        return _only_where_allowed(self.scores(self.drop(ops.cast(found, "float32"), training=training)), parts)


def spans_on_encoder(params: Any, assets: Assets, base: OpenInput) -> SpansOnEncoder:
    """The network of a training or of one of its models, its encoder filled with the base's weights."""
    rank = params.rank if params.method == "lora" else 0
    model = SpansOnEncoder(EncoderConfig.model_validate(assets["encoder"]), dropout=params.dropout, rank=rank)
    model.build()
    assign_base(model.encoder, base.folder)
    for variable in variables_by_name(model.encoder).values():
        variable.step_share = params.encoder_share
        variable.trainable = params.method == "full"
    return model


def fixed_of(model: Any) -> list[Any]:
    """The variables of the encoder that do not learn; [] of a network without one."""
    if not isinstance(model, SpansOnEncoder):
        return []
    return [variable for variable in variables_by_name(model.encoder).values() if not variable.trainable]


def own_network(params: Any, assets: Assets) -> keras.Model:
    """Of Keras' own layers alone: convolutions over question and passage, each token of the passage compared with the question's,
    and convolutions that look further and further.

    A token that also stands in the question is told so, with how rare it is; so is what each looks like (traits). Source:
    Chen et al. 2017, arXiv:1704.00051; Yu et al. 2018, arXiv:1804.09541.
    """
    width, traits = params.width, assets.arrays["traits"]
    x: Any = keras.Input((2, None), dtype="int32", name="windows")
    tokens, parts = x[:, 0], x[:, 1]
    there = ops.not_equal(tokens, FILLER)
    known = ops.where(there, tokens, 0)
    mask = ops.cast(ops.expand_dims(there, -1), "float32")
    asked = ops.logical_and(ops.equal(parts, QUESTION), tokens >= len(SPECIAL))
    table: Any = layers.Embedding(*traits.shape, dtype="float32", name="traits")
    looks = table(known)
    same = ops.logical_and(ops.equal(ops.expand_dims(tokens, 2), ops.expand_dims(tokens, 1)), ops.expand_dims(asked, 1))
    stands_in = ops.cast(ops.expand_dims(ops.any(same, -1), -1), "float32")
    is_asked = ops.cast(ops.expand_dims(asked, -1), "float32")
    told = ops.concatenate([stands_in, stands_in * looks, is_asked, looks], -1)
    begin: Any = keras.initializers.RandomUniform(-0.1, 0.1)
    vectors: Any = layers.Embedding(len(traits), width, embeddings_initializer=begin, name="tokens")(known)
    vectors = layers.Dropout(params.dropout / 2, name="drop_tokens")(vectors)
    h = layers.Dense(width, name="read")(ops.concatenate([ops.cast(vectors, "float32"), told], -1))
    for number in range(params.layers):
        h = _looked_around(h, mask, width, 1, params.dropout, f"near_{number}")
    normed = layers.LayerNormalization(epsilon=1e-5, name="norm_compared")(h)
    keys = layers.Dense(width, name="keys")(normed)
    near = ops.matmul(layers.Dense(width, name="wanted")(normed), ops.transpose(keys, (0, 2, 1))) * width**-0.5
    near = ops.where(ops.expand_dims(asked, 1), ops.cast(near, "float32"), HIDDEN)
    aligned = ops.matmul(ops.softmax(near, -1), ops.cast(normed, "float32"))
    weights = ops.cast(layers.Dense(1, name="matters")(normed), "float32")
    weights = ops.softmax(ops.where(ops.expand_dims(asked, -1), weights, HIDDEN), 1)
    question = ops.sum(weights * ops.cast(normed, "float32"), 1, keepdims=True)
    normed = ops.cast(normed, "float32")
    compared = ops.concatenate([normed, aligned, normed * aligned, normed * question, told], -1)
    h = layers.Dense(width, "gelu", name="compared")(layers.Dropout(params.dropout, name="drop_compared")(compared))
    for number in range(2 * params.layers):
        spread = _SPREAD[number % len(_SPREAD)]
        h = _looked_around(h, mask, width, spread, params.dropout, f"far_{number}")
    h = layers.Dropout(params.dropout, name="drop")(layers.LayerNormalization(epsilon=1e-5, name="norm")(h))
    scores = layers.Dense(2, dtype="float32", name="scores")(h)
    model = keras.Model(x, _only_where_allowed(scores, parts), name="spans")
    table.embeddings.assign(traits)
    return model


def _looked_around(h: Any, mask: Any, width: int, spread: int, dropout: float, name: str) -> Any:
    """One convolution beside a shortcut; what fills a window up is zero to it."""
    normed = layers.LayerNormalization(epsilon=1e-5, name=f"norm_{name}")(h)
    normed = ops.cast(normed, "float32") * mask
    found = layers.Conv1D(width, _KERNEL, padding="same", activation="gelu", dilation_rate=spread, name=name)(normed)
    return h + layers.Dropout(dropout, name=f"drop_{name}")(found)


def network_of(params: Any, assets: Assets, inputs: Any) -> keras.Model:
    if "encoder" in assets.json:
        return spans_on_encoder(params, assets, inputs["base"])
    return own_network(params, assets)


def traits_of(tokens: Sequence[str], counts: np.ndarray, passages: int) -> np.ndarray:
    """What each token looks like, float32 (kinds, 5): how rare it is, 0 (in every passage) to 1; and 1 or 0 each for digits, for a
    mark, for what begins a word, and for what is not of Latin letters.

    tokens: as learn_pieces() has them. counts: int (kinds,), passages that have each.
    """
    rare = np.log((passages + 1) / (counts + 1)) / max(np.log(passages + 1), 1e-6)
    bare = [token.removeprefix(BEGIN) for token in tokens]
    seen = [
        (one.isdigit(), len(one) == 1 and one in string.punctuation, token != one, not one.isascii())
        for token, one in zip(tokens, bare, strict=True)
    ]
    return np.concatenate([rare[:, None], np.array(seen, np.float32)], 1).astype(np.float32)
