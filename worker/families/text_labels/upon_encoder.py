"""A text network upon a pre-trained encoder: the encoder, one vector of each window, and scores of the labels."""

from typing import Any

import keras
from keras import layers

from shared.bases.encoder import EncoderConfig
from worker.families.language.encoder import FILLER, Encoder, pooled, unit
from worker.families.language.weights import assign_base, variables_by_name
from worker.families.text_labels.tokenizer import PAD, EncoderTokenizer, tokenizer_of
from worker.families.tuning.adapters import Adapting
from worker.recipe import Assets, OpenInput

ops: Any = keras.ops  # its declared types say None where there is none
MATRICES = ("q", "k", "v", "o", "up", "down")
_DROPOUT_SHARE = 0.2  # of the dropout before the scores: 0.1 in the encoder, as in Devlin et al. 2018, beside 0.5


def encoder_json(base: OpenInput) -> dict[str, Any]:
    """What the assets of a model upon an encoder hold of it."""
    about = {"id": base.base.id, "name": base.base.name, "family": base.base.family}
    return {"encoder": base.base.config.model_dump(mode="json"), "base": about}


def most_tokens(config: EncoderConfig, tokenizer: EncoderTokenizer | Any) -> int:
    """Of a window, beside the special tokens around it."""
    return config.context - len(tokenizer.vocabulary.before) - len(tokenizer.vocabulary.after)


def open_encoder(base: OpenInput) -> Encoder:
    """A base as it came."""
    model = Encoder(base.base.config)
    model.build()
    assign_base(model, base.folder)
    return model


def spread(vectors: Any) -> Any:
    """Vectors of length 1 made so long that a number of theirs is about 1, as a layer wants it."""
    return vectors * vectors.shape[-1] ** 0.5


class TextOnEncoder(keras.Model):
    """int32 (batch, time), tokens as EncoderTokenizer numbers them, or float32 (batch, width), vectors that are made already; to
    scores before softmax or sigmoid, float32 (batch, labels).

    before, after: the special tokens around a text. rank: of adapters; 0: none.
    """

    def __init__(
        self,
        config: EncoderConfig,
        labels: int,
        *,
        before: list[int],
        after: list[int],
        pooling: str,
        dropout: float,
        rank: int,
    ):
        super().__init__(name="text_on_encoder")
        matrix: Any = Adapting(MATRICES, rank, 2.0 * rank, 0.0) if rank else layers.Dense
        self.encoder = Encoder(config, dropout=dropout * _DROPOUT_SHARE, matrix=matrix)
        self.before, self.after, self.pooling = before, after, pooling
        self.drop = layers.Dropout(dropout, name="drop")
        self.scores = layers.Dense(labels, dtype="float32", name="scores")
        self.learns = True

    def build(self, shape: Any = None) -> None:
        self.encoder.build()
        self.scores.build((None, self.encoder.config.width))
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        vectors = self.vectors(x, training) if "int" in keras.backend.standardize_dtype(x.dtype) else x
        return self.scores(self.drop(vectors, training=training))

    def vectors(self, tokens: Any, training: bool = False) -> Any:
        rows = framed(tokens, self.before, self.after)
        found = self.encoder(rows, training=training and self.learns)
        return spread(unit(pooled(rows, found, self.pooling)))


def framed(tokens: Any, before: list[int], after: list[int]) -> Any:
    """Special tokens around each row; FILLER in the place of what fills up. int32 (batch, time + before + after)."""
    count = ops.sum(ops.cast(ops.not_equal(tokens, PAD), "int32"), 1, keepdims=True) + len(before)
    ones = ops.ones((ops.shape(tokens)[0], 1), "int32")
    rows = ops.concatenate(
        [
            *(ones * number for number in before),
            ops.where(ops.equal(tokens, PAD), FILLER, tokens - 1),
            *(ones * FILLER for _ in after),
        ],
        1,
    )
    places = ops.arange(ops.shape(rows)[1])[None]
    for offset, number in enumerate(after):
        rows = ops.where(ops.equal(places, count + offset), number, rows)
    return rows


def text_on_encoder(params: Any, assets: Assets, base: OpenInput) -> TextOnEncoder:
    """The network of a training or of one of its models, its encoder filled with the base's weights."""
    tokenizer: Any = tokenizer_of(assets)
    config = EncoderConfig.model_validate(assets["encoder"])
    model = TextOnEncoder(
        config,
        len(assets["names"]),
        before=tokenizer.vocabulary.before,
        after=tokenizer.vocabulary.after,
        pooling=params.pooling,
        dropout=params.dropout,
        rank=params.rank if params.method == "lora" else 0,
    )
    model.build()
    assign_base(model.encoder, base.folder)
    of_base = variables_by_name(model.encoder).values()
    for variable in of_base:
        variable.step_share = params.encoder_share
        if params.method != "full":
            variable.trainable = False
    model.learns = params.method != "frozen"
    return model


def fixed_of(model: Any) -> list[Any]:
    """The variables of the encoder that do not learn; [] of a network without one."""
    if not isinstance(model, TextOnEncoder):
        return []
    return [variable for variable in variables_by_name(model.encoder).values() if not variable.trainable]
