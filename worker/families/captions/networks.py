"""Two encoders, of pictures and of texts, each to a vector of length 1, and the loss that brings those together that belong.

Source: CLIP, Radford et al. 2021, arXiv:2103.00020; InfoNCE, van den Oord et al. 2018, arXiv:1807.03748.
"""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from shared.bases.encoder import EncoderConfig
from worker.families.images import backbone as backbones
from worker.families.images.backbone import Backbone, backbone_of
from worker.families.images.networks import STEM_STRIDE_FROM, conv_bn, resnet_block, stages_for
from worker.families.language.encoder import Encoder, pooled, unit
from worker.families.language.weights import assign_base, variables_by_name
from worker.families.text_labels.tokenizer import EncoderTokenizer, tokenizer_of
from worker.families.text_labels.upon_encoder import MATRICES, framed, spread
from worker.families.tuning.adapters import Adapting
from worker.recipe import Assets, Inputs

ops: Any = keras.ops  # its declared types say None where there is none
_STRIDE_FROM = 40  # pixels of a side from which the first layer halves it: batches are large. A guess
_TEXT_SHARE = 0.25  # of the dropout, of a text: it is short, and each word counts
MOST_SCALE = 100.0  # of likenesses, as in CLIP: beyond, a training becomes unsteady
_NEVER = -1e9  # a score that takes no share


class TextTower(keras.Model):
    """int32 (batch, time), tokens as TextTokenizer numbers them, or float32 (batch, width), vectors of an encoder that are made
    already; to float32 (batch, embedding), of length 1."""

    def __init__(
        self, encoder: Encoder, before: list[int], after: list[int], params: Any, *, learns: bool, normal: bool
    ):
        super().__init__(name="texts")
        self.encoder, self.before, self.after, self.pooling = encoder, before, after, params.pooling
        self.learns, self.normal = learns, normal
        self.drop = layers.Dropout(params.dropout * _TEXT_SHARE, name="text_drop")
        self.head = layers.Dense(params.embedding, dtype="float32", name="text_vector")

    def build(self, shape: Any = None) -> None:
        self.encoder.build()
        self.head.build((None, self.encoder.config.width))
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        if "int" in keras.backend.standardize_dtype(x.dtype):
            rows = framed(x, self.before, self.after)
            x = pooled(rows, self.encoder(rows, training=training and self.learns), self.pooling)
            x = unit(x) if self.normal else x
        x = spread(x) if self.normal else x
        return unit(self.head(self.drop(x, training=training)))


class SumOfTokens(keras.Model):
    """int32 (batch, time), tokens as TextTokenizer numbers them, to float32 (batch, embedding), of length 1, or 0 where no token is
    known: the sum of their vectors, each as much as its rarity says. rarity: float32 (tokens,)."""

    def __init__(self, rarity: np.ndarray, params: Any):
        super().__init__(name="texts", dtype="float32")
        start: Any = keras.initializers.RandomNormal(stddev=params.embedding**-0.5)
        self.table = layers.Embedding(len(rarity), params.embedding, start, dtype="float32", name="tokens")
        self.drop = layers.Dropout(params.token_dropout, dtype="float32", name="token_drop")
        self._rarity = rarity

    def build(self, shape: Any = None) -> None:
        self.table.build((None, None))
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        weights = self.drop(ops.take(ops.convert_to_tensor(self._rarity), x, axis=0), training=training)
        return unit(ops.sum(self.table(x) * weights[..., None], 1))


class TwoTowers(keras.Model):
    """x as CaptionData makes it, to float32 (batch, batch): likenesses of each picture (row) and each text (column), divided by a
    temperature that is learnt. What belongs to a picture besides its own text is no wrong answer, and gets no score."""

    def __init__(self, pictures: keras.Model, texts: TextTower | SumOfTokens, temperature: float):
        super().__init__(name="two_towers", dtype="float32")
        self.pictures, self.texts, self._begin = pictures, texts, math.log(1 / temperature)

    def build(self, shape: Any = None) -> None:
        self.texts.build()
        begin: Any = keras.initializers.Constant(self._begin)
        self.log_scale = self.add_weight((), begin, name="log_scale")
        self.built = True

    def scale(self) -> Any:
        """What likenesses are multiplied by: 1 / temperature."""
        return ops.exp(ops.minimum(self.log_scale, math.log(MOST_SCALE)))

    def call(self, x: Any, training: bool = False) -> Any:
        pictures = self.pictures(x["pixels"], training=training)
        texts = self.texts(x["texts"], training=training)
        return ops.where(x["also"], _NEVER, ops.matmul(pictures, ops.transpose(texts)) * self.scale())


