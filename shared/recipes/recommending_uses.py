"""What models that recommend are used for: items for a person, for many, the value of each row."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from shared.recipes.base import BatchParams, ExportParams, Input, Params, Use

MOST_SHOWN = 200


class RecommendGenerate(Params):
    """For whom: one person who is known, a newcomer by what they like, or an item whose like is looked for."""

    user: str = Field(
        "", max_length=500, description="A person the model knows, by the id in the table.",
        json_schema_extra={"short": True, "widget": "text"},
    )  # fmt: skip
    liked: list[str] = Field(
        default_factory=list,
        max_length=1_000,
        description="What a newcomer likes: ids or titles of items. Those that are not known are left out and named.",
        json_schema_extra={"short": True},
    )
    similar_to: str = Field(
        "", max_length=500, description="An item, by id or title: which ones are like it.",
        json_schema_extra={"short": True, "widget": "text"},
    )  # fmt: skip
    count: int = Field(10, ge=1, le=MOST_SHOWN, description="How many items.", json_schema_extra={"short": True})
    seen: bool = Field(False, description="Also what the person has already.")
    only: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="Only items with one of these values of a column, such as genres=Comedy; of several columns one of each.",
    )
    without: list[str] = Field(
        default_factory=list, max_length=1_000, description="Not these items: ids or titles.",
    )  # fmt: skip
    diversity: float = Field(
        0.0,
        ge=0,
        le=1,
        description="How much items unlike the ones before them are preferred (maximal marginal relevance). 0: not at all.",
    )
    reasons: bool = Field(True, description="Say which liked items an item is like.")

    _WAYS: ClassVar[tuple[tuple[str, ...], ...]] = (("user",), ("liked",), ("similar_to",))  # params of each way to ask

    @model_validator(mode="after")
    def _asked_in_one_way(self) -> "RecommendGenerate":
        given = [[name for name in way if getattr(self, name)] for way in self._WAYS]
        ways = [" and ".join(names) for names in given if names]
        if len(ways) != 1:
            told = f"{' and '.join(ways)} are given" if ways else "nobody is named"
            names = ["/".join(way) for way in self._WAYS]
            raise ValueError(f"{told}: one of {', '.join(names[:-1])} and {names[-1]} is wanted")
        return self


class RecommendBatch(BatchParams):
    """What the table that comes back holds."""

    answer: Literal["items", "values"] = Field(
        "items",
        description="items: for each different person the best items; values: for each row of person and item the value or score.",
    )
    count: int = Field(10, ge=1, le=MOST_SHOWN, description="How many items for each person.")
    seen: bool = Field(False, description="Also what the person has already.")


USES = {
    "generate": Use(RecommendGenerate, "Recommend"),
    "batch": Use(
        RecommendBatch,
        "Recommend to many",
        (
            Input(
                "data",
                "People",
                "A table with the training's column of people, and of items for values.",
                formats=("table",),
            ),
        ),
        help="The best items for every person of a table, or the value of each row; a table comes back.",
    ),
    "export": Use(ExportParams, "Export", help="Vectors, ids and settings as one zip."),
}
