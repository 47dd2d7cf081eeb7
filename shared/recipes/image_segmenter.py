"""Spec of image_segmenter: a class for each pixel of a picture. Code: worker/recipes/image_segmenter.py.

A dataset row: the pair images/0001.jpg and masks/0001.png, a pixel of which is the number, or has the colour, of its class.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import Field

from shared.errors import Problem
from shared.recipes.backbone_params import BackboneShare, Learns, backbone_input
from shared.recipes.base import (
    BY_EPOCHS,
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
from shared.recipes.picture_params import AUGMENT, DATA, Colour, HeldOut, Part, Rotation, Strength, Zoom

MAX_IMAGES = 16  # of one generation; more belong into a dataset

_MODEL: dict[str, Any] = {"group": "Model"}
_Base = with_defaults(TrainParams, batch_size=(8, "Crops per step."), **BY_EPOCHS)


class ImageSegmenterTrain(_Base):
    """How to train. The defaults suit a hundred to some thousand pictures with up to about twenty classes."""

    epochs: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="Passes over the training part. 0: as many as make 2,000 steps, 10 to 100; upon a backbone 600, 5 to 60.",
    )
    architecture: Literal["unet", "deeplab"] = Field(
        default="unet",
        description="unet: down and up again, sharp edges; deeplab: dilated convolutions see far around each pixel.",
        json_schema_extra=_MODEL,
    )
    width: int = Field(
        default=16,
        ge=4,
        le=256,
        description="Channels of the first stage; doubles at each further one, also of the way up from a backbone.",
        json_schema_extra=_MODEL | {"unit": "channels"},
    )
    depth: int = Field(
        default=3,
        ge=1,
        le=5,
        description="Without a backbone. unet: how often it halves the picture; deeplab: residual blocks per stage.",
        json_schema_extra=_MODEL,
    )
    method: Learns = "full"
    backbone_share: BackboneShare = 0.1
    dropout: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Share of feature maps dropped where they are smallest.",
        json_schema_extra=advanced("Regularisation"),
    )
    loss: Literal["dice", "cross_entropy", "focal"] = Field(
        default="dice",
        description="dice: cross-entropy and Dice, which counts small classes as much as large ones; focal: pixels that are hard"
        " to tell count most.",
    )
    class_weights: Literal["none", "balanced"] = Field(
        default="none",
        description="balanced: pixels of rare classes weigh more in the cross-entropy.",
        json_schema_extra=DATA,
    )
    ignore: list[str] = Field(
        default=[],
        max_length=100,
        description="Classes that are neither learnt nor counted, such as void or unlabelled.",
        json_schema_extra=DATA,
    )
    image_size: int = Field(
        default=0,
        ge=0,
        le=8_192,
        description="Longer side to which larger pictures are scaled down, 0: 1,024. Small things need a large one.",
        json_schema_extra=DATA | {"unit": "pixels"},
    )
    tile: int = Field(
        default=0,
        ge=0,
        le=1_024,
        description="Side of the crops that are learnt from and of the tiles a large picture is answered in, 0: 256.",
        json_schema_extra=DATA | {"unit": "pixels"},
    )
    validation_fraction: HeldOut = 0.1
    flip: Literal["horizontal", "none", "both"] = Field(
        default="horizontal", description="Random mirroring of picture and mask.", json_schema_extra=AUGMENT
    )
    augmentation: Strength = "full"
    rotation: Rotation = 5
    zoom: Zoom = 0.25
    colour: Colour = 0.2


class ImageSegmenterGenerate(Params):
    """What to look at."""

    images: list[FileId] = Files(f"Up to {MAX_IMAGES} pictures.", accepts=("image/*",), most=MAX_IMAGES)


class ImageSegmenterBatch(BatchParams):
    """Which pictures of a dataset to look at."""

    part: Part = "all"
    masks: bool = Field(default=True, description="Also a zip of the masks, a PNG for each picture.")


def check(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Problems that show only when params and dataset are known together."""
    report = datasets["data"].report
    if report.facts.get("kind") != "mask":
        message = "its right pictures are no masks but pictures: a segmenter learns from a class for each pixel"
        return [Problem(field="inputs.data", message=message)]
    problems = []
    if report.rows < 2:
        problems.append(Problem(field="inputs.data", message="has one pair; needs two at least"))
    for name in params.ignore:
        if name not in report.classes:
            near = get_close_matches(name, report.classes, 1)
            there = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(list(report.classes)[:8])}"
            problems.append(Problem(field="params.ignore", message=f"the masks have no class {name!r}; {there}"))
    left = [name for name in report.classes if name not in params.ignore]
    if len(left) < 2:
        there = f"has one class ({left[0]})" if left else "has no class left"
        problems.append(Problem(field="inputs.data", message=f"{there}; a segmenter needs at least two"))
    return problems


SPEC = RecipeSpec(
    name="image_segmenter",
    version=1,
    title="Image segmenter",
    summary="Tells for each pixel of a picture which of your classes it belongs to: a U-Net or DeepLabV3+, from scratch"
    " or upon a pre-trained backbone.",
    family="images",
    train_params=ImageSegmenterTrain,
    inputs=(
        Input("data", "Pictures and masks", "A mask for each picture.", formats=("picture_pairs",)),
        backbone_input(),
    ),
    uses={
        "generate": Use(ImageSegmenterGenerate, "Segment"),
        "batch": Use(
            ImageSegmenterBatch,
            "Segment a dataset",
            (Input("data", "Pictures", "With or without masks.", formats=("pictures", "picture_pairs")),),
            help="A mask for every picture of a dataset as a zip, and a table of what each shows.",
        ),
        "export": Use(
            ExportParams,
            "Export",
            help="Weights, class names and settings as one zip, with a model and an example that run without this service.",
        ),
    },
    source="U-Net: Ronneberger et al. 2015, arXiv:1505.04597; DeepLabV3+: Chen et al. 2018, arXiv:1802.02611; Dice loss: "
    "Milletari et al. 2016, arXiv:1606.04797; focal loss: Lin et al. 2017, arXiv:1708.02002",
    limits="It says one of its classes for every pixel, also of things it never saw, and sees pictures at the size it was trained "
    "with: what is small in a large picture is lost unless image_size is large.",
    criterion=Criterion("val_mean_iou", "max"),
    shape=("architecture", "width", "depth", "method"),
    check=check,
)
