"""Code of image_segmenter: a network from a picture to a class for each of its pixels.

The spec, with every param's meaning and the sources, is shared/recipes/image_segmenter.py.
"""

from pathlib import Path
from typing import Any

import keras

from shared.outputs import Output
from shared.recipes.image_segmenter import ImageSegmenterTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.images.backbone import backbone_of, fixed_of
from worker.families.masks.baselines import mask_baselines
from worker.families.masks.data import MaskData, load_masks
from worker.families.masks.exporting import export_segmenter
from worker.families.masks.losses import MaskLoss, MeanIou
from worker.families.masks.networks import segmenter
from worker.families.masks.reporting import mask_preview, report_masks, shown_masks
from worker.families.masks.segmenting import Segmenter
from worker.recipe import Assets, Baseline, Inputs, Report, XlaChoice

XLA: XlaChoice = "slower"  # a guess, as measured for the image classifier: benchmarks/RESULTS.md
STEPS_PER_EXECUTION = 8


def load(inputs: Inputs, params: ImageSegmenterTrain, context: Context) -> MaskData:
    return load_masks(inputs, params, context)


def build(params: ImageSegmenterTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    backbone = backbone_of(assets)
    model = segmenter(
        params.architecture,
        (*assets["tile"], assets["channels"]),
        len(assets["classes"]),
        width=params.width,
        depth=params.depth,
        dropout=params.dropout,
        halved=assets["halved"],
        mean=assets["mean"],
        std=assets["std"],
        backbone=backbone,
    )
    if backbone is not None:
        backbone.stand_ready(inputs["base"].folder, params.method, params.backbone_share)
    return model


def fixed(model: Any) -> list[Any]:
    return fixed_of(model)


def compile_args(params: ImageSegmenterTrain, assets: Assets) -> dict[str, Any]:
    return {
        "loss": MaskLoss(params.loss, assets["class_weights"]),
        "metrics": [MeanIou(len(assets["classes"]))],
    }


def preview(batch: Any, assets: Assets, files: Files) -> list[Output]:
    return mask_preview(batch[0], batch[1], assets, files)


def sample(
    model: Any, params: ImageSegmenterTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return shown_masks(model, assets, context, files)


def report(
    model: Any,
    data: MaskData,
    params: ImageSegmenterTrain,
    context: Context,
    files: Files,
    stages: list[dict[str, float]],
) -> Report:
    return report_masks(model, data, context, files, stages)


def baselines(data: MaskData, params: ImageSegmenterTrain, context: Context) -> list[Baseline]:
    return mask_baselines(data, params.seed, context)


def export(model: Any, params: ImageSegmenterTrain, assets: Assets, folder: Path) -> keras.Model:
    return export_segmenter(model, assets, folder)


def open_generator(model: Any, params: ImageSegmenterTrain, assets: Assets) -> Segmenter:
    return Segmenter(model, assets)
