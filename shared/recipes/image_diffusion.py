"""Spec of image_diffusion: pictures out of noise, of a class where there are classes. Code: worker/recipes/image_diffusion.py.

A dataset row: the file cat/0001.jpg of a zip is one picture of class "cat"; class folders may be left out.
"""

from typing import Literal

from pydantic import Field

from shared.recipes.base import ExportParams, Makes, Params, RecipeSpec, Use, advanced
from shared.recipes.fields import DrawnSeed
from shared.recipes.making import (
    CLASSES,
    FLIP,
    IMAGE_SIZE,
    MODEL,
    MOST_SAMPLES,
    PICTURES,
    Flip,
    MakingParams,
    check_pictures,
)
from shared.recipes.picture_params import HeldOut


class ImageDiffusionTrain(MakingParams):
    """How to train. The defaults suit some thousand pictures of up to about 64 pixels."""

    epochs: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Passes over the training part. 0: as many as make 6,000 steps, 5 to 2,000.",
    )
    width: int = Field(
        default=32,
        ge=4,
        le=256,
        description="Channels of the first level of the U-Net; each further one has that many more, up to four times as many.",
        json_schema_extra=MODEL | {"unit": "channels"},
    )
    depth: int = Field(
        default=1,
        ge=1,
        le=4,
        description="Residual blocks of each level, down and up.",
        json_schema_extra=MODEL | {"unit": "blocks"},
    )
    levels: int = Field(
        default=2,
        ge=1,
        le=5,
        description="Levels of the U-Net: each further one halves the map.",
        json_schema_extra=MODEL | {"unit": "levels"},
    )
    fold: Literal["auto", "1", "2", "4"] = Field(
        default="auto",
        description="Blocks of so many pixels a side become channels first: a step is four times cheaper for each doubling, and"
        " fine detail a little poorer. auto: 1 below 20 pixels, 2 below 64, else 4.",
        json_schema_extra=advanced("Model"),
    )
    dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of channels' values dropped in each block. Of use with few pictures.",
        json_schema_extra=advanced("Regularisation"),
    )
    average: float = Field(
        default=0.999,
        ge=0,
        lt=1,
        description="Momentum of the running average of weights, which is what pictures are made with. 0: the last weights.",
        json_schema_extra=advanced("Regularisation"),
    )
    classes: Literal["auto", "none"] = CLASSES
    image_size: int = IMAGE_SIZE
    validation_fraction: HeldOut = 0.1
    flip: Flip = FLIP


class ImageDiffusionGenerate(Params):
    """What to make."""

    label: str = Field(
        default="",
        max_length=500,
        description="The class that pictures are to be of. Empty: each class in turn.",
        json_schema_extra={"short": True},
    )
    count: int = Field(
        default=16,
        ge=1,
        le=MOST_SAMPLES,
        description="How many pictures.",
        json_schema_extra={"unit": "pictures", "short": True},
    )
    steps: int = Field(
        default=25,
        ge=2,
        le=1_000,
        description="Steps from noise to picture. More: slower, and hardly better from 50 on.",
        json_schema_extra={"unit": "steps"},
    )
    guidance: float = Field(
        default=1.5,
        ge=0,
        le=20,
        description="How strongly the class is followed. 1: as it was learnt; more: more typical, and more alike; 0: any class.",
    )
    seed: int = DrawnSeed("Of the noise: the same seed makes the same pictures.")


SPEC = RecipeSpec(
    name="image_diffusion",
    version=1,
    title="Image diffusion",
    summary="Makes new pictures like yours out of noise, of the class you name: a small diffusion model trained from scratch.",
    family="images",
    train_params=ImageDiffusionTrain,
    inputs=(PICTURES,),
    uses={
        "generate": Use(ImageDiffusionGenerate, "Make pictures", makes=Makes()),
        "export": Use(
            ExportParams,
            "Export",
            help="Weights and settings as one zip, with a model and an example that run without this service.",
        ),
    },
    source="DDPM: Ho et al. 2020, arXiv:2006.11239; cosine schedule: Nichol, Dhariwal 2021, arXiv:2102.09672; velocity: Salimans,"
    " Ho 2022, arXiv:2202.00512; DDIM: Song et al. 2020, arXiv:2010.02502; guidance: Ho, Salimans 2022, arXiv:2207.12598; FID:"
    " Heusel et al. 2017, arXiv:1706.08500",
    limits="It makes pictures like those it learnt from, at the size it learnt them, and knows no words but the names of their"
    " classes. Of few pictures it may make copies.",
    shape=("width", "depth", "levels", "fold", "classes"),
    check=check_pictures,
)
