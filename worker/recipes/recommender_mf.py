"""Code of recommender_mf: a vector for each person and item.

The spec, with every param's meaning and the sources, is shared/recipes/recommender_mf.py.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from shared.outputs import Output
from shared.recipes.recommender_mf import FactorsTrain
from shared.recipes.recommending import goal_of
from worker.artifacts import Files
from worker.context import Context
from worker.families.recommending.baselines import interaction_baselines
from worker.families.recommending.data import InteractionData, fold_stages, load_interactions
from worker.families.recommending.exporting import export_recommender
from worker.families.recommending.measuring import evaluate_vectors, report_vectors
from worker.families.recommending.network import Factors, FactorsLoss
from worker.families.recommending.recommender import Recommender, shown_answers
from worker.families.recommending.vectors import factor_vectors
from worker.recipe import Assets, Baseline, Data, Inputs, Report, XlaChoice

XLA: XlaChoice = "slower"  # a guess: see benchmarks/RESULTS.md
STEPS_PER_EXECUTION = 32


def load(inputs: Inputs, params: FactorsTrain, context: Context) -> InteractionData:
    return load_interactions(inputs, params, context, params.negatives)


def stages(data: InteractionData) -> Sequence[Data]:
    return fold_stages(data)


def _kind(params: FactorsTrain) -> str:
    return "ratings" if goal_of(params) == "ratings" else params.loss


def build(params: FactorsTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    popularity = assets.arrays["popularity"]
    share = popularity / max(1, popularity.sum()) + params.negatives / len(popularity)
    return Factors(
        len(assets.arrays["people"]), len(popularity), params.factors, _kind(params),
        regularisation=params.regularisation, dropout=params.dropout,
        expected=(assets["batch_size"] * share + 1e-9).astype(np.float32),
    )  # fmt: skip


def compile_args(params: FactorsTrain, assets: Assets) -> dict[str, Any]:
    return {"loss": FactorsLoss(_kind(params))}


def evaluate(model: Any, data: InteractionData, look: Callable[[int], None]) -> dict[str, float] | None:
    return evaluate_vectors(factor_vectors(model, data.assets), data, look)


def sample(
    model: Any, params: FactorsTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return shown_answers(factor_vectors(model, assets), assets)


def report(
    model: Any,
    data: InteractionData,
    params: FactorsTrain,
    context: Context,
    files: Files,
    stages: list[dict[str, float]],
) -> Report:
    return report_vectors(factor_vectors(model, data.assets), data, params, context, stages)


def baselines(data: InteractionData, params: FactorsTrain, context: Context) -> list[Baseline]:
    return interaction_baselines(data, context)


def open_generator(model: Any, params: FactorsTrain, assets: Assets) -> Recommender:
    return Recommender(factor_vectors(model, assets), params, assets)


def export(model: Any, params: FactorsTrain, assets: Assets, folder: Path) -> keras.Model:
    return export_recommender(factor_vectors(model, assets), params, assets, folder)
