"""Spec of recommender_sequence: what comes next, by what came before. Code: worker/recipes/recommender_sequence.py.

A dataset row:

    user,item,when
    ana,17,2021-05-01T20:14:00
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from shared.errors import Problem
from shared.recipes import recommending
from shared.recipes.base import RecipeSpec
from shared.recipes.recommending import INTERACTIONS, ITEMS, PEOPLE, SHAPE, HistoryTrain
from shared.recipes.recommending_uses import USES


class SequenceTrain(HistoryTrain):
    """How to train: a small Transformer over the items a person took, by time."""

    layers: int = Field(2, ge=1, le=16, description="Blocks of attention.", json_schema_extra={"group": "Model"})
    heads: int = Field(
        2, ge=1, le=64, description="Of each block, alike parts of the width.", json_schema_extra={"group": "Model"}
    )

    @model_validator(mode="after")
    def _heads_divide(self) -> "SequenceTrain":
        if self.width % self.heads:
            raise ValueError(f"width {self.width} cannot be parted into {self.heads} heads of equal width")
        return self


def check(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    problems = recommending.check(params, datasets)
    if not params.time and not any(problem.field == "params.time" for problem in problems):
        message = "choose the column that says when it was: this recipe learns from the order"
        problems.append(Problem(field="params.time", message=message))
    return problems


SPEC = RecipeSpec(
    name="recommender_sequence",
    version=1,
    title="Recommender by order",
    summary="Recommends what a person takes next by what they took before and in which order.",
    family="recommenders",
    train_params=SequenceTrain,
    inputs=(INTERACTIONS, ITEMS, PEOPLE),
    uses=USES,
    source="SASRec: Kang, McAuley 2018, arXiv:1808.09781; sampled softmax with correction: Yang et al. 2020 (mixed negatives); "
    "why not one alone: Klenitskiy, Vasilev 2023; diversity: Carbonell, Goldstein 1998",
    limits="It recommends what followed on like histories. Only the last items of a person count, as many as length says. Items "
    "that nobody took have no place in it. It foresees no ratings.",
    shape=(*SHAPE, "time", "width", "length", "layers", "heads"),
    check=check,
)
