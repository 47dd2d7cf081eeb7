"""Spec of style_transfer: a picture painted as another one is. Code: worker/recipes/style_transfer.py.

A dataset row: the file holiday/0001.jpg of a zip, any photograph. The style is a file of its own, such as starry_night.jpg.

A backbone as it came makes a stylised picture of two pictures, too: no training is needed for that.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from shared.errors import Problem
from shared.recipes.base import (
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
from shared.recipes.picture_params import DATA, HeldOut, Part

MAX_IMAGES = 8  # of one generation; more belong into a dataset
MAX_STYLES = 4
AT_ONCE_SIDE, BY_STEPS_SIDE = 512, 256  # longer sides where `size` is 0: by a network, by optimisation
MOST_BY_STEPS = (
    1_024  # pixels of the longer side by optimisation: every map of the network is kept for the way back, some GB
)

_LOSS: dict[str, Any] = {"group": "Losses"}
_BY_STEPS: dict[str, Any] = {"group": "By optimisation"}

_CONTENT = "Weight of the content loss: more keeps what a picture shows nearer to how it was."
_STYLE = "Weight of the style loss: more takes more of the style."
_SMOOTH = "Weight of the differences between neighbouring pixels (total variation): more is smoother."
ContentWeight = Annotated[float, Field(gt=0, le=1e4, description=_CONTENT)]
StyleWeight = Annotated[float, Field(gt=0, le=1e4, description=_STYLE)]
Smoothness = Annotated[float, Field(ge=0, le=100, description=_SMOOTH)]
StyleSize = Annotated[
    int,
    Field(
        ge=32,
        le=1_024,
        description="Longer side that a style's picture is made smaller to: larger gives larger strokes.",
    ),
]

_Base = with_defaults(
    TrainParams,
    batch_size=(2, "Pictures per step."),
    learning_rate=2e-3,
    final_learning_rate=1e-5,
    warmup_steps=(50, "Steps over which the rate rises from zero; at most a tenth of the run."),
    beta_2=0.999,
)


class StyleTransferTrain(_Base):
    """How to train a fast network for one style. The defaults suit from fifty photographs on."""

    style: list[FileId] = Files(
        f"The picture whose style is learnt; of several, up to {MAX_STYLES}, what they have in common.",
        accepts=("image/*",),
        most=MAX_STYLES,
        default=[],
        needed=True,
    )
    steps: int = Field(
        default=1_500, ge=1, le=1_000_000, description="Batches to learn from.", json_schema_extra={"unit": "steps"}
    )
    eval_every: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Steps between two evaluations with a sample. 0: a twentieth of all.",
        json_schema_extra=advanced("Run", "steps"),
    )
    content_weight: ContentWeight = Field(default=1.0, json_schema_extra=_LOSS)
    style_weight: StyleWeight = Field(default=10.0, json_schema_extra=_LOSS)
    smoothness: Smoothness = Field(default=0.02, json_schema_extra=_LOSS)
    style_size: StyleSize = Field(default=256, json_schema_extra=_LOSS | {"unit": "pixels"})
    width: int = Field(
        default=16,
        ge=4,
        le=128,
        description="Channels of the network's first convolution; twice and four times as many behind it.",
        json_schema_extra={"group": "Model", "unit": "channels"},
    )
    depth: int = Field(
        default=3,
        ge=1,
        le=12,
        description="Residual blocks in its middle.",
        json_schema_extra={"group": "Model", "unit": "blocks"},
    )
    image_size: int = Field(
        default=160,
        ge=32,
        le=1_024,
        description="Side of the squares that the pictures are scaled to while it learns.",
        json_schema_extra=DATA | {"unit": "pixels"},
    )
    validation_fraction: HeldOut = 0.1


class _Styled(Params):
    """What to do with a picture: by the style that a network has learnt, or by the pictures given as `style`."""

    style: list[FileId] = Files(
        f"The picture whose style is taken, up to {MAX_STYLES} for what they have in common. A backbone as it came needs one. Given"
        " beside a model that has learnt a style, the picture is made by optimisation instead.",
        accepts=("image/*",),
        most=MAX_STYLES,
        default=[],
        needed_of_base=True,
    )
    keep_colour: bool = Field(
        default=False,
        description="Colours stay the picture's own; brightness alone is taken from the style.",
        json_schema_extra={"short": True},
    )
    strength: float = Field(
        default=1.0, ge=0, le=1, description="Share of the stylised picture; the rest is the picture as it was given."
    )
    size: int = Field(
        default=0,
        ge=0,
        le=2_048,
        description=f"Longer side that pictures are made smaller to. 0: {AT_ONCE_SIDE}; by optimisation {BY_STEPS_SIDE}, at most"
        f" {MOST_BY_STEPS:,}.",
        json_schema_extra={"unit": "pixels"},
    )
    content_weight: ContentWeight = Field(default=1.0, json_schema_extra=_BY_STEPS)
    style_weight: StyleWeight = Field(default=10.0, json_schema_extra=_BY_STEPS)
    smoothness: Smoothness = Field(default=0.02, json_schema_extra=_BY_STEPS)
    style_size: StyleSize = Field(default=256, json_schema_extra=_BY_STEPS | {"unit": "pixels"})
    steps: int = Field(
        default=120,
        ge=1,
        le=10_000,
        description="Steps in which a picture is changed.",
        json_schema_extra=_BY_STEPS | {"unit": "steps"},
    )

    @model_validator(mode="after")
    def _fits_into_memory(self) -> "_Styled":
        if self.style and self.size > MOST_BY_STEPS:
            raise ValueError(
                f"size {self.size}: with a style it is by optimisation, of at most {MOST_BY_STEPS:,} pixels"
            )
        return self


class _Uploaded(Params):
    images: list[FileId] = Files(f"Up to {MAX_IMAGES} pictures to stylise.", accepts=("image/*",), most=MAX_IMAGES)


class StyleTransferGenerate(_Styled, _Uploaded):
    """What to stylise. The params of optimisation count only where a style is given."""


class StyleTransferBatch(_Styled, BatchParams):
    """Which pictures of a dataset to stylise, and how."""

    part: Part = "all"


def check(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Problems that show only when params and dataset are known together."""
    problems = list[Problem]()
    if not params.style:
        problems.append(Problem(field="params.style", message="choose the picture whose style is to be learnt"))
    if datasets["data"].report.rows < 2:
        problems.append(Problem(field="inputs.data", message="has one picture; a style is learnt on two at least"))
    return problems