class Contrastive(keras.losses.Loss):
    """Cross-entropy of finding a picture's text among the batch's, and a text's picture, half each."""

    def __init__(self):
        super().__init__(name="loss", reduction="sum")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """y_true: int (batch,). y_pred: float32 (batch, batch)."""
        y = tf.cast(tf.reshape(y_true, [-1]), tf.int32)
        one = tf.nn.sparse_softmax_cross_entropy_with_logits(y, y_pred)
        other = tf.nn.sparse_softmax_cross_entropy_with_logits(y, tf.transpose(y_pred))
        return (tf.reduce_mean(one) + tf.reduce_mean(other)) / 2


def two_towers(params: Any, assets: Assets, inputs: Inputs) -> TwoTowers:
    """The network of a training or of one of its models, what came from elsewhere filled with its weights."""
    pictures, backbone = _picture_tower(params, assets)
    texts = _text_tower(params, assets)
    model = TwoTowers(pictures, texts, params.temperature)
    model.build()
    if "encoder" in assets.json:
        assert isinstance(texts, TextTower)
        assign_base(texts.encoder, inputs["base"].folder)
        for variable in variables_by_name(texts.encoder).values():
            variable.step_share = params.encoder_share
            variable.trainable = params.text_method == "full"
    if backbone is not None:
        backbone.stand_ready(inputs["backbone"].folder, params.picture_method, params.backbone_share)
    return model


def _text_tower(params: Any, assets: Assets) -> TextTower | SumOfTokens:
    if "rarity" in assets.arrays:
        return SumOfTokens(assets.arrays["rarity"], params)
    if "encoder" not in assets.json:
        own = Encoder(
            EncoderConfig.model_validate(assets["own_encoder"]), dropout=params.dropout * _TEXT_SHARE, name="words"
        )
        return TextTower(own, [], [], params, learns=True, normal=False)
    tokenizer = tokenizer_of(assets)
    assert isinstance(tokenizer, EncoderTokenizer)
    rank = params.rank if params.text_method == "lora" else 0
    matrix: Any = Adapting(MATRICES, rank, 2.0 * rank, 0.0) if rank else layers.Dense
    encoder = Encoder(
        EncoderConfig.model_validate(assets["encoder"]), dropout=params.dropout * _TEXT_SHARE, matrix=matrix
    )
    vocabulary = tokenizer.vocabulary
    learns = params.text_method != "frozen"
    return TextTower(encoder, vocabulary.before, vocabulary.after, params, learns=learns, normal=True)


def _picture_tower(params: Any, assets: Assets) -> tuple[keras.Model, Backbone | None]:
    """Pixels 0..255, float32 (batch, height, width, channels), to float32 (batch, embedding), of length 1."""
    shape = tuple(assets["shape"])
    pixels = keras.Input(shape)
    backbone = backbone_of(assets)
    if backbone is not None:
        x = backbone.features(pixels)
    else:
        offset: Any = [-m / s for m, s in zip(assets["mean"], assets["std"], strict=True)]
        scale: Any = [1 / (255 * s) for s in assets["std"]]
        x = layers.Rescaling(scale, offset)(pixels)
        side = max(shape[:2])
        x = conv_bn(x, params.width, 3, strides=2 if side >= _STRIDE_FROM else 1)
        for stage in range(stages_for(side) - (_STRIDE_FROM <= side < STEM_STRIDE_FROM)):
            for place in range(params.depth):
                x = resnet_block(x, params.width * 2**stage, 2 if stage and not place else 1)
    # Of a backbone the mean of all places; of one's own few and small pictures it also counts where something is.
    x = layers.Flatten()(x) if backbone is None else layers.GlobalAveragePooling2D(dtype="float32")(x)
    x = layers.Dropout(params.dropout, dtype="float32")(x)
    x = layers.Dense(params.embedding, dtype="float32", name="picture_vector")(x)
    return keras.Model(pixels, layers.UnitNormalization(dtype="float32")(x), name="pictures"), backbone


def fixed_of(model: TwoTowers) -> list[Any]:
    """The variables of an encoder and a backbone that do not learn."""
    found = []
    if isinstance(model.texts, TextTower) and model.texts.normal:
        found += [v for v in variables_by_name(model.texts.encoder).values() if not v.trainable]
    return found + backbones.fixed_of(model)
