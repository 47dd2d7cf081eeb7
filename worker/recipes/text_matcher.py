"""Code of text_matcher: an encoder that learns from pairs, and what its vectors are good for.

The spec, with every param's meaning and the sources, is shared/recipes/text_matcher.py.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from shared.outputs import Output
from shared.recipes.text_matcher import TextMatcherTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.matching.exporting import export_matcher
from worker.families.matching.measuring import evaluate_pairs, pair_baselines, report_pairs, sample_pairs
from worker.families.matching.network import fixed_of, pair_scores, vectors_of
from worker.families.matching.pairs import Pairs, load_pairs
from worker.families.matching.using import Matcher, open_as_it_came, open_trained
from worker.recipe import Assets, Baseline, Inputs, OpenInput, Report, XlaChoice

XLA: XlaChoice = "slower"  # a guess: batches are of many lengths, each compiled anew
STEPS_PER_EXECUTION = 8


def load(inputs: Inputs, params: TextMatcherTrain, context: Context) -> Pairs:
    return load_pairs(inputs, params, context)


def build(params: TextMatcherTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    return pair_scores(params, assets, inputs["base"])


def fixed(model: Any) -> list[Any]:
    return fixed_of(model)


def compile_args(params: TextMatcherTrain, assets: Assets) -> dict[str, Any]:
    return {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}


def evaluate(model: Any, data: Pairs, look: Callable[[int], None]) -> dict[str, float]:
    return evaluate_pairs(model, data, look)


def sample(
    model: Any, params: TextMatcherTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return sample_pairs(model, assets, context)


def report(
    model: Any, data: Pairs, params: TextMatcherTrain, context: Context, files: Files, stages: list[dict[str, float]]
) -> Report:
    return report_pairs(model, data, context)


def baselines(data: Pairs, params: TextMatcherTrain, context: Context) -> list[Baseline]:
    return pair_baselines(data, params, context)


def export(model: Any, params: TextMatcherTrain, assets: Assets, folder: Path) -> None:
    export_matcher(model, assets, folder)


def open_base(opened: OpenInput) -> Matcher:
    return open_as_it_came(opened)


def open_generator(model: Any, params: TextMatcherTrain, assets: Assets) -> Matcher:
    return open_trained(model, vectors_of(model, assets))
