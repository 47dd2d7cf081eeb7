"""Code of char_lstm: an embedding, LSTM layers and a dense layer over the vocabulary.

The spec, with every param's meaning and the sources, is shared/recipes/char_lstm.py.
"""

from pathlib import Path
from typing import Any

import keras
from keras import layers

from shared.outputs import Output
from shared.recipes.char_lstm import CharLstmTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.text.exporting import export_writer
from worker.families.text.recipe import baselines as baselines
from worker.families.text.recipe import compile_args as compile_args
from worker.families.text.recipe import load as load
from worker.families.text.recipe import report as report
from worker.families.text.vocabulary import vocabulary_from_json
from worker.families.text.writer import TextWriter, sampling_engine, text_samples
from worker.generation.decode.recurrent import RecurrentEngine
from worker.recipe import Assets, Inputs, XlaChoice

XLA: XlaChoice = "slower"  # a guess: compiling an LSTM takes long and its loop gains little
STEPS_PER_EXECUTION = 20
NUMBERED_BY = {"vocabulary": "vocabulary"}


def build(params: CharLstmTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    """int32 (batch, time) to float32 logits (batch, time, vocabulary). Each window starts from zero state."""
    size = vocabulary_from_json(assets["vocabulary"]).size
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    h = layers.Embedding(size, params.embedding, name="embedding")(tokens)
    for i in range(params.layers):
        h = layers.LSTM(params.width, return_sequences=True, name=f"lstm_{i}")(h)
        if params.dropout:
            h = layers.Dropout(params.dropout, name=f"dropout_{i}")(h)
    logits = layers.Dense(size, dtype="float32", name="logits")(h)
    return keras.Model(tokens, logits, name="char_lstm")


def sample(
    model: Any, params: CharLstmTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return text_samples(sampling_engine(RecurrentEngine, model), assets, seed=seed, files=files)


def export(model: Any, params: CharLstmTrain, assets: Assets, folder: Path) -> keras.Model:
    export_writer(model, assets, folder)
    return model


def open_generator(model: Any, params: CharLstmTrain, assets: Assets) -> TextWriter:
    return TextWriter(RecurrentEngine(model), assets)
