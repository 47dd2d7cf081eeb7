"""Code of object_detector: a network from a picture to boxes around the things in it.

The spec, with every param's meaning and the sources, is shared/recipes/object_detector.py.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from shared.outputs import Output
from shared.recipes.object_detector import ObjectDetectorTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.averaging import Averaged, answering
from worker.families.boxes.baselines import box_baselines
from worker.families.boxes.data import BoxData, load_boxes
from worker.families.boxes.detecting import Detector
from worker.families.boxes.evaluating import evaluate_boxes
from worker.families.boxes.exporting import export_detector
from worker.families.boxes.heads import loss_of
from worker.families.boxes.networks import detector
from worker.families.boxes.reporting import box_preview, report_boxes, shown_boxes
from worker.families.images.backbone import backbone_of, fixed_of
from worker.recipe import Assets, Baseline, Inputs, Report, XlaChoice

XLA: XlaChoice = "slower"  # a guess, as measured for the image classifier: benchmarks/RESULTS.md
STEPS_PER_EXECUTION = 8


def load(inputs: Inputs, params: ObjectDetectorTrain, context: Context) -> BoxData:
    return load_boxes(inputs, params, context)


def build(params: ObjectDetectorTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    def network() -> keras.Model:
        backbone = backbone_of(assets)
        model = detector(
            tuple(assets["shape"]),
            len(assets["classes"]),
            width=params.width,
            depth=params.depth,
            mean=assets["mean"],
            std=assets["std"],
            two_stage=params.head == "two_stage",
            backbone=backbone,
        )
        if backbone is not None:
            backbone.stand_ready(inputs["base"].folder, params.method, params.backbone_share)
        return model

    return Averaged(network(), network(), params.average) if params.average else network()


def fixed(model: Any) -> list[Any]:
    return fixed_of(model)


def compile_args(params: ObjectDetectorTrain, assets: Assets) -> dict[str, Any]:
    return {"loss": loss_of(assets)}


def evaluate(model: Any, data: BoxData, look: Callable[[int], None]) -> dict[str, float] | None:
    return evaluate_boxes(model, data, look)


def preview(batch: Any, assets: Assets, files: Files) -> list[Output]:
    return box_preview(batch[0], batch[1], assets, files)


def sample(
    model: Any, params: ObjectDetectorTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return shown_boxes(model, assets, context, files)


def report(
    model: Any,
    data: BoxData,
    params: ObjectDetectorTrain,
    context: Context,
    files: Files,
    stages: list[dict[str, float]],
) -> Report:
    return report_boxes(model, data, context, files, stages)


def baselines(data: BoxData, params: ObjectDetectorTrain, context: Context) -> list[Baseline]:
    return box_baselines(data, params.seed, context)


def export(model: Any, params: ObjectDetectorTrain, assets: Assets, folder: Path) -> keras.Model:
    return export_detector(answering(model), assets, folder)


def open_generator(model: Any, params: ObjectDetectorTrain, assets: Assets) -> Detector:
    return Detector(model, assets)
