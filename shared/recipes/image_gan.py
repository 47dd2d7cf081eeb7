"""Spec of image_gan: pictures in one go, of a class where there are classes. Code: worker/recipes/image_gan.py.

A dataset row: the file cat/0001.jpg of a zip is one picture of class "cat"; class folders may be left out.
"""

from typing import Literal

from pydantic import Field

from shared.recipes.base import Criterion, ExportParams, Makes, Params, RecipeSpec, SharedParams, Use, advanced
from shared.recipes.fields import DrawnSeed
from shared.recipes.making import (
    CLASSES,
    FLIP,
    IMAGE_SIZE,
    MODEL,
    MOST_SAMPLES,
    PICTURES,
    Flip,
    check_pictures,
)
from shared.recipes.picture_params import HeldOut


class ImageGanTrain(SharedParams):
    """How to train. The defaults suit some thousand pictures of up to about 64 pixels. Two optimizers learn against each other."""

    epochs: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Passes over the training part. 0: as many as make 8,000 steps, 5 to 2,000.",
    )
    batch_size: int = Field(
        default=64,
        ge=1,
        le=65_536,
        description="Pictures per step.",
        json_schema_extra={"unit": "pictures"},
    )
    learning_rate: float = Field(default=4e-4, gt=0, le=1, description="Step size of the network that makes pictures.")
    judge_learning_rate: float = Field(
        default=4e-4, gt=0, le=1, description="Step size of the network that tells them from real ones."
    )
    latent: int = Field(
        default=64,
        ge=1,
        le=512,
        description="How many numbers are drawn for a picture.",
        json_schema_extra=MODEL | {"unit": "numbers"},
    )
    width: int = Field(
        default=48,
        ge=4,
        le=256,
        description="Channels where a picture was halved once; doubles at each further halving, up to eight times as many.",
        json_schema_extra=MODEL | {"unit": "channels"},
    )
    average: float = Field(
        default=0.999,
        ge=0,
        lt=1,
        description="Momentum of the running average of weights, which is what pictures are made with. 0: the last weights.",
        json_schema_extra=advanced("Regularisation"),
    )
    early_stopping_patience: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="Stop after this many evaluations without a smaller FID; 0: never.",
        json_schema_extra=advanced("Run", "evaluations"),
    )
    keep: Literal["last", "best"] = Field(
        default="best",
        description="The state the model is made of: the last, or the one with the smallest FID in its evaluations.",
        json_schema_extra=advanced("Run"),
    )
    classes: Literal["auto", "none"] = CLASSES
    image_size: int = IMAGE_SIZE
    validation_fraction: HeldOut = 0.1
    flip: Flip = FLIP


class ImageGanGenerate(Params):
    """What to make."""

    label: str = Field(
        default="",
        max_length=500,
        description="The class that pictures are to be of. Empty: each class in turn.",
        json_schema_extra={"short": True},
    )
    count: int = Field(
        default=64,
        ge=1,
        le=MOST_SAMPLES,
        description="How many pictures.",
        json_schema_extra={"unit": "pictures", "short": True},
    )
    temperature: float = Field(
        default=1.0,
        ge=0,
        le=3,
        description="How far the numbers drawn may be from zero. Below 1: more usual pictures, and fewer kinds.",
    )
    seed: int = DrawnSeed("Of the numbers drawn: the same seed makes the same pictures.")


SPEC = RecipeSpec(
    name="image_gan",
    version=1,
    title="Image GAN",
    summary="Makes new pictures like yours at once, of the class you name: two networks trained against each other.",
    family="images",
    train_params=ImageGanTrain,
    inputs=(PICTURES,),
    uses={
        "generate": Use(ImageGanGenerate, "Make pictures", makes=Makes()),
        "export": Use(
            ExportParams,
            "Export",
            help="Weights and settings as one zip, with a model and an example that run without this service.",
        ),
    },
    source="GAN: Goodfellow et al. 2014, arXiv:1406.2661; DCGAN: Radford et al. 2015, arXiv:1511.06434; hinge loss: Lim, Ye 2017,"
    " arXiv:1705.02894; spectral normalisation: Miyato et al. 2018, arXiv:1802.05957; projection: Miyato, Koyama 2018,"
    " arXiv:1802.05637; FID: Heusel et al. 2017, arXiv:1706.08500",
    limits="It makes pictures like those it learnt from, at the size it learnt them; it may leave out kinds that are rare, and"
    " knows no words but the names of its classes.",
    criterion=Criterion("val_fid", "min"),
    shape=("latent", "width", "classes"),
    check=check_pictures,
)
