"""What a recipe's spec is made of. Each spec is one file beside this one; shared/recipes/__init__.py lists them.

From the spec alone come the form, the API's schema, the command line's flags, every check before a job is queued, and a page of
the docs. shared/recipes/fields.py has the kinds of params beyond numbers, choices and texts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from shared.errors import MOST_PROBLEMS, Further, InvalidParams, Problem
from shared.outputs import Output
from shared.wrong_values import in_words


class Params(BaseModel):
    """Base of all params: unknown names are refused, values never change, NaN and infinity are refused.

    A field's json_schema_extra may hold "unit" (shown after the input), "group" (heading in the form), "advanced" (folded away
    at first) and "short" (shown in the small form beside a model).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def advanced(group: str, unit: str = "") -> dict[str, Any]:
    """json_schema_extra of a field that most users leave alone."""
    return {"group": group, "unit": unit, "advanced": True}


class SharedParams(Params):
    """Params every training has, with gradients or without."""

    seed: int = Field(
        0,
        ge=0,
        lt=2**31,
        description="Same seed, data and params: same model, on the CPU to the bit.",
        json_schema_extra=advanced("Run"),
    )


class TrainParams(SharedParams):
    """Params of every training by gradients; worker/training/ gives them their meaning."""

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
        description="Stop after this many evaluations without a better one; 0: never.",
        json_schema_extra=advanced("Run", "evaluations"),
    )
    keep: Literal["last", "best"] = Field(
        "best",
        description="The state the model is made of: the last, or the one that was best in its evaluations.",
        json_schema_extra=advanced("Run"),
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="Arithmetic of the layers; weights stay float32.", json_schema_extra=advanced("Run")
    )
    xla: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Compile the step with XLA. auto: what was measured to be faster for this recipe.",
        json_schema_extra=advanced("Run"),
    )


def with_defaults(base: type[Params], **defaults: Any) -> type[Any]:
    """A params model like base whose named fields have other defaults: with_defaults(TrainParams, learning_rate=2e-3).

    A value may also be a pair (default, description). Ranges, units and groups stay. Raises KeyError for an unknown field.
    """
    fields: dict[str, Any] = {}
    for name, value in defaults.items():
        known = base.model_fields[name]
        default, description = value if isinstance(value, tuple) else (value, known.description)
        same = Field(default, description=description, json_schema_extra=known.json_schema_extra)
        kind = Annotated[known.annotation, *known.metadata] if known.metadata else known.annotation
        fields[name] = (kind, same)
    return create_model(f"{base.__name__}WithDefaults", __base__=base, **fields)


# Of trainings that count epochs, over rows or pictures rather than a stream: for with_defaults(TrainParams, **BY_EPOCHS, ...).
BY_EPOCHS: dict[str, Any] = {
    "learning_rate": 2e-3,
    "final_learning_rate": 1e-5,
    "warmup_steps": (100, "Steps over which the rate rises from zero; at most a tenth of the run."),
    "weight_decay": (0.02, "Decoupled weight decay (L2) of matrices; not of biases and norms."),
    "beta_2": 0.999,
}


@dataclass(frozen=True)
class Input:
    """Something a job is given besides params, by its role ("data", "style", "base").

    formats: names of dataset formats it accepts (shared/datasets/formats). recipes: recipes whose checkpoints it accepts; "*": the
    recipe's own. bases: kinds of base models it accepts (shared/bases/manifest.py). title, help: for the form.
    """

    role: str
    title: str
    help: str = ""
    formats: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    required: bool = True


@dataclass(frozen=True)
class Makes:
    """That a use makes pictures, each a PNG of its own in a zip, of a class where its model knows any.

    label, count, seed: params that say the class, how many, and of which draw. file: the zip, in order. The assets of a model say
    under classes their names, [] where there are none, and under shape (height, width, channels) of a picture.
    """

    label: str = "label"
    count: str = "count"
    seed: str = "seed"
    file: str = "pictures.zip"


@dataclass(frozen=True)
class Use:
    """Something to do with a trained model. verb: on the button ("Classify"). inputs: beside the model itself.

    streams: it publishes "output" events as it goes. makes: pictures, so that it answers OpenAI's Images API (web/openai_api).
    """

    params: type[Params]
    verb: str
    inputs: tuple[Input, ...] = ()
    streams: bool = False
    help: str = ""
    makes: Makes | None = None


class BatchParams(Params):
    """Params of a use that answers a whole dataset into one file."""

    format: Literal["csv", "jsonl", "parquet"] = Field(
        "csv",
        description="Of the file that comes back: csv opens in a spreadsheet; jsonl has an object a line; parquet keeps the types.",
    )


