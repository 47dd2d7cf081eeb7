"""Spec of image_classifier: tell which of several classes a picture shows. Code: worker/recipes/image_classifier.py.

A dataset row: the file train/cat/0001.jpg of a zip is one picture of class "cat" in the part that trains.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from shared.errors import Problem
from shared.recipes.backbone_params import BackboneShare, Learns, backbone_input, foresee_size
from shared.recipes.base import (
    BY_EPOCHS,
    BatchParams,
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
from shared.recipes.picture_params import AUGMENT, HeldOut, Part, Rotation, Strength, Zoom

MAX_IMAGES = 32  # of one generation; more belong into a dataset


_Base = with_defaults(
    TrainParams,
    batch_size=(64, "Pictures per step."),
    **BY_EPOCHS,
    keep="last",
)


class ImageClassifierTrain(_Base):
    """How to train. The defaults suit a few hundred to some ten thousand pictures of up to about 64 pixels."""

    epochs: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="Passes over the training part. 0: as many as make 3,000 steps, 8 to 100; upon a backbone 300, 3 to 30.",
    )

    architecture: Literal["resnet", "vgg", "inception"] = Field(
        default="resnet",
        description="Without a backbone. resnet: residual blocks; vgg: plain 3x3 layers; inception: parallel 1x1, 3x3, 5x5.",
        json_schema_extra={"group": "Model"},
    )
    width: int = Field(
        default=32,
        ge=4,
        le=512,
        description="Channels of the first stage; doubles at each further one.",
        json_schema_extra={"group": "Model", "unit": "channels"},
    )
    depth: int = Field(
        default=1, ge=1, le=8, description="Blocks per stage.", json_schema_extra={"group": "Model", "unit": "blocks"}
    )
    method: Learns = "full"
    backbone_share: BackboneShare = 0.1
    dropout: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Share of features dropped before the last layer.",
        json_schema_extra=advanced("Regularisation"),
    )
    label_smoothing: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="Share of probability spread over all classes in the target.",
        json_schema_extra=advanced("Regularisation"),
    )
    class_weights: Literal["none", "balanced"] = Field(
        default="none",
        description="balanced: rare classes weigh as much as frequent ones.",
        json_schema_extra={"group": "Data"},
    )
    image_size: int = Field(
        default=0,
        ge=0,
        le=512,
        description="Side to which pictures are scaled. 0: as they are, at most 96; upon a backbone 128, or its own where smaller.",
        json_schema_extra={"group": "Data", "unit": "pixels"},
    )
    validation_fraction: HeldOut = 0.1

    flip: Literal["auto", "none", "horizontal", "both"] = Field(
        default="auto",
        description="Random mirroring. auto: horizontal for colour pictures, none for grey ones.",
        json_schema_extra=AUGMENT,
    )
    augmentation: Strength = "auto"
    rotation: Rotation = 10
    translation: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        description="Random shift (crop of the padded picture) up to this share of the side.",
        json_schema_extra=AUGMENT,
    )
    zoom: Zoom = 0.1


class ImageClassifierGenerate(Params):
    """What to label, and what to say of it."""

    images: list[FileId] = Files(f"Up to {MAX_IMAGES} pictures to label.", accepts=("image/*",), most=MAX_IMAGES)
    top_k: int = Field(default=5, ge=1, le=1_000, description="How many labels are given with their probability.")
    activation_map: bool = Field(
        default=True, description="Also draw which places of a picture spoke for its label (first 8 pictures)."
    )


class ImageClassifierBatch(BatchParams):
    """Which pictures of a dataset to label."""

    part: Part = "all"
    top_k: int = Field(default=5, ge=1, le=1_000, description="How many labels are given with their probability.")


PICTURES = Input("data", "Pictures", "One folder per class.", formats=("pictures", "idx"))


def check(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Problems that show only when params and dataset are known together."""
    report = datasets["data"].report
    if not report.classes:
        message = "has no classes: a classifier learns from pictures in one folder per class"
        return [Problem(field="inputs.data", message=message)]
    if len(report.classes) == 1:
        return [Problem(field="inputs.data", message="has one class; a classifier needs at least two")]
    if report.rows < 2 * len(report.classes):
        message = f"has {report.rows} pictures; needs two of each of its {len(report.classes)} classes at least"
        return [Problem(field="inputs.data", message=message)]
    return []


SPEC = RecipeSpec(
    name="image_classifier",
    version=1,
    title="Image classifier",
    summary="Tells which of your classes a picture shows: a small convolutional network from scratch, or a pre-trained backbone.",
    family="images",
    train_params=ImageClassifierTrain,
    inputs=(PICTURES, backbone_input()),
    uses={
        "generate": Use(ImageClassifierGenerate, "Classify"),
        "batch": Use(
            ImageClassifierBatch,
            "Classify a dataset",
            (Input("data", "Pictures", "With or without class folders.", formats=("pictures", "idx")),),
            help="Label every picture of a dataset; a table comes back, in the same order.",
        ),
        "export": Use(
            ExportParams,
            "Export",
            help="Weights, class names and settings as one zip, with a model and an example that run without this service.",
        ),
    },
    source="ResNet: He et al. 2015, arXiv:1512.03385; VGG: Simonyan, Zisserman 2014, arXiv:1409.1556; Inception: "
    "Szegedy et al. 2014, arXiv:1409.4842; class-activation maps: Zhou et al. 2016, arXiv:1512.04150",
    limits="It says one of its classes for any picture, also for one that shows none of them, and sees it at the size it was "
    "trained with: what is small in a large picture is lost.",
    shape=("architecture", "width", "depth", "method"),
    check=check,
    foresee=foresee_size(),
)
