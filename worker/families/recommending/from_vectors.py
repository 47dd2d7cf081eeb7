"""What every recipe that recommends does alike, once it says which vectors its network comes down to."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from shared.outputs import Output
from worker.artifacts import Files
from worker.context import Context
from worker.families.recommending.baselines import interaction_baselines
from worker.families.recommending.data import InteractionData, fold_stages
from worker.families.recommending.exporting import export_recommender
from worker.families.recommending.measuring import evaluate_vectors, report_vectors
from worker.families.recommending.recommender import Recommender, shown_answers
from worker.families.recommending.vectors import Vectors
from worker.recipe import Assets, Baseline, Data, Report


class FromVectors:
    """Functions of a recipe's module, as worker/recipe.py has them.

    vectors: (model, assets) -> Vectors, of which nothing tells more than the training part; served: those of a model in use, where
    they are others.
    """

    def __init__(
        self, vectors: Callable[[Any, Assets], Vectors], served: Callable[[Any, Assets], Vectors] | None = None
    ):
        self._vectors, self._served = vectors, served or vectors

    def stages(self, data: InteractionData) -> Sequence[Data]:
        return fold_stages(data)

    def evaluate(self, model: Any, data: InteractionData, look: Callable[[int], None]) -> dict[str, float] | None:
        return evaluate_vectors(self._vectors(model, data.assets), data, look)

    def sample(
        self, model: Any, params: Any, assets: Assets, *, seed: int, context: Context, files: Files
    ) -> list[Output]:
        return shown_answers(self._vectors(model, assets), assets)

    def report(
        self,
        model: Any,
        data: InteractionData,
        params: Any,
        context: Context,
        files: Files,
        stages: list[dict[str, float]],
    ) -> Report:
        return report_vectors(self._vectors(model, data.assets), data, params, context, stages)

    def baselines(self, data: InteractionData, params: Any, context: Context) -> list[Baseline]:
        return interaction_baselines(data, context)

    def open_generator(self, model: Any, params: Any, assets: Assets) -> Recommender:
        return Recommender(self._served(model, assets), params, assets)

    def export(self, model: Any, params: Any, assets: Assets, folder: Path) -> keras.Model:
        return export_recommender(self._served(model, assets), params, assets, folder)
