"""Spec of image_to_image: a better picture from a damaged one. Code: worker/recipes/image_to_image.py.

A dataset row: a clean picture, photos/0001.jpg, which is damaged on purpose; or the pair noisy/0001.png and clean/0001.png.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from shared.errors import Problem
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
from shared.recipes.picture_params import DATA, HeldOut, Part

MAX_IMAGES = 16  # of one generation; more belong into a dataset
MOST_TIMES = 4  # how many times as large an answer may be as what is given

_MODEL: dict[str, Any] = {"group": "Model"}
_DAMAGE: dict[str, Any] = {"group": "Damage"}
_Base = with_defaults(
    TrainParams,
    batch_size=(8, "Pieces of pictures per step."),
    learning_rate=2e-3,
    final_learning_rate=1e-5,
    warmup_steps=(100, "Steps over which the rate rises from zero; at most a tenth of the run."),
    beta_2=0.999,
)


class ImageToImageTrain(_Base):
    """How to train. The defaults suit from ten to some thousand pictures, and take about five minutes on two cores."""

    task: Literal["super_resolution", "denoise", "pairs", "inpaint"] = Field(
        default="super_resolution",
        description="super_resolution: larger and sharp; denoise: less noise; inpaint: holes are filled; pairs: whatever turns the"
        " first picture of your pairs into the second.",
    )
    steps: int = Field(
        default=2_000, ge=1, le=1_000_000, description="Batches to learn from.", json_schema_extra={"unit": "steps"}
    )
    eval_every: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Steps between two evaluations with a sample. 0: a twentieth of all.",
        json_schema_extra=advanced("Run", "steps"),
    )
    scale: int = Field(
        default=2,
        ge=2,
        le=MOST_TIMES,
        description="super_resolution: how many times as large a picture becomes.",
        json_schema_extra=_DAMAGE | {"unit": "times"},
    )
    sigma: float = Field(
        default=25.0,
        ge=1,
        le=150,
        description="denoise: standard deviation of the noise, of values from 0 to 255.",
        json_schema_extra=_DAMAGE,
    )
    noise: Literal["fixed", "up_to"] = Field(
        default="fixed",
        description="denoise. fixed: always sigma; up_to: anything up to it, for pictures whose noise is not known.",
        json_schema_extra=_DAMAGE,
    )
    hole: float = Field(
        default=0.15,
        ge=0.005,
        le=0.6,
        description="inpaint: the largest share that is missing of a piece that is learnt from.",
        json_schema_extra=_DAMAGE,
    )
    network: Literal["auto", "residual", "unet"] = Field(
        default="auto",
        description="residual: blocks that look closely; unet: sees far around each pixel. auto: unet for inpaint, else residual.",
        json_schema_extra=_MODEL,
    )
    width: int = Field(
        default=32,
        ge=4,
        le=256,
        description="Channels of the network; of a unet those of the first stage, doubled three times at most.",
        json_schema_extra=_MODEL | {"unit": "channels"},
    )
    depth: int = Field(
        default=4,
        ge=1,
        le=6,
        description="residual: twice as many blocks of two convolutions; unet: how often it halves the picture.",
        json_schema_extra=_MODEL,
    )
    image_size: int = Field(
        default=0,
        ge=0,
        le=8_192,
        description="Longer side to which larger clean pictures are made smaller, which also takes the traces of JPEG away."
        " 0: as they are.",
        json_schema_extra=DATA | {"unit": "pixels"},
    )
    patch: int = Field(
        default=0,
        ge=0,
        le=512,
        description="Side of the pieces that are learnt from. 0: 40, of a unet 96.",
        json_schema_extra=DATA | {"unit": "pixels"},
    )
    tile: int = Field(
        default=0,
        ge=0,
        le=1_024,
        description="Side of the tiles that a picture is answered in. 0: 128, of a unet 256.",
        json_schema_extra=advanced("Data", "pixels"),
    )
    turn: Literal["all", "horizontal", "none"] = Field(
        default="all",
        description="Pieces are mirrored at random, or left as they are. all: and turned by quarters.",
        json_schema_extra=DATA,
    )
    validation_fraction: HeldOut = 0.1


class ImageToImageGenerate(Params):
    """What to make better."""

    images: list[FileId] = Files(f"Up to {MAX_IMAGES} pictures.", accepts=("image/*",), most=MAX_IMAGES)
    masks: list[FileId] = Files(
        "For a model that fills holes: a picture for each that is white where something is missing, or one for all. Without,"
        " the holes are what is transparent.",
        accepts=("image/*",),
        most=MAX_IMAGES,
        default=[],
        paints="images",
        when={"task": "inpaint"},
    )


class ImageToImageBatch(BatchParams):
    """Which pictures of a dataset to make better."""

    part: Part = "all"


def check(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Problems that show only when params and dataset are known together."""
    dataset = datasets["data"]
    report, problems = dataset.report, list[Problem]()
    if dataset.format != "picture_pairs":
        if params.task == "pairs":
            message = (
                "pairs needs pairs of pictures, such as noisy/1.png and clean/1.png; this dataset holds pictures alone"
            )
            problems.append(Problem(field="params.task", message=message))
        return problems
    if report.facts.get("kind") != "picture":
        message = "its right pictures are masks; a restorer learns from clean pictures, or from damaged and clean ones"
        return [Problem(field="inputs.data", message=message)]
    if params.task != "pairs":
        message = f"{params.task} makes its own damage and takes pictures alone; from these pairs a model learns with task pairs"
        problems.append(Problem(field="params.task", message=message))
    low, high = report.facts.get("factor", [1, 1])
    if low != high:
        message = f"its right pictures are {low} to {high} times as large as the left: a model learns one factor only"
        problems.append(Problem(field="inputs.data", message=message))
    elif high > MOST_TIMES:
        message = f"its right pictures are {high} times as large as the left; {MOST_TIMES} times at most are learnt"
        problems.append(Problem(field="inputs.data", message=message))
    if params.image_size:
        message = "pairs stay as large as they are: leave image_size at 0"
        problems.append(Problem(field="params.image_size", message=message))
    return problems


