"""Code of recommender_content: an item is what its columns tell, a person what their items and columns of their own tell.

The spec, with every param's meaning and the sources, is shared/recipes/recommender_content.py.
"""

from typing import Any

import keras

from shared.recipes.recommender_content import ContentTrain
from worker.context import Context
from worker.families.recommending.catalogue import Catalogue
from worker.families.recommending.data import load_interactions
from worker.families.recommending.from_vectors import FromVectors
from worker.families.recommending.histories import HistoryData
from worker.families.recommending.history_network import HistoryLoss, histories_network
from worker.families.recommending.history_vectors import measured_vectors, served_vectors
from worker.families.recommending.people import features_of_people
from worker.recipe import Assets, Inputs, XlaChoice

XLA: XlaChoice = "slower"  # a guess
STEPS_PER_EXECUTION = 8
NUMBERED_BY = {"item_ids_text": "list of items", "people_columns": "set of values in the columns of people"}


def load(inputs: Inputs, params: ContentTrain, context: Context) -> HistoryData:
    return load_interactions(inputs, params, context, params.negatives, kind=HistoryData, learnt_from=True)


def build(params: ContentTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    items, people = Catalogue.of(assets).features, features_of_people(assets)
    return histories_network(params, assets, own=params.own_vectors, features=items, people=people)


def compile_args(params: ContentTrain, assets: Assets) -> dict[str, Any]:
    return {"loss": HistoryLoss()}


_DONE = FromVectors(measured_vectors, served_vectors)
stages, evaluate, sample, report = _DONE.stages, _DONE.evaluate, _DONE.sample, _DONE.report
baselines, open_generator, export = _DONE.baselines, _DONE.open_generator, _DONE.export
