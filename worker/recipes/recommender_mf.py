"""Code of recommender_mf: a vector for each person and item.

The spec, with every param's meaning and the sources, is shared/recipes/recommender_mf.py.
"""

from typing import Any

import keras

from shared.recipes.recommender_mf import FactorsTrain
from shared.recipes.recommending import goal_of
from worker.context import Context
from worker.families.recommending.data import InteractionData, load_interactions
from worker.families.recommending.from_vectors import FromVectors
from worker.families.recommending.network import Factors, FactorsLoss, expected_among_others
from worker.families.recommending.vectors import factor_vectors
from worker.recipe import Assets, Inputs, XlaChoice

XLA: XlaChoice = "slower"  # a guess: see benchmarks/RESULTS.md
STEPS_PER_EXECUTION = 32
NUMBERED_BY = {"user_ids_text": "list of people", "item_ids_text": "list of items"}


def load(inputs: Inputs, params: FactorsTrain, context: Context) -> InteractionData:
    return load_interactions(inputs, params, context, params.negatives)


def _kind(params: FactorsTrain) -> str:
    return "ratings" if goal_of(params) == "ratings" else params.loss


def build(params: FactorsTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    return Factors(
        len(assets.arrays["people"]), len(assets.arrays["popularity"]), params.factors, _kind(params),
        regularisation=params.regularisation, dropout=params.dropout,
        expected=expected_among_others(assets, params.negatives),
    )  # fmt: skip


def compile_args(params: FactorsTrain, assets: Assets) -> dict[str, Any]:
    return {"loss": FactorsLoss(_kind(params))}


_DONE = FromVectors(factor_vectors)
stages, evaluate, sample, report = _DONE.stages, _DONE.evaluate, _DONE.sample, _DONE.report
baselines, open_generator, export = _DONE.baselines, _DONE.open_generator, _DONE.export
