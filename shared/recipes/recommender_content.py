"""Spec of recommender_content: who likes what, told by what items are. Code: worker/recipes/recommender_content.py.

A row of interactions, one of the items they are about, and one of the people:

    user,item,when                              item,title,genres,year                          user,age,town
    ana,17,2021-05-01T20:14:00                  17,The Third Man,Film-Noir|Mystery,1949         ana,34,Graz
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field

from shared.errors import Problem
from shared.recipes import recommending
from shared.recipes.base import Foreseen, Given, Input, RecipeSpec, advanced
from shared.recipes.fields import Column
from shared.recipes.recommending import INTERACTIONS, ITEMS, PEOPLE, SHAPE, HistoryTrain
from shared.recipes.recommending_uses import USES, RecommendGenerate


class ContentTrain(HistoryTrain):
    """How to train. What is learnt from: item_texts, item_tags and item_numbers, one column at least; columns of people, if any."""

    item_texts: list[str] = Column(
        "Texts whose words tell of an item: its title, what is written about it.",
        kinds=("text", "category", "id"), role="items", default=[], max_length=10,
    )  # fmt: skip
    item_numbers: list[str] = Column(
        "Numbers that tell of an item: a price, a year.",
        kinds=("number", "boolean", "constant", "id"), role="items", default=[], max_length=50,
    )  # fmt: skip
    item_picture: str = Column(
        "The file of an item's picture in the dataset of pictures. Left empty: it is named after the item's id.",
        kinds=("text", "category", "id", "constant"), role="items", default="", empty="named after the id",
    )  # fmt: skip
    user_tags: list[str] = Column(
        "Categories that tell of a person: a town, a profession; of a cell such as Sport|Garden each part counts.",
        kinds=("category", "boolean", "text", "number", "id", "constant"), role="people", default=[], max_length=10,
    )  # fmt: skip
    user_numbers: list[str] = Column(
        "Numbers that tell of a person: their age.",
        kinds=("number", "boolean", "constant", "id"), role="people", default=[], max_length=50,
    )  # fmt: skip
    user_texts: list[str] = Column(
        "Texts whose words tell of a person: what they wrote about themselves.",
        kinds=("text", "category", "id"), role="people", default=[], max_length=10,
    )  # fmt: skip
    words: bool = Field(
        True,
        description="Upon an encoder: item_texts as words (TF-IDF), too, beside the vectors it makes of them.",
        json_schema_extra={"group": "Encoder"},
    )
    pooling: Literal["mean", "first"] = Field(
        "mean",
        description="What of an encoder stands for a text: the mean of its tokens, or the token before the first.",
        json_schema_extra=advanced("Encoder"),
    )
    max_length: int = Field(
        128,
        ge=8,
        le=4_096,
        description="Tokens of an item's texts that an encoder reads; what is behind them is not.",
        json_schema_extra=advanced("Encoder", "tokens"),
    )
    own_vectors: bool = Field(
        True,
        description="Items have a vector of their own, too, left out half of the time: better for those that many took; new "
        "ones do without.",
        json_schema_extra={"group": "Model"},
    )
    new_items: float = Field(
        0.05,
        ge=0,
        le=0.5,
        description="Share of the items of which nothing is learnt, to measure how well items that nobody took are recommended.",
        json_schema_extra={"group": "Data"},
    )
    new_people: float = Field(
        0.05,
        ge=0,
        le=0.5,
        description="Where people have columns: share of them of whom nothing else is learnt, to measure how well newcomers are "
        "recommended to.",
        json_schema_extra={"group": "Data"},
    )


class ContentGenerate(RecommendGenerate):
    """For whom: one person who is known, a newcomer by what they like or by columns of their own, or an item."""

    about: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="What is known of a newcomer, by columns that were learnt from: column=value, such as age=34; alone or beside "
        "liked.",
        json_schema_extra={"short": True},
    )

    _WAYS: ClassVar[tuple[tuple[str, ...], ...]] = (("user",), ("liked", "about"), ("similar_to",))


def check(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    problems = recommending.check(params, datasets)
    if not (params.item_texts or params.item_tags or params.item_numbers):
        message = "choose a column that tells what an item is: its texts, its categories (item_tags) or its numbers"
        problems.append(Problem(field="params.item_texts", message=message))
    return problems


def foresee(params: Any, given: Mapping[str, Given], room: int) -> Foreseen:
    """A base without what it is to read is refused, and pictures without a base."""
    problems = []

    def wrong(field: str, message: str) -> None:
        problems.append(Problem(field=field, message=message))

    if "base" in given and not params.item_texts:
        wrong("params.item_texts", "an encoder is given, but no column of texts for it to read")
    if "backbone" in given and "pictures" not in given:
        wrong("inputs.pictures", "a backbone is given, but no pictures of items for it to see")
    if "pictures" in given and "backbone" not in given:
        wrong("inputs.backbone", "pictures of items are given, but no backbone to see them")
    if params.item_picture and "pictures" not in given:
        wrong("inputs.pictures", "params.item_picture names a column of files, but no pictures are given")
    return Foreseen(problems)


ENCODER = Input(
    "base",
    "Text encoder",
    "One that has read many texts already: it knows that a detective and a murder go together. None: by words alone.",
    bases=("encoder",),
    required=False,
)
PICTURES = Input(
    "pictures", "Pictures of items", "One for each item, named after its id or in a column of the table of items.",
    formats=("pictures",), required=False,
)  # fmt: skip
BACKBONE = Input(
    "backbone",
    "Backbone",
    "A network that has learnt to see, for the pictures of items.",
    bases=("backbone",),
    required=False,
)

SPEC = RecipeSpec(
    name="recommender_content",
    version=1,
    title="Recommender by content",
    summary="Recommends what is taken next by what items and people are: texts, categories, numbers; new items and newcomers too.",
    family="recommenders",
    train_params=ContentTrain,
    inputs=(INTERACTIONS, replace(ITEMS, required=True), PEOPLE, ENCODER, PICTURES, BACKBONE),
    uses=USES | {"generate": replace(USES["generate"], params=ContentGenerate)},
    source="Two towers: Covington et al. 2016, Yi et al. 2019; own vectors left out at times: DropoutNet, Volkovs et al. 2017; "
    "sampled softmax with correction: Yang et al. 2020 (mixed negatives); diversity: Carbonell, Goldstein 1998",
    limits="It recommends what is like that which people took, as far as the columns of items tell, and to newcomers what suits "
    "their own columns, where such are learnt from. It foresees no ratings, and looks at pictures through a backbone alone.",
    shape=(
        *SHAPE,
        "width",
        "item_texts",
        "item_tags",
        "item_numbers",
        "words",
        "pooling",
        "own_vectors",
        "user_texts",
        "user_tags",
        "user_numbers",
    ),
    check=check,
    foresee=foresee,
)
