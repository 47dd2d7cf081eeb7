"""Spec of image_classifier: tell which of several classes a picture shows. Code: worker/recipes/image_classifier.py.

A dataset row: the file train/cat/0001.jpg of a zip is one picture of class "cat" in the part that trains.
"""

from typing import Any, Literal

from pydantic import Field, model_validator

from shared.errors import Problem
from shared.recipes.base import Params, RecipeSpec, TrainParams, advanced

_AUGMENT: dict[str, Any] = {"group": "Augmentation"}
MAX_IMAGES = 32  # of one generation job by upload; more belong into a dataset
MAX_IMAGE_BASE64 = 700_000  # characters, about 525 kB decoded: what fits the JSON body's usual 1 MiB


class ImageClassifierTrain(TrainParams):
    """How to train. The defaults suit a few hundred to some ten thousand pictures of up to about 64 pixels."""

    epochs: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="Passes over the training part. 0: as many as make 1,500 steps, 5 to 100.",
    )
    batch_size: int = Field(
        default=64, ge=1, le=65_536, description="Pictures per step.", json_schema_extra={"unit": "pictures"}
    )
    learning_rate: float = Field(default=2e-3, gt=0, le=10, description="Peak step size of the optimizer.")
    final_learning_rate: float = Field(
        default=1e-5,
        ge=0,
        le=10,
        description="Where the cosine schedule ends.",
        json_schema_extra=advanced("Optimizer"),
    )
    warmup_steps: int = Field(
        default=100,
        ge=0,
        le=1_000_000,
        description="Steps over which the rate rises from zero; at most a tenth of the run.",
        json_schema_extra=advanced("Optimizer", "steps"),
    )
    weight_decay: float = Field(
        default=0.02,
        ge=0,
        le=10,
        description="Decoupled weight decay (L2) of matrices; not of biases and norms.",
        json_schema_extra=advanced("Regularisation"),
    )
    beta_2: float = Field(
        default=0.999, gt=0, lt=1, description="Adam's second-moment decay.", json_schema_extra=advanced("Optimizer")
    )

    architecture: Literal["resnet", "vgg", "inception"] = Field(
        default="resnet",
        description="resnet: residual blocks; vgg: plain 3x3 layers; inception: parallel 1x1, 3x3, 5x5.",
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
        description="Side to which pictures are scaled, 0: as they are, at most 96.",
        json_schema_extra={"group": "Data", "unit": "pixels"},
    )
    validation_fraction: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        description="Share of the training part held out to watch progress, unless the dataset"
        " brings a val folder. 0: the test folder is watched instead.",
        json_schema_extra={"group": "Data"},
    )

    flip: Literal["auto", "none", "horizontal", "both"] = Field(
        default="auto",
        description="Random mirroring. auto: horizontal for colour pictures, none for grey ones.",
        json_schema_extra=_AUGMENT,
    )
    rotation: float = Field(
        default=10,
        ge=0,
        le=180,
        description="Random rotation up to this angle either way.",
        json_schema_extra=_AUGMENT | {"unit": "degrees"},
    )
    translation: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        description="Random shift (crop of the padded picture) up to this share of the side.",
        json_schema_extra=_AUGMENT,
    )
    zoom: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        description="Random scaling up to this share larger or smaller.",
        json_schema_extra=_AUGMENT,
    )


class UploadedImage(Params):
    """One picture sent with the request."""

    name: str = Field(default="", max_length=200, description="Shown beside the result.")
    data: str = Field(
        min_length=4,
        max_length=MAX_IMAGE_BASE64,
        pattern=r"^[A-Za-z0-9+/\s]+={0,2}\s*$",
        description="A PNG, JPEG, GIF, BMP or WebP file as base64.",
        json_schema_extra={"widget": "file"},
    )


class ImageClassifierGenerate(Params):
    """What to label: pictures sent along, or a dataset on the server. Exactly one of both."""

    images: list[UploadedImage] = Field(
        default_factory=list,
        max_length=MAX_IMAGES,
        description=f"Up to {MAX_IMAGES} pictures to label.",
        json_schema_extra={"widget": "images"},
    )
    dataset_id: str = Field(
        default="",
        pattern=r"^([0-9a-f]{32})?$",
        description="A dataset whose pictures are labelled, instead of images.",
        json_schema_extra={"widget": "dataset"},
    )
    part: Literal["all", "train", "val", "test"] = Field(
        default="all", description="Which part of the dataset.", json_schema_extra=advanced("Dataset")
    )
    offset: int = Field(
        default=0,
        ge=0,
        description="Pictures of the dataset passed over first.",
        json_schema_extra=advanced("Dataset", "pictures"),
    )
    limit: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="Most pictures of the dataset labelled.",
        json_schema_extra=advanced("Dataset", "pictures"),
    )
    top_k: int = Field(default=5, ge=1, le=1_000, description="How many labels are given with their probability.")
    activation_map: bool = Field(
        default=True, description="Also draw which places of a picture spoke for its label (first 8 pictures)."
    )

    @model_validator(mode="after")
    def _one_source(self) -> "ImageClassifierGenerate":
        if bool(self.images) == bool(self.dataset_id):
            raise ValueError("give either images or dataset_id" + ("; both are given" if self.images else ""))
        return self


def check(params: Any, dataset: Any) -> list[Problem]:
    """Problems that show only when params and dataset are known together."""
    problems = []
    stats = dataset.stats or {}
    classes = stats.get("classes") or {}
    if len(classes) == 1:
        problems.append(Problem(field="dataset_id", message="has one class; a classifier needs at least two"))
    images = sum(classes.values()) if classes else stats.get("images", 0)
    if images and images < 2 * max(len(classes), 1):
        problems.append(Problem(field="dataset_id", message=f"has {images} pictures; needs two of each class at least"))
    return problems


SPEC = RecipeSpec(
    name="image_classifier",
    version=1,
    title="Image classifier",
    summary="Tells which of your classes a picture shows: a small convolutional network trained from scratch.",
    family="images",
    train_params=ImageClassifierTrain,
    generate_params=ImageClassifierGenerate,
    formats=("image_folder", "idx"),
    generates="labels",
    source="ResNet: He et al. 2015, arXiv:1512.03385; VGG: Simonyan, Zisserman 2014, arXiv:1409.1556; Inception: "
    "Szegedy et al. 2014, arXiv:1409.4842; class-activation maps: Zhou et al. 2016, arXiv:1512.04150",
    check=check,
)
