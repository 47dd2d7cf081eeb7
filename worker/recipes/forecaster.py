"""Code of forecaster: a network from a window of the past to the steps after it.

The spec, with every param's meaning and the sources, is shared/recipes/forecaster.py.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from shared.outputs import Output
from shared.recipes.forecaster import ForecasterTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.series.baselines import series_baselines
from worker.families.series.data import SeriesData, load_series
from worker.families.series.exporting import export_forecaster
from worker.families.series.forecasting import Forecaster, shown_forecasts
from worker.families.series.losses import SeriesLoss
from worker.families.series.measuring import evaluate_series, report_series
from worker.families.series.network import series_network
from worker.recipe import Assets, Baseline, Inputs, Report, XlaChoice

XLA: XlaChoice = "slower"  # a guess: see benchmarks/RESULTS.md
STEPS_PER_EXECUTION = 16


def load(inputs: Inputs, params: ForecasterTrain, context: Context) -> SeriesData:
    return load_series(inputs, params, context)


def build(params: ForecasterTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    return series_network(params, assets["features"], 3 if params.interval else 1)


def compile_args(params: ForecasterTrain, assets: Assets) -> dict[str, Any]:
    return {"loss": SeriesLoss(params.point, params.interval)}


def evaluate(model: Any, data: SeriesData, look: Callable[[int], None]) -> dict[str, float] | None:
    return evaluate_series(model, data, look)


def sample(
    model: Any, params: ForecasterTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return shown_forecasts(model, params, assets)


def report(
    model: Any,
    data: SeriesData,
    params: ForecasterTrain,
    context: Context,
    files: Files,
    stages: list[dict[str, float]],
) -> Report:
    return report_series(model, data, params, context)


def baselines(data: SeriesData, params: ForecasterTrain, context: Context) -> list[Baseline]:
    return series_baselines(data, context)


def open_generator(model: Any, params: ForecasterTrain, assets: Assets) -> Forecaster:
    return Forecaster(model, params, assets)


def export(model: Any, params: ForecasterTrain, assets: Assets, folder: Path) -> keras.Model:
    return export_forecaster(model, params, assets, folder)
