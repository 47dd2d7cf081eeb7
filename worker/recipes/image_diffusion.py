"""Code of image_diffusion: a U-Net that tells noise from picture, and pictures made with it step by step.

The spec, with every param's meaning and the sources, is shared/recipes/image_diffusion.py.
"""

from pathlib import Path
from typing import Any

import keras

from shared.outputs import Output
from shared.recipes.image_diffusion import ImageDiffusionTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.making.data import MakingData, load_making
from worker.families.making.diffusing import PictureMaker, report_diffusion, shown_diffusion
from worker.families.making.diffusion import Diffusion
from worker.families.making.diffusion_exporting import export_diffusion
from worker.families.making.judging import compared_part, judging_of, samples_of
from worker.families.making.unet import fold_for, unet
from worker.recipe import Assets, Baseline, Inputs, Report, XlaChoice

XLA: XlaChoice = "slower"  # a guess, as measured for the image classifier: benchmarks/RESULTS.md
STEPS_PER_EXECUTION = 8
AUTO = (6_000, 5, 2_000)  # guess: digits are whole from about 2,000 steps on and still gain after 5,000


def load(inputs: Inputs, params: ImageDiffusionTrain, context: Context) -> MakingData:
    data = load_making(inputs, params, context, auto=AUTO, by_class=params.classes == "auto")
    data.assets.json["classes"] = data.classes if data.by_class else []
    return data


def build(params: ImageDiffusionTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    shape, classes = assets["shape"], len(assets["classes"])
    fold = fold_for(max(shape[:2])) if params.fold == "auto" else int(params.fold)
    how = {"width": params.width, "depth": params.depth, "levels": params.levels, "fold": fold}
    network, again = (unet(shape, classes, **how, dropout=params.dropout) for _ in range(2))
    return Diffusion(network, again, shape, classes, params.average)


def compile_args(params: ImageDiffusionTrain, assets: Assets) -> dict[str, Any]:
    """Nothing: the model makes its loss by itself."""
    return {}


def sample(
    model: Diffusion, params: ImageDiffusionTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return shown_diffusion(model, assets, seed, context, files)


def report(
    model: Diffusion,
    data: MakingData,
    params: ImageDiffusionTrain,
    context: Context,
    files: Files,
    stages: list[dict[str, float]],
) -> Report:
    return report_diffusion(model, data, params.seed, context, files)


def baselines(data: MakingData, params: ImageDiffusionTrain, context: Context) -> list[Baseline]:
    part = compared_part(data)
    return judging_of(data, part, params.seed, context).baselines(samples_of(data, part), context)


def export(model: Diffusion, params: ImageDiffusionTrain, assets: Assets, folder: Path) -> keras.Model:
    return export_diffusion(model, assets, folder)


def open_generator(model: Diffusion, params: ImageDiffusionTrain, assets: Assets) -> PictureMaker:
    return PictureMaker(model, assets)
