"""Spec of object_detector: boxes around the things in a picture. Code: worker/recipes/object_detector.py.

A dataset row: the picture images/a.jpg and its boxes, of annotations/a.xml, of a COCO .json or of labels/a.txt.
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
from shared.recipes.picture_params import AUGMENT, DATA, Colour, HeldOut, Part

MAX_IMAGES = 16  # of one generation; more belong into a dataset

_MODEL: dict[str, Any] = {"group": "Model"}
_Base = with_defaults(TrainParams, batch_size=(8, "Pictures per step."), **BY_EPOCHS | {"clip_norm": 10.0})


class ObjectDetectorTrain(_Base):
    """How to train. The defaults suit a hundred to some thousand pictures."""

    epochs: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="Passes over the training part. 0: as many as make 4,000 steps, 10 to 300; upon a backbone 1,500, 5 to 100.",
    )
    width: int = Field(
        default=12,
        ge=4,
        le=128,
        description="Channels of the first stage; doubles at each of four further ones. 8 is fast, 16 is YOLOv8's smallest.",
        json_schema_extra=_MODEL | {"unit": "channels"},
    )
    depth: int = Field(
        default=1,
        ge=1,
        le=8,
        description="Residual blocks of each stage; upon a backbone of those that stand on it.",
        json_schema_extra=_MODEL,
    )
    head: Literal["one_stage", "two_stage"] = Field(
        default="one_stage",
        description="one_stage: each place of the picture says a box and its class at once, as YOLO does; two_stage: the surest"
        " boxes are looked at once more, as Faster R-CNN does: slower, at times surer of the class.",
        json_schema_extra=_MODEL,
    )
    method: Learns = "full"
    backbone_share: BackboneShare = 0.1
    average: float = Field(
        default=0.998,
        ge=0,
        lt=1,
        description="How much of the running average of the weights, which is what answers, stays at each step. 0: no average.",
        json_schema_extra=advanced("Model"),
    )
    ignore: list[str] = Field(
        default=[],
        max_length=100,
        description="Classes that are neither learnt nor counted.",
        json_schema_extra=DATA,
    )
    image_size: int = Field(
        default=0,
        ge=0,
        le=2_048,
        description="Longer side to which pictures are brought, rounded up to a multiple of 32; 0: 320, or less for small pictures."
        " Small things need a large one.",
        json_schema_extra=DATA | {"unit": "pixels"},
    )
    validation_fraction: HeldOut = 0.1
    mosaic: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of pictures made of pieces of four, until the last sixth of the steps. Helps where pictures are few.",
        json_schema_extra=AUGMENT,
    )
    flip: Literal["horizontal", "none", "both"] = Field(
        default="horizontal",
        description="Random mirroring of picture and boxes.",
        json_schema_extra=AUGMENT,
    )
    zoom: float = Field(
        default=0.4,
        ge=0,
        le=0.8,
        description="Random scaling up to this share larger or smaller, and cuts at a random place.",
        json_schema_extra=AUGMENT,
    )
    colour: Colour = 0.2


class _Sure(Params):
    """How sure the model must be."""

    least_score: float = Field(
        default=0.25,
        ge=0.01,
        le=1,
        description="What the model is less sure of is not shown. Larger: fewer wrong boxes, more missed things.",
        json_schema_extra={"short": True},
    )
    overlap: float = Field(
        default=0.6,
        gt=0,
        lt=1,
        description="Of two boxes of a class that overlap by more (intersection over union), the surer one stays.",
        json_schema_extra=advanced("Answer"),
    )


class ObjectDetectorGenerate(_Sure):
    """What to look at."""

    images: list[FileId] = Files(f"Up to {MAX_IMAGES} pictures.", accepts=("image/*",), most=MAX_IMAGES)


class ObjectDetectorBatch(BatchParams, _Sure):
    """Which pictures of a dataset to look at."""

    part: Part = "all"
    pictures: bool = Field(default=True, description="Also a zip of the pictures with the boxes drawn in.")


def check(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Problems that show only when params and dataset are known together."""
    report = datasets["data"].report
    problems = []
    if params.head == "two_stage" and params.xla == "on":
        message = "cannot be on with head two_stage: choosing the surest boxes is nothing XLA compiles"
        problems.append(Problem(field="params.xla", message=message))
    if report.rows < 2:
        problems.append(Problem(field="inputs.data", message="has one picture; needs two at least"))
    for name in params.ignore:
        if name not in report.classes:
            near = get_close_matches(name, report.classes, 1)
            there = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(list(report.classes)[:8])}"
            problems.append(Problem(field="params.ignore", message=f"no box has the class {name!r}; {there}"))
    if report.classes and not [name for name in report.classes if name not in params.ignore]:
        problems.append(Problem(field="params.ignore", message="has every class there is; leave one to be learnt"))
    return problems


SPEC = RecipeSpec(
    name="object_detector",
    version=1,
    title="Object detector",
    summary="Finds the things in a picture, each with a box, a class and a score: a small YOLO-like network, from"
    " scratch or upon a pre-trained backbone.",
    family="images",
    train_params=ObjectDetectorTrain,
    inputs=(
        Input("data", "Pictures with boxes", "Boxes around the things to find.", formats=("boxes",)),
        backbone_input(),
    ),
    uses={
        "generate": Use(ObjectDetectorGenerate, "Find things"),
        "batch": Use(
            ObjectDetectorBatch,
            "Find things in a dataset",
            (Input("data", "Pictures", "With or without boxes.", formats=("pictures", "picture_pairs", "boxes")),),
            help="A table of all boxes found in the pictures of a dataset, and the pictures with the boxes drawn in as a zip.",
        ),
        "export": Use(
            ExportParams,
            "Export",
            help="Weights, class names and settings as one zip, with a model and an example that run without this service.",
        ),
    },
    source="Without anchors, decoupled head: YOLOX, Ge et al. 2021, arXiv:2107.08430; task-aligned assignment: TOOD, Feng et al. "
    "2021, arXiv:2108.07755; distribution focal loss: Li et al. 2020, arXiv:2006.04388; complete IoU: Zheng et al. 2020, "
    "arXiv:1911.08287; CSPNet: Wang et al. 2020, arXiv:1911.11929; PANet: Liu et al. 2018, arXiv:1803.01534; mosaic: YOLOv4, "
    "Bochkovskiy et al. 2020, arXiv:2004.10934; two stages: Faster R-CNN, Ren et al. 2015, arXiv:1506.01497",
    limits="It finds what looks like the classes it was trained with, and sees pictures at the size it was trained with: what is "
    "smaller than about 8 pixels there is lost unless image_size is large.",
    criterion=Criterion("val_map50", "max"),
    shape=("width", "depth", "head", "method"),
    check=check,
)
