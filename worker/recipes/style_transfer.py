"""Code of style_transfer: a network that stylises at once, and what a network sees of any two pictures.

The spec, with every param's meaning and the sources, is shared/recipes/style_transfer.py.
"""

from pathlib import Path
from typing import Any

import keras

from shared.outputs import Output
from shared.recipes.style_transfer import StyleTransferTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.styling.data import StylingData, load_styling
from worker.families.styling.exporting import export_styler
from worker.families.styling.features import features_of
from worker.families.styling.losses import Style, Weights
from worker.families.styling.measuring import styling_baselines
from worker.families.styling.network import Styler, styling_network
from worker.families.styling.reporting import report_styled, shown_styled, style_preview
from worker.families.styling.using import Stylist
from worker.recipe import Assets, Baseline, Inputs, OpenInput, Report, XlaChoice

XLA: XlaChoice = "slower"  # a guess, as measured for the image classifier: benchmarks/RESULTS.md
STEPS_PER_EXECUTION = 4


def load(inputs: Inputs, params: StyleTransferTrain, context: Context) -> StylingData:
    return load_styling(inputs, params, context)


def build(params: StyleTransferTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    network = styling_network(params.width, params.depth)
    return Styler(network, features_of(inputs["base"]), Style.from_arrays(assets.arrays), Weights.of(params))


def fixed(model: Styler) -> list[Any]:
    return list(model.sees.variables)


def compile_args(params: StyleTransferTrain, assets: Assets) -> dict[str, Any]:
    """Nothing: the model makes its loss by itself."""
    return {}


def preview(batch: Any, assets: Assets, files: Files) -> list[Output]:
    return style_preview(batch, assets, files)


def sample(
    model: Styler, params: StyleTransferTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return shown_styled(model, assets, context, files)


def report(
    model: Styler,
    data: StylingData,
    params: StyleTransferTrain,
    context: Context,
    files: Files,
    stages: list[dict[str, float]],
) -> Report:
    return report_styled(model, data, context, files)


def baselines(data: StylingData, params: StyleTransferTrain, context: Context) -> list[Baseline]:
    return styling_baselines(data, Weights.of(params), context)


def export(model: Styler, params: StyleTransferTrain, assets: Assets, folder: Path) -> keras.Model:
    return export_styler(model, folder)


def open_base(opened: OpenInput) -> Stylist:
    return Stylist(features_of(opened))


def open_generator(model: Styler, params: StyleTransferTrain, assets: Assets) -> Stylist:
    return Stylist(model.features, model, assets["levels"])
