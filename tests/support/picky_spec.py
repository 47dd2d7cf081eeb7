"""A spec that no worker knows: it asks for everything a form can ask for, so that forms are tested
without a recipe of that kind.
"""

from pydantic import Field

from shared.recipes.base import ExportParams, Input, Params, RecipeSpec, SharedParams, Use
from shared.recipes.fields import Column, FileId, Files


class PickyTrain(SharedParams):
    """How to learn a column from others."""

    target: str = Column("What to predict.", kinds=("number", "category", "boolean"))
    features: list[str] = Column("What to predict it from; none: all others.", default=[])
    epochs: int = Field(default=3, ge=1, le=100, description="Passes over the table.")
    careful: bool = Field(default=False, description="Look twice.")
    words: list[str] = Field(default_factory=list, max_length=5, description="Words to leave out.")


class PickyUse(Params):
    """What to look at."""

    pictures: list[FileId] = Files("Up to three pictures.", accepts=("image/*",), most=3)
    note: str = Field(default="", max_length=100, description="A note.", json_schema_extra={"short": True})


SPEC = RecipeSpec(
    name="picky",
    version=1,
    title="Picky",
    summary="Asks for everything a form can ask for.",
    family="tests",
    train_params=PickyTrain,
    inputs=(
        Input("data", "Table", "One row an example.", formats=("table",)),
        Input("style", "Style", "Pictures to borrow from.", formats=("pictures",), required=False),
    ),
    uses={
        "generate": Use(PickyUse, "Judge"),
        "export": Use(ExportParams, "Export", help="All of it as one zip."),
    },
    source="written for the tests",
)