SPEC = RecipeSpec(
    name="image_to_image",
    version=1,
    title="Picture restorer",
    summary="Makes pictures better: larger and sharp, without noise, with their holes filled, or as your own pairs show it.",
    family="images",
    train_params=ImageToImageTrain,
    inputs=(
        Input(
            "data",
            "Pictures",
            "Clean pictures, which are damaged on purpose; or pairs of a damaged and a clean one.",
            formats=("pictures", "idx", "picture_pairs"),
        ),
    ),
    uses={
        "generate": Use(ImageToImageGenerate, "Restore"),
        "batch": Use(
            ImageToImageBatch,
            "Restore a dataset",
            (Input("data", "Pictures", "With or without their clean ones.", formats=("pictures", "picture_pairs")),),
            help="Every picture of a dataset made better, as a zip, and a table of how near each is to its clean one.",
        ),
        "export": Use(
            ExportParams,
            "Export",
            help="Weights and settings as one zip, with a model and an example that run without this service.",
        ),
    },
    source="VDSR: Kim et al. 2016, arXiv:1511.04587; EDSR: Lim et al. 2017, arXiv:1707.02921; DnCNN: Zhang et al. 2017, "
    "arXiv:1608.03981; U-Net: Ronneberger et al. 2015, arXiv:1505.04597; Charbonnier loss: Lai et al. 2017, arXiv:1704.03915",
    limits="It undoes the damage it was trained with and no other: pictures made smaller in another way, or noise of another kind, "
    "come out little better. What it adds is likely, not true: no evidence of what a blurred or missing part showed.",
    criterion=Criterion("val_psnr", "max"),
    shape=("task", "scale", "network", "width", "depth"),
    check=check,
)
