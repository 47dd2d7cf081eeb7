"""Code of recommender_gnn: a vector for each person and item, smoothed over the graph of who took what.

The spec, with every param's meaning and the sources, is shared/recipes/recommender_gnn.py.
"""

from typing import Any

import keras

from shared.recipes.recommender_gnn import GraphTrain
from worker.context import Context
from worker.families.recommending.data import InteractionData, load_interactions
from worker.families.recommending.from_vectors import FromVectors
from worker.families.recommending.graph import Graph, edges_of, graph_vectors
from worker.families.recommending.network import FactorsLoss, expected_among_others
from worker.recipe import Assets, Inputs, XlaChoice

XLA: XlaChoice = "never"  # it has no sparse product
STEPS_PER_EXECUTION = 8
NUMBERED_BY = {"user_ids_text": "list of people", "item_ids_text": "list of items"}


def load(inputs: Inputs, params: GraphTrain, context: Context) -> InteractionData:
    return load_interactions(inputs, params, context, params.negatives)


def build(params: GraphTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    return Graph(
        len(assets.arrays["people"]), len(assets.arrays["popularity"]), params.factors, params.loss,
        depth=params.layers, edges=edges_of(assets), regularisation=params.regularisation,
        expected=expected_among_others(assets, params.negatives),
    )  # fmt: skip


def compile_args(params: GraphTrain, assets: Assets) -> dict[str, Any]:
    return {"loss": FactorsLoss(params.loss)}


_DONE = FromVectors(graph_vectors)
stages, evaluate, sample, report = _DONE.stages, _DONE.evaluate, _DONE.sample, _DONE.report
baselines, open_generator, export = _DONE.baselines, _DONE.open_generator, _DONE.export
