"""Spec of image_matcher: is this the same person or thing, and who is it. Code: worker/recipes/image_matcher.py.

A dataset row: the file anna/3.jpg of a zip is one picture of "anna".
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from shared.errors import Problem
from shared.recipes.backbone_params import BackboneShare, Learns, backbone_input, foresee_size
from shared.recipes.base import (
    BatchParams,
    Criterion,
    ExportParams,
    Input,
    Params,
    RecipeSpec,
    TrainParams,
    Use,
    advanced,
    with_defaults,
)
from shared.recipes.fields import FileId, Files
from shared.recipes.picture_params import AUGMENT, DATA, Part, Rotation, Zoom

MAX_IMAGES = 32  # of one generation; more belong into a dataset
LEAST_PEOPLE = 3  # to learn from: what tells two apart need not tell a third

_MODEL: dict[str, Any] = {"group": "Model"}
_Base = with_defaults(
    TrainParams,
    batch_size=(64, "Pictures per step."),
    learning_rate=2e-3,
    final_learning_rate=1e-5,
    warmup_steps=(50, "Steps over which the rate rises from zero; at most a tenth of the run."),
    weight_decay=(0.05, "Decoupled weight decay (L2) of matrices; not of biases and norms."),
    beta_2=0.999,
    keep="last",  # of few people held out the best evaluation is a lucky one: on ORL an early, worse state
)


class ImageMatcherTrain(_Base):
    """How to train. The defaults suit from some dozen to some thousand people or things, with a few pictures each."""

    steps: int = Field(
        default=800, ge=1, le=1_000_000, description="Batches to learn from.", json_schema_extra={"unit": "steps"}
    )
    eval_every: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Steps between two evaluations. 0: a twentieth of all.",
        json_schema_extra=advanced("Run", "steps"),
    )
    loss: Literal["arcface", "triplet"] = Field(
        default="arcface",
        description="arcface: each person has a direction, and pictures come a margin nearer to it than to any other; triplet: the"
        " farthest picture of the same person comes a margin nearer than the nearest of another.",
    )
    margin: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="arcface: an angle in radians; triplet: a difference of distances.",
        json_schema_extra=advanced("Model"),
    )
    embedding: int = Field(
        default=64,
        ge=4,
        le=1_024,
        description="Length of the vector of a picture.",
        json_schema_extra=_MODEL | {"unit": "numbers"},
    )
    width: int = Field(
        default=16,
        ge=4,
        le=256,
        description="Without a backbone: channels of the first stage; doubles at each further one.",
        json_schema_extra=_MODEL | {"unit": "channels"},
    )
    depth: int = Field(
        default=1,
        ge=1,
        le=8,
        description="Without a backbone: residual blocks per stage.",
        json_schema_extra=_MODEL | {"unit": "blocks"},
    )
    method: Learns = "full"
    backbone_share: BackboneShare = 0.1
    dropout: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="Share of features dropped before the vector.",
        json_schema_extra=advanced("Regularisation"),
    )
    each: int = Field(
        default=4,
        ge=2,
        le=32,
        description="Pictures of each person in a batch.",
        json_schema_extra=advanced("Data", "pictures"),
    )
    image_size: int = Field(
        default=0,
        ge=0,
        le=512,
        description="Side that pictures are scaled to; 0: as they are when all are alike and small, else 96 at most; upon a"
        " backbone 128, or its own where smaller.",
        json_schema_extra=DATA | {"unit": "pixels"},
    )
    validation_fraction: float = Field(
        default=0.2,
        ge=0,
        le=0.5,
        description="Share of the people held out, all their pictures, to watch progress and choose the threshold by.",
        json_schema_extra=DATA,
    )
    flip: Literal["horizontal", "none", "both"] = Field(
        default="horizontal", description="Random mirroring.", json_schema_extra=AUGMENT
    )
    rotation: Rotation = 8
    translation: float = Field(
        default=0.06,
        ge=0,
        le=0.5,
        description="Random shift up to this share of the side.",
        json_schema_extra=AUGMENT,
    )
    zoom: Zoom = 0.1


class ImageMatcherIdentify(Params):
    """Whom to look for among the people of a dataset."""

    images: list[FileId] = Files(f"Up to {MAX_IMAGES} pictures.", accepts=("image/*",), most=MAX_IMAGES)
    top_k: int = Field(
        default=3, ge=1, le=100, description="How many people are told.", json_schema_extra={"short": True}
    )
    threshold: float | None = Field(
        default=None,
        ge=-1,
        le=1,
        description="Likeness below which a picture is of nobody known. Empty: the one chosen on people held out.",
    )


class ImageMatcherVerify(Params):
    """Which two to compare."""

    images: list[FileId] = Files(
        "Two pictures; of more the first with each other.", accepts=("image/*",), most=MAX_IMAGES
    )
    threshold: float | None = Field(
        default=None,
        ge=-1,
        le=1,
        description="Likeness from which two show the same. Empty: the one chosen on people held out.",
    )


class ImageMatcherBatch(BatchParams):
    """Whom to look for."""

    part: Part = "all"
    threshold: float | None = Field(
        default=None,
        ge=-1,
        le=1,
        description="Likeness below which a picture is of nobody known. Empty: the one chosen on people held out.",
    )


_PEOPLE = "Pictures in a folder for each who may be told."
_PICTURES = ("pictures", "idx")


def check(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Problems that show only when params and dataset are known together."""
    report = datasets["data"].report
    if not report.classes:
        message = "its pictures lie in no folders: put those of each person or thing into a folder named after it"
        return [Problem(field="inputs.data", message=message)]
    if len(report.classes) < LEAST_PEOPLE:
        message = f"has pictures of {len(report.classes)} people or things; a matcher needs {LEAST_PEOPLE} at least"
        return [Problem(field="inputs.data", message=message)]
    if max(report.classes.values()) < 2:
        message = "has one picture of each person or thing: nothing tells what two pictures of the same have in common"
        return [Problem(field="inputs.data", message=message)]
    return []


