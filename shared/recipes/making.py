"""What the recipes that make pictures have in common: params of what they learn from, and checks before a training is queued."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from shared.errors import Problem
from shared.recipes.base import BY_EPOCHS, Input, TrainParams, with_defaults
from shared.recipes.picture_params import AUGMENT, DATA

MOST_SAMPLES = 1_024  # of one generation
FEWEST = 2  # pictures: one to learn from, and one to see whether more than that one was learnt

MODEL: dict[str, Any] = {"group": "Model"}
PICTURES = Input("data", "Pictures", "With or without class folders.", formats=("pictures", "idx"))

IMAGE_SIZE: Any = Field(
    default=0,
    ge=0,
    le=512,
    description="Side to which pictures are scaled, 0: as they are, at most 96. Time grows with its square.",
    json_schema_extra=DATA | {"unit": "pixels"},
)
FLIP: Any = Field(
    default="none",
    description="horizontal: half of the pictures are mirrored at random. What is made is mirrored then, too.",
    json_schema_extra=AUGMENT,
)
Flip = Literal["none", "horizontal"]
MakingParams: Any = with_defaults(
    TrainParams, **BY_EPOCHS | {"weight_decay": 0.0}, batch_size=(64, "Pictures per step.")
)


def check_pictures(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Problems that show only when the dataset is known."""
    report = datasets["data"].report
    if report.rows < FEWEST:
        count = "one picture" if report.rows == 1 else "no pictures"
        message = f"has {count}; needs {FEWEST} at least, and some hundreds to make others like them"
        return [Problem(field="inputs.data", message=message)]
    return []


CLASSES: Any = Field(
    default="auto",
    description="auto: pictures are made of the class asked for, where every picture of the dataset lies in one of two folders or"
    " more; none: classes are left out.",
    json_schema_extra=MODEL,
)
