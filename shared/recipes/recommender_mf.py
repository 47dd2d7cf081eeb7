"""Spec of recommender_mf: who likes what, by one vector for each person and each item. Code: worker/recipes/recommender_mf.py.

A dataset row:

    user,item,rating,when
    ana,17,4.5,2021-05-01T20:14:00
"""

from typing import Literal

from pydantic import Field

from shared.recipes.base import RecipeSpec, advanced
from shared.recipes.recommending import INTERACTIONS, ITEMS, PEOPLE, SHAPE, PairsTrain, check
from shared.recipes.recommending_uses import USES


class FactorsTrain(PairsTrain):
    """How to train. The defaults suit some ten thousand to some million interactions."""

    goal: Literal["auto", "ratings", "ranking"] = Field(
        "auto",
        description="ratings: which value a person would give; ranking: what a person takes next. auto: ratings where a column of "
        "values is named.",
        json_schema_extra={"group": "Columns"},
    )
    regularisation: float = Field(
        0.1,
        ge=0,
        le=100,
        description="Penalty on the squares of the vectors and biases in each row: what is seen rarely stays near the mean.",
        json_schema_extra={"group": "Regularisation"},
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of a person's vector dropped while training.",
        json_schema_extra=advanced("Regularisation"),
    )  # fmt: skip


SPEC = RecipeSpec(
    name="recommender_mf",
    version=1,
    title="Recommender",
    summary="Recommends items to people by what they and others took or rated; tells the rating a person would give.",
    family="recommenders",
    train_params=FactorsTrain,
    inputs=(INTERACTIONS, ITEMS, PEOPLE),
    uses=USES,
    source="Matrix factorisation: Koren, Bell, Volinsky 2009, Computer 42(8); BPR: Rendle et al. 2009, arXiv:1205.2618; sampled "
    "softmax with correction: Bengio, Senecal 2003, Yi et al. 2019, Yang et al. 2020 (mixed negatives); newcomers: Hu, Koren, "
    "Volinsky 2008; diversity: Carbonell, Goldstein 1998",
    limits="It recommends what people like those it learnt from took then. Items that nobody took have no place in it, people it "
    "does not know are answered by a list of what they like. What is popular may be recommended more often than it is taken: see "
    "the report.",
    shape=(*SHAPE, "goal", "factors"),
    check=check,
)
