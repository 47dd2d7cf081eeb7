"""Code of image_matcher: a network from a picture to a vector, near to those of the same person or thing.

The spec, with every param's meaning and the sources, is shared/recipes/image_matcher.py.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from shared.outputs import Output
from shared.recipes.image_matcher import ImageMatcherTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.identities.data import IdentityData, load_identities
from worker.families.identities.exporting import export_matcher
from worker.families.identities.networks import ArcFace, Triplets, matcher
from worker.families.identities.reporting import (
    evaluate_identities,
    identity_baselines,
    report_identities,
    shown_pairs,
)
from worker.families.identities.using import Matcher
from worker.families.images.backbone import backbone_of, fixed_of
from worker.families.images.preview import class_preview
from worker.recipe import Assets, Baseline, Inputs, Report, XlaChoice

XLA: XlaChoice = "slower"  # a guess, as measured for the image classifier: benchmarks/RESULTS.md
STEPS_PER_EXECUTION = 8


def load(inputs: Inputs, params: ImageMatcherTrain, context: Context) -> IdentityData:
    return load_identities(inputs, params, context)


def build(params: ImageMatcherTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    backbone = backbone_of(assets)
    model = matcher(
        tuple(assets["shape"]),
        assets["people"],
        loss=params.loss,
        embedding=params.embedding,
        width=params.width,
        depth=params.depth,
        dropout=params.dropout,
        mean=assets["mean"],
        std=assets["std"],
        backbone=backbone,
    )
    if backbone is not None:
        backbone.stand_ready(inputs["base"].folder, params.method, params.backbone_share)
    return model


def fixed(model: Any) -> list[Any]:
    return fixed_of(model)


def compile_args(params: ImageMatcherTrain, assets: Assets) -> dict[str, Any]:
    return {"loss": ArcFace(params.margin) if params.loss == "arcface" else Triplets(params.margin)}


def evaluate(model: Any, data: IdentityData, look: Callable[[int], None]) -> dict[str, float] | None:
    return evaluate_identities(model, data, look)


def preview(batch: Any, assets: Assets, files: Files) -> list[Output]:
    people, numbers = np.unique(batch[1], return_inverse=True)
    return class_preview(batch[0], numbers, [f"person {number + 1}" for number in range(len(people))], files)


def sample(
    model: Any, params: ImageMatcherTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return shown_pairs(model, assets, context, files)


def report(
    model: Any,
    data: IdentityData,
    params: ImageMatcherTrain,
    context: Context,
    files: Files,
    stages: list[dict[str, float]],
) -> Report:
    return report_identities(model, data, context, files, stages)


def baselines(data: IdentityData, params: ImageMatcherTrain, context: Context) -> list[Baseline]:
    return identity_baselines(data, context)


def export(model: Any, params: ImageMatcherTrain, assets: Assets, folder: Path) -> keras.Model:
    return export_matcher(model, assets, folder)


def open_generator(model: Any, params: ImageMatcherTrain, assets: Assets) -> Matcher:
    return Matcher(model, assets)
