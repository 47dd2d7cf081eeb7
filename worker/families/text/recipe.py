"""What every text generator's code has alike: its module takes these functions over as they are (worker/recipe.py)."""

from typing import Any

import keras

from shared.recipes.text_params import TextTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.text.data import TextData, load_text
from worker.families.text.report import text_baselines, text_report
from worker.recipe import Assets, Baseline, Inputs, Report


def load(inputs: Inputs, params: TextTrain, context: Context) -> TextData:
    return load_text(inputs, params, context)


def compile_args(params: TextTrain, assets: Assets) -> dict[str, Any]:
    return {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}


def report(
    model: Any, data: TextData, params: TextTrain, context: Context, files: Files, stages: list[dict[str, float]]
) -> Report:
    return text_report(model, data, context)


def baselines(data: TextData, params: TextTrain, context: Context) -> list[Baseline]:
    return text_baselines(data, context)