class ExportParams(Params):
    """Nothing to choose: everything that the model is made of."""


@dataclass(frozen=True)
class Given:
    """What a role is given before a job is queued. known: its DatasetManifest, or its Base. folder: where it lies."""

    known: Any
    folder: Path


@dataclass(frozen=True)
class Foreseen:
    """What a look into the data themselves tells of a training before it is queued: what is wrong, and what there is to see."""

    problems: list[Problem] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)


@dataclass(frozen=True)
class Criterion:
    """What "better" means in an evaluation: a metric it yields, and whether less or more of it is better."""

    metric: str = "val_loss"
    mode: Literal["min", "max"] = "min"

    def better(self, value: float, than: float | None) -> bool:
        return than is None or (value < than if self.mode == "min" else value > than)


@dataclass(frozen=True)
class RecipeSpec:
    """A named, versioned way to train and use a model. Its code is the module `code`, worker/recipes/<name>.py by default.

    inputs: of a training, the main one first. bases: kinds of base models whose like its code can use as they are, without any
    training (worker/recipe.py, open_base). shape: the params that decide of which shape and meaning its weights are: with others
    no training can begin with them (shared/recipes/shape.py). uses: by name; "generate" is the usual one, "batch" a whole dataset
    in and a table or zip out, "export" the model to take away. limits: what its models cannot do, a sentence for their cards.
    check: (params, datasets by role) -> problems that only show when both are known. foresee: (params, Given by role, bytes of
    memory that the largest worker has or 0) -> what a look into the data tells, in a second or two; asked when nothing else is
    wrong. row_columns: (a training's params, the report of its main dataset) -> columns of the rows that its model answers, which a
    form asks for one by one.
    """

    name: str
    version: int
    title: str
    summary: str
    family: str
    train_params: type[SharedParams]
    inputs: tuple[Input, ...]
    uses: Mapping[str, Use]
    source: str
    limits: str = ""
    bases: tuple[str, ...] = ()
    criterion: Criterion = Criterion()
    shape: tuple[str, ...] = ()
    check: Callable[[Any, Mapping[str, Any]], list[Problem]] = field(default=lambda params, datasets: [])
    foresee: Callable[[Any, Mapping[str, Given], int], Foreseen] = field(default=lambda params, given, room: Foreseen())
    row_columns: Callable[[Any, Any], list[str]] = field(default=lambda params, report: [])
    code: str = ""

    def __post_init__(self) -> None:
        unknown = [name for name in self.shape if name not in self.train_params.model_fields]
        if unknown:
            raise ValueError(f"{self.name}: shape names {', '.join(unknown)}, which are no params of its training")

    @property
    def code_module(self) -> str:
        return self.code or f"worker.recipes.{self.name}"

    @property
    def verb(self) -> str:
        """What its models do, for buttons."""
        return self.uses["generate"].verb

    @property
    def formats(self) -> tuple[str, ...]:
        """Dataset formats of the main input."""
        return self.inputs[0].formats

    def params_model(self, kind: str, use: str = "") -> type[Params]:
        """Params of a training, or of a use. Raises InvalidParams."""
        return self.train_params if kind == "train" else self.use(use).params

    def use(self, name: str) -> Use:
        """Raises InvalidParams naming the known uses."""
        found = self.uses.get(name or "generate")
        if found is None:
            known = ", ".join(self.uses)
            raise InvalidParams(
                [Problem(field="use", message=f"{name!r:.40} is no use of {self.name}; known are {known}")]
            )
        return found

    def inputs_of(self, kind: str, use: str = "") -> tuple[Input, ...]:
        """Every role of a training or a use, those that all recipes have included."""
        if kind == "train":
            return (*self.inputs, Input("start_from", "Start from", START_HELP, recipes=("*",), required=False))
        bases = () if use == "export" else self.bases  # what came from outside has been there already
        return (Input("model", "Model", recipes=("*",), bases=bases), *self.use(use).inputs)


START_HELP = "Begin with the weights of an earlier training instead of random ones."


def validate_params(model: type[Params], values: dict[str, Any]) -> Params:
    """Check values against a params model. Raises InvalidParams naming the problems, fields as params.<name>."""
    try:
        return model.model_validate(values)
    except ValidationError as err:
        problems: list[Problem] = []
        found = err.errors()
        for e in found[:MOST_PROBLEMS]:
            name = ".".join(str(part) for part in e["loc"])
            unknown = f"unknown; known are {', '.join(model.model_fields)}"
            message = unknown if e["type"] == "extra_forbidden" else in_words(e)
            problems.append(Problem(field=f"params.{name}" if name else "params", message=message))
        raise InvalidParams([*problems, Further(count=len(found) - len(problems))]) from err
