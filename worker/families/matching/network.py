"""An encoder that learns from pairs: scores of each text asked for every text found in its batch."""

from typing import Any

import keras
from keras import layers

from shared.bases.encoder import EncoderConfig
from worker.families.language.encoder import Encoder, pooled, unit
from worker.families.language.vectors import EncoderVocabulary, TextVectors
from worker.families.language.weights import assign_base, variables_by_name
from worker.families.text_labels.tokenizer import tokenizer_of
from worker.families.text_labels.upon_encoder import MATRICES, framed
from worker.families.tuning.adapters import Adapting
from worker.recipe import Assets, OpenInput

ops: Any = keras.ops  # its declared types say None where there is none
_NEVER = -1e9  # a score that takes no share


class PairScores(keras.Model):
    """x as worker/families/matching/pairs.py makes it, to float32 (batch, batch), or (batch, 2 batch) where there are wrong texts.

    A score is the cosine of two vectors divided by the temperature. What is equal to the text asked or found is no wrong answer,
    and gets no score. Source: Henderson et al. 2017, arXiv:1705.00652.
    """

    def __init__(self, config: EncoderConfig, vocabulary: EncoderVocabulary, params: Any):
        super().__init__(name="pair_scores")
        rank = params.rank if params.method == "lora" else 0
        matrix: Any = Adapting(MATRICES, rank, 2.0 * rank, 0.0) if rank else layers.Dense
        self.encoder = Encoder(config, dropout=params.dropout, matrix=matrix)
        self.before, self.after = vocabulary.before, vocabulary.after
        self.pooling, self.temperature = params.pooling, params.temperature

    def build(self, shape: Any = None) -> None:
        self.encoder.build()
        self.built = True

    def vectors(self, tokens: Any, training: bool = False) -> Any:
        """float32 (batch, width), of length 1. tokens: as EncoderTokenizer numbers them."""
        rows = framed(tokens, self.before, self.after)
        return unit(pooled(rows, self.encoder(rows, training=training), self.pooling))

    def call(self, x: Any, training: bool = False) -> Any:
        asked, found = self.vectors(x["asked"], training), self.vectors(x["found"], training)
        same = x["same"]
        equal = ops.any(ops.equal(same[:, None], same[None]), -1)
        others = ops.logical_and(equal, ops.logical_not(ops.cast(ops.eye(ops.shape(asked)[0]), "bool")))
        scores = ops.where(others, _NEVER, ops.matmul(asked, ops.transpose(found)) / self.temperature)
        if "wrong" not in x:
            return scores
        wrong = ops.matmul(asked, ops.transpose(self.vectors(x["wrong"], training))) / self.temperature
        return ops.concatenate([scores, wrong], -1)


def pair_scores(params: Any, assets: Assets, base: OpenInput) -> PairScores:
    """The network of a training or of one of its models, filled with the base's weights."""
    tokenizer: Any = tokenizer_of(assets)
    model = PairScores(EncoderConfig.model_validate(assets["encoder"]), tokenizer.vocabulary, params)
    model.build()
    assign_base(model.encoder, base.folder)
    for variable in variables_by_name(model.encoder).values():
        variable.step_share = params.encoder_share
        variable.trainable = params.method == "full"
    return model


def vectors_of(model: PairScores, assets: Assets) -> TextVectors:
    """Makes vectors by what the model has learnt so far."""
    kept = model.__dict__
    if "_vectors" not in kept:  # one for all evaluations: what it is traced to follows the variables
        tokenizer: Any = tokenizer_of(assets)
        length = assets["length"] + len(model.before) + len(model.after)
        kept["_vectors"] = TextVectors(model.encoder, tokenizer.vocabulary, pooling=model.pooling, length=length)
    return kept["_vectors"]


def fixed_of(model: PairScores) -> list[Any]:
    """The variables of the encoder that do not learn."""
    return [variable for variable in variables_by_name(model.encoder).values() if not variable.trainable]