SPEC = RecipeSpec(
    name="image_matcher",
    version=1,
    title="Picture matcher",
    summary="Tells whether two pictures show the same person or thing, and who of your own it is: faces, animals, parts, products.",
    family="images",
    train_params=ImageMatcherTrain,
    inputs=(
        Input("data", "Pictures", "A folder for each person or thing.", formats=("pictures", "idx")),
        backbone_input(),
    ),
    uses={
        "generate": Use(ImageMatcherIdentify, "Identify", (Input("data", "People", _PEOPLE, formats=_PICTURES),)),
        "verify": Use(ImageMatcherVerify, "Compare", help="Whether two pictures show the same."),
        "batch": Use(
            ImageMatcherBatch,
            "Identify a dataset",
            (
                Input("data", "Pictures", "With or without folders.", formats=_PICTURES),
                Input("people", "People", _PEOPLE, formats=_PICTURES),
            ),
            help="Who every picture of a dataset shows, as a table.",
        ),
        "export": Use(
            ExportParams,
            "Export",
            help="Weights and settings as one zip, with a model and an example that run without this service.",
        ),
    },
    source="ArcFace: Deng et al. 2019, arXiv:1801.07698; triplets: Schroff et al. 2015 (FaceNet), arXiv:1503.03832, the hardest of "
    "a batch: Hermans et al. 2017, arXiv:1703.07737; residual blocks: He et al. 2016, arXiv:1512.03385",
    limits="It does not find or turn faces: what it compares must be cut out and upright as what it learnt from. It errs more "
    "about people unlike those it learnt from, and a likeness is no proof of who somebody is.",
    criterion=Criterion("val_eer", "min"),
    shape=("loss", "embedding", "width", "depth", "method"),
    check=check,
    foresee=foresee_size(),
)
