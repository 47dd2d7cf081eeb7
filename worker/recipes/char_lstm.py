"""Code of char_lstm: an embedding, LSTM layers and a dense layer over the vocabulary.

The spec, with every param's meaning and the sources, is shared/recipes/char_lstm.py.
"""

from pathlib import Path
from typing import Any

import keras
from keras import layers

from shared.recipes.char_lstm import CharLstmTrain
from worker.families.text.data import TextData, load_text
from worker.families.text.vocabulary import vocabulary_from_json
from worker.families.text.writer import TextWriter, text_report, text_samples
from worker.generation.decode.recurrent import RecurrentEngine
from worker.recipe import Report, Sample

XLA_FASTER = False  # a guess: compiling an LSTM takes long and its loop gains little
STEPS_PER_EXECUTION = 20


def load(dataset: Any, folder: Path, params: CharLstmTrain) -> TextData:
    return load_text(folder, params)


def build(params: CharLstmTrain, assets: dict[str, Any]) -> keras.Model:
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


def compile_args(params: CharLstmTrain, assets: dict[str, Any]) -> dict[str, Any]:
    return {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}


def sample(model: Any, params: CharLstmTrain, assets: dict[str, Any], *, seed: int) -> list[Sample]:
    if not hasattr(model, "sampler"):  # kept with the model: tracing its graph takes longer than a sample
        model.sampler = RecurrentEngine(model, jit=False)
    return text_samples(model.sampler, assets, seed=seed)


def report(model: Any, data: TextData, params: CharLstmTrain) -> Report:
    return text_report(model, data)


def open_generator(model: Any, params: CharLstmTrain, assets: dict[str, Any]) -> TextWriter:
    return TextWriter(RecurrentEngine(model), assets)
