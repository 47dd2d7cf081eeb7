"""Code of image_to_image: a network from a damaged picture to a better one.

The spec, with every param's meaning and the sources, is shared/recipes/image_to_image.py.
"""

from pathlib import Path
from typing import Any

import keras

from shared.outputs import Output
from shared.recipes.image_to_image import ImageToImageTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.restoring.baselines import restoring_baselines
from worker.families.restoring.data import RestoringData, load_restoring, network_of
from worker.families.restoring.exporting import export_restorer
from worker.families.restoring.losses import Charbonnier, Psnr
from worker.families.restoring.networks import restorer
from worker.families.restoring.reporting import pair_preview, report_restored, shown_restored
from worker.families.restoring.using import Restorer
from worker.recipe import Assets, Baseline, Inputs, Report, XlaChoice

XLA: XlaChoice = "never"  # XLA has no bicubic interpolation: "No registered 'ResizeBicubic'", TensorFlow 2.21
STEPS_PER_EXECUTION = 8


def load(inputs: Inputs, params: ImageToImageTrain, context: Context) -> RestoringData:
    return load_restoring(inputs, params, context)


def build(params: ImageToImageTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    return restorer(
        network_of(params),
        assets["channels"],
        scale=assets["scale"],
        holes=assets["task"] == "inpaint",
        width=params.width,
        depth=params.depth,
    )


def compile_args(params: ImageToImageTrain, assets: Assets) -> dict[str, Any]:
    return {"loss": Charbonnier(), "metrics": [Psnr()]}


def preview(batch: Any, assets: Assets, files: Files) -> list[Output]:
    return pair_preview(batch[0], batch[1], assets, files)


def sample(
    model: Any, params: ImageToImageTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return shown_restored(model, assets, context, files)


def report(
    model: Any,
    data: RestoringData,
    params: ImageToImageTrain,
    context: Context,
    files: Files,
    stages: list[dict[str, float]],
) -> Report:
    return report_restored(model, data, context, files, stages)


def baselines(data: RestoringData, params: ImageToImageTrain, context: Context) -> list[Baseline]:
    return restoring_baselines(data, context)


def export(model: Any, params: ImageToImageTrain, assets: Assets, folder: Path) -> keras.Model:
    return export_restorer(model, assets, folder)


def open_generator(model: Any, params: ImageToImageTrain, assets: Assets) -> Restorer:
    return Restorer(model, assets)
