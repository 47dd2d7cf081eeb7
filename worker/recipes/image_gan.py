"""Code of image_gan: a network that makes pictures and one that judges them, each with an optimizer of its own.

The spec, with every param's meaning and the sources, is shared/recipes/image_gan.py.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from shared.outputs import Output
from shared.recipes.image_gan import ImageGanTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.making.data import MakingData, load_making
from worker.families.making.gan import Gan, gan
from worker.families.making.gan_exporting import export_gan
from worker.families.making.gan_using import GanMaker, evaluated_gan, report_gan, shown_gan
from worker.families.making.judging import compared_part, judging_of, samples_of
from worker.recipe import Assets, Baseline, Inputs, Report, XlaChoice

XLA: XlaChoice = "slower"  # a guess, as measured for the image classifier: benchmarks/RESULTS.md
STEPS_PER_EXECUTION = 16
AUTO = (8_000, 5, 2_000)  # guess


def load(inputs: Inputs, params: ImageGanTrain, context: Context) -> MakingData:
    data = load_making(inputs, params, context, auto=AUTO, by_class=params.classes == "auto")
    data.assets.json["classes"] = data.classes if data.by_class else []
    return data


def build(params: ImageGanTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    return gan(assets["shape"], params.latent, len(assets["classes"]), params.width, params.average)


def compile_args(params: ImageGanTrain, assets: Assets) -> dict[str, Any]:
    """Nothing: compile() makes two optimizers."""
    return {}


def compile(model: Gan, params: ImageGanTrain, assets: Assets, total_steps: int, xla: bool) -> None:
    model.compile(params.learning_rate, params.judge_learning_rate, jit_compile=xla)


def evaluate(model: Gan, data: MakingData, look: Callable[[int], None]) -> dict[str, float] | None:
    """Distance of what it makes from the validation part; its losses tell nothing of that."""
    return evaluated_gan(model, data, look)


def sample(
    model: Gan, params: ImageGanTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return shown_gan(model, seed, context, files)


def report(
    model: Gan,
    data: MakingData,
    params: ImageGanTrain,
    context: Context,
    files: Files,
    stages: list[dict[str, float]],
) -> Report:
    return report_gan(model, data, params.seed, context, files)


def baselines(data: MakingData, params: ImageGanTrain, context: Context) -> list[Baseline]:
    part = compared_part(data)
    return judging_of(data, part, params.seed, context).baselines(samples_of(data, part), context)


def export(model: Gan, params: ImageGanTrain, assets: Assets, folder: Path) -> keras.Model:
    return export_gan(model, assets, folder)


def open_generator(model: Gan, params: ImageGanTrain, assets: Assets) -> GanMaker:
    return GanMaker(model, assets)
