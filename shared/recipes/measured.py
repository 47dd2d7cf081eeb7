"""Params of recipes that learn from the rows of a table and are measured on rows of it: parts, folds, and what a mistake costs."""

from typing import Annotated

from pydantic import AfterValidator, Field

from shared.recipes.base import advanced


def _not_one_fold(value: int) -> int:
    if value == 1:
        raise ValueError("one fold has nothing to learn from: 0 for none, or 2 to 10")
    return value


CostOfMissing = Annotated[
    float,
    Field(
        gt=0,
        le=1e9,
        description="What it costs to miss one of the second of two classes, beside a false alarm, which costs 1: the threshold of "
        "least cost is told.",
        json_schema_extra=advanced("Data"),
    ),
]
ValidationShare = Annotated[
    float,
    Field(
        ge=0,
        le=0.5,
        description="Share of the training part held out to watch progress and keep the best state, unless the table "
        "says which rows these are.",
        json_schema_extra={"group": "Data"},
    ),
]
TestShare = Annotated[
    float,
    Field(
        ge=0,
        le=0.5,
        description="Share of the rows that the finished model is measured on, unless the table says which rows these are.",
        json_schema_extra={"group": "Data"},
    ),
]
Folds = Annotated[
    int,
    Field(
        ge=0,
        le=10,
        description="0: one training. 2 to 10: so many more before it, each measured on the part it has not seen, for small "
        "tables; their mean and deviation are told.",
        json_schema_extra={"group": "Data"},
    ),
    AfterValidator(_not_one_fold),
]
