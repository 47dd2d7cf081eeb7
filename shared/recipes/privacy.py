"""Params of recipes that can be trained with differential privacy, and what does not go together with it.

epsilon decides: without one nothing here means anything. worker/privacy.py says what is promised, docs/privacy.md to whom.
"""

from typing import Annotated, Any

from pydantic import Field

from shared.errors import Problem
from shared.recipes.base import advanced

SEED_HELP = (
    "Same seed, data and params: same model, on the CPU to the bit; not with epsilon, whose noise nobody draws again."
)

Epsilon = Annotated[
    float | None,
    Field(
        ge=0.01,
        le=100,
        description="Train with differential privacy: how much the model may tell about any one training row, the less the "
        "smaller; 1 is strict, 8 is common. Costs quality, which is told, and time. Empty: not private.",
        json_schema_extra={"group": "Privacy"},
    ),
]
Delta = Annotated[
    float,
    Field(
        ge=0,
        le=0.01,
        description="The chance left for telling more than epsilon, below one in the number of rows. 0: the number of training "
        "rows to the power of -1.1.",
        json_schema_extra=advanced("Privacy"),
    ),
]
ExampleClipNorm = Annotated[
    float,
    Field(
        gt=0,
        le=1e6,
        description="With epsilon: the largest norm of one row's gradient, what it says in a step; longer ones are cut to it. "
        "The noise grows with it; where most are cut, answers become too sure.",
        json_schema_extra=advanced("Privacy"),
    ),
]
BesidePlain = Annotated[
    bool,
    Field(
        description="With epsilon: also train the same network without it, to tell what privacy costs in quality. That one is "
        "not kept.",
        json_schema_extra={"group": "Privacy"},
    ),
]


def is_private(params: Any) -> bool:
    """Whether a training is to be private. params: of any recipe, validated or as JSON."""
    value = params.get("epsilon") if isinstance(params, dict) else getattr(params, "epsilon", None)
    return value is not None


def private_delta(params: Any, rows: int) -> float:
    """The delta of a training of so many rows."""
    return params.delta or float(max(rows, 2)) ** -1.1


def private_problems(params: Any, rows: int, *, parted: bool) -> list[Problem]:
    """What of a recipe's params cannot be had together with epsilon. [] without one.

    rows: of the table. parted: the table says itself which rows are for validation.
    """
    if not is_private(params):
        return []
    wrong: dict[str, str] = {}
    if params.folds:
        wrong["folds"] = "every fold would spend epsilon once more on the same rows: set it to 0"
    if not params.validation_fraction and not parted:
        wrong["validation_fraction"] = (
            "borders of numbers, known words and the like are learnt from the validation part, whose rows epsilon does not cover: "
            "set it above 0"
        )
    if params.class_weights == "resampled":
        wrong["class_weights"] = "every row must have the same chance to be drawn: right are none and balanced"
    if params.precision == "float16":
        wrong["precision"] = "gradients of single rows are not scaled: right are float32 and bfloat16"
    if params.xla == "on":
        wrong["xla"] = (
            "a private step draws another number of rows each time, which XLA would compile anew: right are auto and off"
        )
    if params.delta and params.delta * rows >= 1:
        wrong["delta"] = (
            f"{params.delta:g} with {rows:,} rows may give a row away as a whole: below {1 / rows:.2g}, or 0"
        )
    return [Problem(field=f"params.{name}", message=f"with epsilon {message}") for name, message in wrong.items()]


def private_network_problems(params: Any, *, upon_encoder: bool) -> list[Problem]:
    """Which network a private training on texts cannot teach. [] without epsilon."""
    if is_private(params) and not upon_encoder and params.network != "cnn":
        message = "with epsilon the gradients of single texts cannot be made together by this network: right is cnn"
        return [Problem(field="params.network", message=message)]
    if not (is_private(params) and upon_encoder and params.method == "full"):
        return []
    message = (
        "with epsilon an encoder cannot learn as a whole: the gradients of single rows do not fit into memory, and the noise "
        "would drown what they say; right are frozen and lora"
    )
    return [Problem(field="params.method", message=message)]


def start_problem(params: Any) -> str:
    """Why a training cannot start from another model; "" where it can."""
    if not is_private(params):
        return ""
    return "what that model has learnt of its rows is not in this epsilon: a private training begins anew; leave it out"
