"""Code of recommender_sequence: a person is what attention makes of the items they took, by time.

The spec, with every param's meaning and the sources, is shared/recipes/recommender_sequence.py.
"""

from typing import Any

import keras

from shared.recipes.recommender_sequence import SequenceTrain
from worker.context import Context
from worker.families.recommending.data import load_interactions
from worker.families.recommending.from_vectors import FromVectors
from worker.families.recommending.histories import HistoryData
from worker.families.recommending.history_network import HistoryLoss, histories_network
from worker.families.recommending.history_vectors import measured_vectors, served_vectors
from worker.recipe import Assets, Inputs, XlaChoice

XLA: XlaChoice = "slower"  # a guess
STEPS_PER_EXECUTION = 8
NUMBERED_BY = {"item_ids_text": "list of items"}


def load(inputs: Inputs, params: SequenceTrain, context: Context) -> HistoryData:
    return load_interactions(inputs, params, context, params.negatives, kind=HistoryData)


def build(params: SequenceTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    return histories_network(params, assets, own=True, features=None, blocks=params.layers, heads=params.heads)


def compile_args(params: SequenceTrain, assets: Assets) -> dict[str, Any]:
    return {"loss": HistoryLoss()}


_DONE = FromVectors(measured_vectors, served_vectors)
stages, evaluate, sample, report = _DONE.stages, _DONE.evaluate, _DONE.sample, _DONE.report
baselines, open_generator, export = _DONE.baselines, _DONE.open_generator, _DONE.export
