"""What a recipe's spec is made of. Each spec is one file beside this one; shared/recipes/__init__.py lists them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import MOST_PROBLEMS, Further, InvalidParams, Problem


class Params(BaseModel):
    """Base of all params: unknown names are refused, values never change, NaN and infinity are refused.

    A field's json_schema_extra may hold "unit" (shown after the input), "group" (heading in the form) and
    "advanced" (folded away at first).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def advanced(group: str, unit: str = "") -> dict[str, Any]:
    """json_schema_extra of a field that most users leave alone."""
    return {"group": group, "unit": unit, "advanced": True}


class TrainParams(Params):
    """Params every training shares; worker/training/fit.py gives them their meaning."""

    batch_size: int = Field(
        32, ge=1, le=65_536, description="Examples per step.", json_schema_extra={"unit": "examples"}
    )
    learning_rate: float = Field(1e-3, gt=0, le=10, description="Peak step size of the optimizer.")
    schedule: Literal["constant", "cosine"] = Field(
        "cosine", description="cosine: falls to final_learning_rate over the run; constant: stays."
    )
    final_learning_rate: float = Field(
        1e-4, ge=0, le=10, description="Where the cosine schedule ends.", json_schema_extra=advanced("Optimizer")
    )
    warmup_steps: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Steps over which the rate rises from zero.",
        json_schema_extra=advanced("Optimizer", "steps"),
    )
    optimizer: Literal["adam", "adamw", "sgd"] = Field(
        "adamw", description="adamw decays weights apart from the gradient.", json_schema_extra=advanced("Optimizer")
    )
    beta_2: float = Field(
        0.99, gt=0, lt=1, description="Adam's second-moment decay.", json_schema_extra=advanced("Optimizer")
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Shrinks matrices, not biases and norms: apart from the gradient with adamw, as L2 in it with the others.",
        json_schema_extra=advanced("Regularisation"),
    )
    l1: float = Field(
        0.0, ge=0, le=1, description="L1 penalty on weight matrices.", json_schema_extra=advanced("Regularisation")
    )
    clip_norm: float = Field(
        1.0,
        ge=0,
        le=1e6,
        description="Largest global norm of a gradient; 0: no limit.",
        json_schema_extra=advanced("Optimizer"),
    )
    early_stopping_patience: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Stop after this many evaluations without a better validation loss; 0: never.",
        json_schema_extra=advanced("Run", "evaluations"),
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="Arithmetic of the layers; weights stay float32.", json_schema_extra=advanced("Run")
    )
    xla: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Compile the step with XLA. auto: what was measured to be faster for this recipe.",
        json_schema_extra=advanced("Run"),
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Same seed, data and params: same model, on the CPU to the bit.")


@dataclass(frozen=True)
class RecipeSpec:
    """A named, versioned way to train and use a model. Its code is worker/recipes/<name>.py.

    formats: dataset formats accepted (names of shared/datasets.py), first is the usual one.
    generates: "text" or "labels": how outputs are shown.
    streams: True when generate publishes "output" events as it goes.
    check: (params, dataset manifest) -> problems that only show when both are known.
    generate_dataset: generate may name files of a dataset as its input.
    """

    name: str
    version: int
    title: str
    summary: str
    family: str
    train_params: type[TrainParams]
    generate_params: type[Params]
    formats: tuple[str, ...]
    generates: Literal["text", "labels"]
    source: str
    streams: bool = False
    check: Callable[[Any, Any], list[Problem]] = field(default=lambda params, dataset: [])

    def params_model(self, kind: str) -> type[Params]:
        return self.train_params if kind == "train" else self.generate_params


def validate_params(model: type[Params], values: dict[str, Any]) -> Params:
    """Check values against a params model. Raises InvalidParams naming the problems, fields as params.<name>."""
    try:
        return model.model_validate(values)
    except ValidationError as err:
        problems: list[Problem] = []
        found = err.errors()
        for e in found[:MOST_PROBLEMS]:
            name = ".".join(str(part) for part in e["loc"])
            message = e["msg"].removeprefix("Value error, ")
            if e["type"] == "extra_forbidden":
                message = f"unknown; known are {', '.join(model.model_fields)}"
            elif not isinstance(e.get("input"), dict | list):
                message = f"{message}; got {e['input']!r:.60}"
            problems.append(Problem(field=f"params.{name}" if name else "params", message=message))
        raise InvalidParams([*problems, Further(count=len(found) - len(problems))]) from err
