"""Spec of image_vae: pictures as a few numbers each, and pictures made from such numbers. Code: worker/recipes/image_vae.py.

A dataset row: the file 0001.jpg of a zip, in a class folder or not.
"""

from typing import Literal

from pydantic import Field, model_validator

from shared.recipes.base import BatchParams, ExportParams, Input, Params, RecipeSpec, Use, advanced
from shared.recipes.fields import DrawnSeed, FileId, Files
from shared.recipes.making import (
    FLIP,
    IMAGE_SIZE,
    MODEL,
    MOST_SAMPLES,
    PICTURES,
    Flip,
    MakingParams,
    check_pictures,
)
from shared.recipes.picture_params import HeldOut, Part

MAX_IMAGES = 16  # of one generation; more belong into a dataset


class ImageVaeTrain(MakingParams):
    """How to train. The defaults suit some thousand pictures of up to about 64 pixels."""

    epochs: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Passes over the training part. 0: as many as make 5,000 steps, 5 to 1,000.",
    )
    latent: int = Field(
        default=32,
        ge=1,
        le=512,
        description="How many numbers a picture becomes. Few: blurred, but each tells something; many: sharp.",
        json_schema_extra=MODEL | {"unit": "numbers"},
    )
    width: int = Field(
        default=32,
        ge=4,
        le=256,
        description="Channels where a picture was halved once; doubles at each further halving, up to eight times as many.",
        json_schema_extra=MODEL | {"unit": "channels"},
    )
    beta: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="Weight of the KL divergence. 1: the bound on the likelihood; more: numbers that are independent of each other"
        " and pictures that are less like those given; less: the other way round.",
        json_schema_extra=MODEL,
    )
    kl_warmup: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Share of the training over which the weight of the KL divergence rises from 0, so that it does not begin"
        " with using no number at all.",
        json_schema_extra=advanced("Regularisation"),
    )
    likelihood: Literal["auto", "bernoulli", "logistic"] = Field(
        default="auto",
        description="How a pixel is read. bernoulli: a grey value is the probability of white, for scans and digits; logistic: one"
        " of 256 values, for photographs. auto: bernoulli for grey pictures that are nearly black and white.",
        json_schema_extra=advanced("Model"),
    )
    image_size: int = IMAGE_SIZE
    validation_fraction: HeldOut = 0.1
    flip: Flip = FLIP


class ImageVaeGenerate(Params):
    """What to make."""

    mode: Literal["sample", "reconstruct", "interpolate", "walk"] = Field(
        default="sample",
        description="sample: new pictures; reconstruct: pictures given, as the model draws them; interpolate: from one picture"
        " given to the next; walk: one number after the other changed.",
        json_schema_extra={"short": True},
    )
    images: list[FileId] = Files(
        f"Up to {MAX_IMAGES} pictures. reconstruct needs one, interpolate two; walk begins at the first, where there is one.",
        accepts=("image/*",),
        most=MAX_IMAGES,
        default=[],
    )
    count: int = Field(
        default=64, ge=1, le=MOST_SAMPLES, description="How many samples.", json_schema_extra={"unit": "pictures"}
    )
    steps: int = Field(
        default=9,
        ge=3,
        le=64,
        description="Pictures of a row of interpolate and walk, the first and the last included.",
        json_schema_extra={"unit": "pictures"},
    )
    axis: int = Field(
        default=0,
        ge=0,
        le=512,
        description="Which number walk changes: 1 is the one that tells most of a picture. 0: the first eight, a row each.",
    )
    temperature: float = Field(
        default=1.0,
        ge=0,
        le=3,
        description="How far samples may be from the average picture. Below 1: more usual ones, and fewer kinds.",
    )
    seed: int = DrawnSeed("Of samples: the same seed makes the same pictures.")

    @model_validator(mode="after")
    def _enough_pictures(self) -> "ImageVaeGenerate":
        needs = {"reconstruct": 1, "interpolate": 2}.get(self.mode, 0)
        if len(self.images) < needs:
            given = "none is" if not self.images else "one is"
            raise ValueError(f"{self.mode} needs {('', 'one picture', 'two pictures')[needs]} at least; {given} given")
        return self


class ImageVaeBatch(BatchParams):
    """Which pictures of a dataset to turn into numbers."""

    part: Part = "all"
    pictures: bool = Field(default=False, description="Also a zip of the pictures as the model draws them.")


SPEC = RecipeSpec(
    name="image_vae",
    version=1,
    title="Image autoencoder (VAE)",
    summary="Turns pictures into a few numbers and back: makes new ones, goes from one to another, tells unusual ones.",
    family="images",
    train_params=ImageVaeTrain,
    inputs=(PICTURES,),
    uses={
        "generate": Use(ImageVaeGenerate, "Make pictures"),
        "batch": Use(
            ImageVaeBatch,
            "Turn a dataset into numbers",
            (Input("data", "Pictures", "With or without class folders.", formats=("pictures", "idx")),),
            help="The numbers of every picture of a dataset as a table, with how unusual the model finds it.",
        ),
        "export": Use(
            ExportParams,
            "Export",
            help="Weights and settings as one zip, with a model and an example that run without this service.",
        ),
    },
    source="VAE: Kingma, Welling 2013, arXiv:1312.6114; beta: Higgins et al. 2017 (ICLR); discretised logistic likelihood: Kingma"
    " et al. 2016, arXiv:1606.04934",
    limits="What it makes is blurred, and the more so the more its pictures differ; it knows nothing but pictures like those it"
    " learnt from, at the size it learnt them.",
    shape=("latent", "width"),
    check=check_pictures,
)
