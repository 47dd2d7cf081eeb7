"""Code of gpt: a pre-norm Transformer decoder with tied embeddings.

The spec, with every param's meaning and the sources, is shared/recipes/gpt.py.
"""

from pathlib import Path
from typing import Any

import keras
from keras import layers

from shared.outputs import Output
from shared.recipes.gpt import GptTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.text.exporting import export_writer
from worker.families.text.recipe import baselines as baselines
from worker.families.text.recipe import compile_args as compile_args
from worker.families.text.recipe import load as load
from worker.families.text.recipe import report as report
from worker.families.text.vocabulary import vocabulary_from_json
from worker.families.text.writer import TextWriter, sampling_engine, text_samples
from worker.generation.decode.transformer import TransformerEngine
from worker.recipe import Assets, Inputs, XlaChoice

XLA: XlaChoice = "faster"  # a guess from other small Transformers; not measured on against off here
STEPS_PER_EXECUTION = 20
ops: Any = keras.ops  # its declared types say None where there is none


class Attention(layers.Layer):
    """Causal self-attention. Input and output float (batch, time, width)."""

    def __init__(self, width: int, heads: int, dropout: float, residual_std: float, **options: Any):
        super().__init__(**options)
        self.width, self.heads = width, heads
        normal: Any = keras.initializers.RandomNormal
        self.qkv = layers.Dense(3 * width, kernel_initializer=normal(stddev=0.02), name="qkv")
        self.out = layers.Dense(width, kernel_initializer=normal(stddev=residual_std), name="out")
        self.drop = layers.Dropout(dropout)

    def build(self, shape: Any) -> None:
        self.qkv.build(shape)
        self.out.build(shape)

    def call(self, x: Any, training: bool = False) -> Any:
        time = ops.shape(x)[1]
        depth = self.width // self.heads
        split = ops.reshape(self.qkv(x), (-1, time, 3, self.heads, depth))
        q, k, v = (ops.transpose(part, (0, 2, 1, 3)) for part in ops.unstack(split, 3, axis=2))
        scores = ops.matmul(q, ops.swapaxes(k, -1, -2)) * (depth**-0.5)
        hidden = ops.triu(ops.ones((time, time), "bool"), 1)
        scores = ops.where(hidden, ops.cast(-1e9, "float32"), ops.cast(scores, "float32"))
        shares = self.drop(ops.cast(ops.softmax(scores), v.dtype), training=training)
        mixed = ops.reshape(ops.transpose(ops.matmul(shares, v), (0, 2, 1, 3)), (-1, time, self.width))
        return self.out(mixed)


class Block(layers.Layer):
    """Attention and a two-layer perceptron, each behind a norm and beside a shortcut."""

    def __init__(self, width: int, heads: int, dropout: float, residual_std: float, **options: Any):
        super().__init__(**options)
        normal: Any = keras.initializers.RandomNormal
        self.norm_1 = layers.LayerNormalization(epsilon=1e-5, name="norm_1")
        self.attention = Attention(width, heads, dropout, residual_std, name="attention")
        self.norm_2 = layers.LayerNormalization(epsilon=1e-5, name="norm_2")
        self.up = layers.Dense(4 * width, kernel_initializer=normal(stddev=0.02), name="up")
        self.down = layers.Dense(width, kernel_initializer=normal(stddev=residual_std), name="down")
        self.drop_1, self.drop_2 = layers.Dropout(dropout), layers.Dropout(dropout)

    def build(self, shape: Any) -> None:
        for layer in (self.norm_1, self.attention, self.norm_2, self.up):
            layer.build(shape)
        self.down.build((*shape[:-1], 4 * shape[-1]))

    def call(self, x: Any, training: bool = False) -> Any:
        x = x + self.drop_1(self.attention(self.norm_1(x), training=training), training=training)
        hidden = ops.gelu(self.up(self.norm_2(x)), approximate=True)
        return x + self.drop_2(self.down(hidden), training=training)


@keras.saving.register_keras_serializable("trainyard")
class Gpt(keras.Model):
    """int32 (batch, time) to float32 logits (batch, time, vocabulary); time at most the context."""

    def __init__(self, params: GptTrain, vocabulary_size: int):
        super().__init__(name="gpt")
        self._made_of = {"params": params.model_dump(mode="json"), "vocabulary_size": vocabulary_size}
        self.heads, self.context = params.heads, params.context
        normal: Any = keras.initializers.RandomNormal
        self.tokens = layers.Embedding(vocabulary_size, params.width, normal(stddev=0.02), name="tokens")
        self.places = layers.Embedding(params.context, params.width, normal(stddev=0.02), name="places")
        self.drop = layers.Dropout(params.dropout)
        residual_std = 0.02 / (2 * params.layers) ** 0.5
        self.blocks = [
            Block(params.width, params.heads, params.dropout, residual_std, name=f"block_{i}")
            for i in range(params.layers)
        ]
        self.norm = layers.LayerNormalization(epsilon=1e-5, name="norm")

    def build(self, shape: Any = None) -> None:
        inner = (None, None, self.tokens.output_dim)
        self.tokens.build((None, None))
        self.places.build((None,))
        for layer in (*self.blocks, self.norm):
            layer.build(inner)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """For model.keras of an export: this very class reads it."""
        return dict(self._made_of)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Gpt":
        return cls(GptTrain.model_validate(config["params"]), config["vocabulary_size"])

    def call(self, x: Any, training: bool = False) -> Any:
        h = self.tokens(x) + self.places(ops.arange(ops.shape(x)[1]))
        h = self.drop(h, training=training)
        for block in self.blocks:
            h = block(h, training=training)
        table = ops.cast(self.tokens.embeddings, h.dtype)
        return ops.cast(ops.matmul(self.norm(h), ops.transpose(table)), "float32")


def build(params: GptTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    model = Gpt(params, vocabulary_from_json(assets["vocabulary"]).size)
    model.build()
    return model


def sample(model: Any, params: GptTrain, assets: Assets, *, seed: int, context: Context, files: Files) -> list[Output]:
    return text_samples(sampling_engine(TransformerEngine, model), assets, seed=seed, files=files)


def export(model: Any, params: GptTrain, assets: Assets, folder: Path) -> keras.Model:
    export_writer(model, assets, folder, params.context)
    return model


def open_generator(model: Any, params: GptTrain, assets: Assets) -> TextWriter:
    return TextWriter(TransformerEngine(model), assets)
