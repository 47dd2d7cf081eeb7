"""Spec of recommender_mf: who likes what, by one vector for each person and each item. Code: worker/recipes/recommender_mf.py.

A dataset row:

    user,item,rating,when
    ana,17,4.5,2021-05-01T20:14:00
"""

from typing import Literal

from pydantic import Field

from shared.recipes.base import ExportParams, Input, RecipeSpec, Use, advanced
from shared.recipes.recommending import (
    INTERACTIONS,
    ITEMS,
    SHAPE,
    InteractionsTrain,
    RecommendBatch,
    RecommendGenerate,
    check,
)


class FactorsTrain(InteractionsTrain):
    """How to train. The defaults suit some ten thousand to some million interactions."""

    factors: int = Field(
        64, ge=1, le=1_024, description="Length of the vectors of people and items.", json_schema_extra={"group": "Model"}
    )  # fmt: skip
    loss: Literal["softmax", "bpr"] = Field(
        "softmax",
        description="Of a ranking. softmax: an item taken against many others at once, corrected for how often each is drawn; bpr: "
        "against single ones.",
        json_schema_extra={"group": "Model"},
    )
    negatives: int = Field(
        4,
        ge=1,
        le=256,
        description="Items drawn for each row of a ranking; softmax sets those of all rows of a step against each.",
        json_schema_extra={"group": "Model"},
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
    inputs=(INTERACTIONS, ITEMS),
    uses={
        "generate": Use(RecommendGenerate, "Recommend"),
        "batch": Use(
            RecommendBatch,
            "Recommend to many",
            (
                Input(
                    "data",
                    "People",
                    "A table with the training's column of people, and of items for values.",
                    formats=("table",),
                ),
            ),
            help="The best items for every person of a table, or the value of each row; a table comes back.",
        ),
        "export": Use(ExportParams, "Export", help="Vectors, ids and settings as one zip."),
    },
    source="Matrix factorisation: Koren, Bell, Volinsky 2009, Computer 42(8); BPR: Rendle et al. 2009, arXiv:1205.2618; sampled "
    "softmax with correction: Bengio, Senecal 2003, Yi et al. 2019, Yang et al. 2020 (mixed negatives); newcomers: Hu, Koren, "
    "Volinsky 2008; diversity: Carbonell, Goldstein 1998",
    limits="It recommends what people like those it learnt from took then. Items that nobody took have no place in it, people it "
    "does not know are answered by a list of what they like. What is popular may be recommended more often than it is taken: see "
    "the report.",
    shape=(*SHAPE, "factors"),
    check=check,
)
