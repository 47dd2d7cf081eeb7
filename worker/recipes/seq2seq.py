"""Code of seq2seq: encoder-decoders that learn from pairs of texts, and what they write.

The spec, with every param's meaning and the sources, is shared/recipes/seq2seq.py.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from shared.outputs import Output
from shared.recipes.seq2seq import Seq2seqTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.translating.data import PairTexts, load_texts
from worker.families.translating.exporting import export_translator
from worker.families.translating.losses import TokenCrossEntropy
from worker.families.translating.measuring import evaluate_texts, report_texts, sample_texts, text_baselines
from worker.families.translating.network import Transformer, Translator
from worker.families.translating.recurrent import Recurrent
from worker.families.translating.using import Writer
from worker.recipe import Assets, Baseline, Inputs, Report, XlaChoice

XLA: XlaChoice = "slower"  # a guess: batches are of many lengths, each compiled anew
STEPS_PER_EXECUTION = 8
NUMBERED_BY = {"source_vocabulary": "vocabulary of sources", "target_vocabulary": "vocabulary of targets"}


def load(inputs: Inputs, params: Seq2seqTrain, context: Context) -> PairTexts:
    return load_texts(inputs, params, context)


def build(params: Seq2seqTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    window = params.max_source_length if params.long_sources == "windows" else 0
    kinds = tuple(assets["kinds"])
    if params.architecture == "lstm":
        model: Translator = Recurrent(kinds, params.width, params.layers, params.dropout, window)
    else:
        model = Transformer(kinds, params.width, params.layers, params.heads, params.dropout, window)
    model.build()
    return model


def compile_args(params: Seq2seqTrain, assets: Assets) -> dict[str, Any]:
    return {"loss": TokenCrossEntropy(params.label_smoothing)}


def evaluate(model: Any, data: PairTexts, look: Callable[[int], None]) -> dict[str, float]:
    return evaluate_texts(model, data, look)


def sample(
    model: Any, params: Seq2seqTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return sample_texts(model, assets, context)


def report(
    model: Any, data: PairTexts, params: Seq2seqTrain, context: Context, files: Files, stages: list[dict[str, float]]
) -> Report:
    return report_texts(model, data, params, context)


def baselines(data: PairTexts, params: Seq2seqTrain, context: Context) -> list[Baseline]:
    return text_baselines(data, params, context)


def export(model: Any, params: Seq2seqTrain, assets: Assets, folder: Path) -> keras.Model:
    export_translator(model, assets, folder)
    return model


def open_generator(model: Any, params: Seq2seqTrain, assets: Assets) -> Writer:
    return Writer(model, assets)
