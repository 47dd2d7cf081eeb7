"""Code of image_text_matcher: two encoders whose vectors of a picture and of its texts come to lie near each other.

The spec, with every param's meaning and the sources, is shared/recipes/image_text_matcher.py.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from shared.outputs import Output
from shared.recipes.image_text_matcher import ImageTextMatcherTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.captions.baselines import caption_baselines
from worker.families.captions.data import CaptionData, load_captions
from worker.families.captions.exporting import export_finder
from worker.families.captions.networks import Contrastive, fixed_of, two_towers
from worker.families.captions.reporting import evaluate_captions, report_captions, sample_captions
from worker.families.captions.using import Finder
from worker.recipe import Assets, Baseline, Inputs, Report, XlaChoice

XLA: XlaChoice = "slower"  # a guess, as measured for the image classifier: benchmarks/RESULTS.md
STEPS_PER_EXECUTION = 8
NUMBERED_BY = {"tokenizer": "vocabulary"}


def load(inputs: Inputs, params: ImageTextMatcherTrain, context: Context) -> CaptionData:
    return load_captions(inputs, params, context)


def build(params: ImageTextMatcherTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    return two_towers(params, assets, inputs)


def fixed(model: Any) -> list[Any]:
    return fixed_of(model)


def compile_args(params: ImageTextMatcherTrain, assets: Assets) -> dict[str, Any]:
    return {"loss": Contrastive()}


def evaluate(model: Any, data: CaptionData, look: Callable[[int], None]) -> dict[str, float]:
    return evaluate_captions(model, data, look)


def sample(
    model: Any, params: ImageTextMatcherTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return sample_captions(model, assets, context, files)


def report(
    model: Any,
    data: CaptionData,
    params: ImageTextMatcherTrain,
    context: Context,
    files: Files,
    stages: list[dict[str, float]],
) -> Report:
    return report_captions(model, data, context, files)


def baselines(data: CaptionData, params: ImageTextMatcherTrain, context: Context) -> list[Baseline]:
    return caption_baselines(data, context)


def export(model: Any, params: ImageTextMatcherTrain, assets: Assets, folder: Path) -> None:
    export_finder(model, assets, folder)


def open_generator(model: Any, params: ImageTextMatcherTrain, assets: Assets) -> Finder:
    return Finder(model, assets)
