"""Specs of the test-only recipes. A dataset row of each: "0.98,-0.17" (a point), "3,7" (user, item), "7,1" (item, class)."""

from typing import Any, Literal

from pydantic import Field

from shared.recipes.base import Criterion, Input, Params, RecipeSpec, SharedParams, TrainParams, Use, with_defaults

_STEPS = Field(40, ge=1, le=10_000, description="Batches to learn from.")
_EVERY = Field(10, ge=1, le=10_000, description="Steps between two evaluations.")


class TinyGanTrain(SharedParams):
    """No clip_norm, no precision, no xla: a GAN makes its optimizers itself."""

    steps: int = _STEPS
    eval_every: int = _EVERY
    batch_size: int = Field(16, ge=2, le=1000, description="Points per step.")
    learning_rate: float = Field(1e-2, gt=0, le=1, description="Of both optimizers.")
    early_stopping_patience: int = Field(0, ge=0, le=100, description="Evaluations without a better one.")
    keep: Literal["last", "best"] = Field("best", description="Which state the model is made of.")


class TinyGanGenerate(Params):
    """How many points to draw."""

    count: int = Field(5, ge=1, le=100, description="How many points.")
    seed: int = Field(0, ge=0, lt=2**31, description="Same seed, same points.")


class TinyGraphTrain(SharedParams):
    """Fewer params than any training by gradients: what is missing means the defaults of TrainParams."""

    steps: int = _STEPS
    eval_every: int = _EVERY
    batch_size: int = Field(16, ge=1, le=1000, description="Triples per step.")
    width: int = Field(4, ge=1, le=64, description="Length of a vector.")
    folds: int = Field(0, ge=0, le=10, description="Folds before the last training on everything.")
    xla: Literal["auto", "on", "off"] = Field("auto", description="On is refused.")


class TinyGraphGenerate(Params):
    """Whom to recommend to."""

    user: int = Field(..., ge=0, description="Number of the user.")


class TinyAdapterTrain(with_defaults(TrainParams, learning_rate=5e-2, batch_size=4)):
    """All of TrainParams."""

    epochs: int = Field(6, ge=1, le=1000, description="Passes over the items.")


class TinyAdapterGenerate(Params):
    """Which item to classify."""

    item: int = Field(..., ge=0, description="Number of the item.")


TABLE = Input("data", "Table", "Numbers by comma.", formats=("table",))


def _spec(name: str, use: type[Params], verb: str, *further: Input, **about: Any) -> RecipeSpec:
    """A spec of a table and what else it takes; its code is the module of its name."""
    return RecipeSpec(
        name=name,
        version=1,
        title=name.replace("_", " ").capitalize().replace("gan", "GAN"),
        family="tests",
        inputs=(TABLE, *further),
        uses={"generate": Use(use, verb)},
        code=f"tests.support.recipes.{name}",
        **about,
    )


TINY_GAN = _spec(
    "tiny_gan",
    TinyGanGenerate,
    "Draw",
    summary="Draws points like those it was shown.",
    train_params=TinyGanTrain,
    source="Goodfellow et al. 2014, arXiv:1406.2661",
    criterion=Criterion("val_distance", "min"),
)
TINY_GRAPH = _spec(
    "tiny_graph",
    TinyGraphGenerate,
    "Recommend",
    summary="Recommends items by the neighbours of a user.",
    train_params=TinyGraphTrain,
    source="LightGCN: He et al. 2020, arXiv:2002.02126",
    criterion=Criterion("val_hits", "max"),
    shape=("width",),
)
TINY_ADAPTER = _spec(
    "tiny_adapter",
    TinyAdapterGenerate,
    "Classify",
    Input("base", "Base", "Item vectors.", formats=("table",), recipes=("tiny_graph",)),
    summary="Classifies items by vectors that others have learnt.",
    train_params=TinyAdapterTrain,
    source="Houlsby et al. 2019, arXiv:1902.00751",
)
