"""Params that recipes of pictures have alike: how pictures are varied while a network learns, and what of a dataset is meant."""

from typing import Annotated, Any, Literal

from pydantic import Field

DATA: dict[str, Any] = {"group": "Data"}
AUGMENT: dict[str, Any] = {"group": "Augmentation"}

Rotation = Annotated[
    float,
    Field(
        ge=0,
        le=180,
        description="Random rotation up to this angle either way.",
        json_schema_extra=AUGMENT | {"unit": "degrees"},
    ),
]
Zoom = Annotated[
    float,
    Field(ge=0, le=0.5, description="Random scaling up to this share larger or smaller.", json_schema_extra=AUGMENT),
]
Colour = Annotated[
    float,
    Field(
        ge=0,
        le=0.9,
        description="Random change of brightness, contrast and saturation up to this share.",
        json_schema_extra=AUGMENT,
    ),
]
Strength = Annotated[
    Literal["auto", "full"],
    Field(
        description="How much of it. auto: none at first, a quarter more after each evaluation that finds the network better at the"
        " pictures it learns from than at those held out, a quarter less where it is worse; full: all of it all the time.",
        json_schema_extra=AUGMENT,
    ),
]
HeldOut = Annotated[
    float,
    Field(
        ge=0,
        le=0.5,
        description="Share of the training part held out to watch progress, unless the dataset brings a val part."
        " 0: the test part is watched instead.",
        json_schema_extra=DATA,
    ),
]
Part = Annotated[Literal["all", "train", "val", "test"], Field(description="Which part of the dataset.")]