SPEC = RecipeSpec(
    name="style_transfer",
    version=1,
    title="Style transfer",
    summary="Paints pictures as another picture is painted: any two by optimisation, or at once by a network for one style.",
    family="images",
    train_params=StyleTransferTrain,
    inputs=(
        Input("data", "Pictures", "What it learns to stylise: any photographs.", formats=("pictures", "idx")),
        Input(
            "base",
            "Features",
            "A network that sees: a backbone, or an image classifier trained here. Styles and contents are compared by it.",
            bases=("backbone",),
            recipes=("image_classifier",),
        ),
    ),
    uses={
        "generate": Use(
            StyleTransferGenerate,
            "Stylise",
            help="Two pictures in, a stylised one out; of a model that has learnt a style, one picture.",
        ),
        "batch": Use(
            StyleTransferBatch,
            "Stylise a dataset",
            (Input("data", "Pictures", "With or without class folders.", formats=("pictures", "idx")),),
            help="Every picture of a dataset stylised, as a zip, and a table of how far both losses fall.",
        ),
        "export": Use(
            ExportParams,
            "Export",
            help="The network and its settings as one zip, with a model and an example that run without this service.",
        ),
    },
    source="Gatys et al. 2016, Image Style Transfer Using Convolutional Neural Networks (CVPR); fast network: Johnson et al. 2016,"
    " arXiv:1603.08155; instance normalisation: Ulyanov et al. 2016, arXiv:1607.08022; networks other than VGG:"
    " Mordvintsev et al. 2018, Differentiable Image Parameterizations, doi:10.23915/distill.00012",
    limits="It takes colours, strokes and textures as its network sees them; it knows nothing of what a picture shows, and paints a"
    " face as it paints a cloud.",
    bases=("backbone",),
    shape=("width", "depth"),
    check=check,
)
