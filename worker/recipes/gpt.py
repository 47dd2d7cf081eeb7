"""Code of gpt: a pre-norm Transformer decoder with tied embeddings, as GPT-2: one more config of the one network.

The spec, with every param's meaning and the sources, is shared/recipes/gpt.py.
"""

from pathlib import Path
from typing import Any

import keras

from shared.bases.decoder import DecoderConfig
from shared.outputs import Output
from shared.recipes.gpt import GptTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.language.network import Decoder
from worker.families.text.exporting import export_writer
from worker.families.text.recipe import baselines as baselines
from worker.families.text.recipe import compile_args as compile_args
from worker.families.text.recipe import load as load
from worker.families.text.recipe import report as report
from worker.families.text.vocabulary import vocabulary_from_json
from worker.families.text.writer import TextWriter, sampling_engine, text_samples
from worker.generation.decode.decoder import DecoderEngine
from worker.recipe import Assets, Inputs, XlaChoice

XLA: XlaChoice = "faster"  # a guess from other small Transformers; not measured on against off here
STEPS_PER_EXECUTION = 20
NUMBERED_BY = {"vocabulary": "vocabulary"}


def config_of(params: GptTrain, vocabulary_size: int) -> DecoderConfig:
    head_size = params.width // params.heads
    return DecoderConfig(
        vocabulary=vocabulary_size,
        context=params.context,
        width=params.width,
        layers=params.layers,
        heads=params.heads,
        kv_heads=params.heads,
        head_size=head_size,
        inner=4 * params.width,
        norm="layer",
        norm_epsilon=1e-5,
        activation="gelu_tanh",
        gated=False,
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        scale=head_size**-0.5,
        windows=(0,) * params.layers,
        tied=True,
    )


def build(params: GptTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    config = config_of(params, vocabulary_from_json(assets["vocabulary"]).size)
    model = Decoder(config, dropout=params.dropout, name="gpt")
    model.build()
    return model


def sample(model: Any, params: GptTrain, assets: Assets, *, seed: int, context: Context, files: Files) -> list[Output]:
    return text_samples(sampling_engine(DecoderEngine, model), assets, seed=seed, files=files)


def export(model: Any, params: GptTrain, assets: Assets, folder: Path) -> keras.Model:
    export_writer(model, assets, folder, params.context)
    return model


def open_generator(model: Any, params: GptTrain, assets: Assets) -> TextWriter:
    return TextWriter(DecoderEngine(model), assets)
