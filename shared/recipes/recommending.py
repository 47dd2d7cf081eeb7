"""What recipes that recommend share: params of columns, cleaning and splits, uses, and what is wrong with a choice of columns.

A row of interactions, one of the items they are about, and one of the people:

    user,item,rating,when                       item,title,genres                         user,age,town
    ana,17,4.5,2021-05-01T20:14:00              17,The Third Man,Film-Noir|Mystery        ana,34,Graz
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from shared.datasets.report import ColumnReport, DatasetReport
from shared.errors import Problem
from shared.recipes.base import Input, TrainParams, advanced, with_defaults
from shared.recipes.fields import Column, Groups

ID_KINDS = ("id", "category", "number", "text", "boolean", "constant")
TIME_KINDS = ("date", "number", "id", "constant")
VALUE_KINDS = ("number", "boolean", "constant")
# Seconds, milliseconds, microseconds and nanoseconds since 1970 from 1973 on: (name, from, to, seconds of one).
EPOCHS = (
    ("seconds", 1e8, 1e11, 1.0), ("milliseconds", 1e11, 1e14, 1e-3), ("microseconds", 1e14, 1e17, 1e-6),
    ("nanoseconds", 1e17, 1e20, 1e-9),
)  # fmt: skip

_Base = with_defaults(
    TrainParams,
    batch_size=(512, "Rows per step; of small tables fewer are taken, so that there are 16 steps in an epoch."),
    learning_rate=5e-3,
    final_learning_rate=1e-4,
    beta_2=0.999,
    clip_norm=0.0,
    weight_decay=0.0,
)


class InteractionsTrain(_Base):
    """Columns, cleaning and splits of interactions."""

    user: str = Column("Who it was.", kinds=ID_KINDS, default="", needed=True)
    item: str = Column("What it was about.", kinds=ID_KINDS, default="", needed=True)
    value: str = Column(
        "How much it was liked: stars, minutes, pieces. Left empty: every row counts alike.",
        kinds=VALUE_KINDS,
        default="",
        empty="every row counts alike",
    )
    time: str = Column("When it was.", kinds=TIME_KINDS, default="", empty="not known")
    item_key: str = Column(
        "The same ids in the table of items. Left empty: the column of the same name.",
        kinds=ID_KINDS, role="items", default="", empty="the column of the same name",
    )  # fmt: skip
    item_title: str = Column("What items are called in answers.", role="items", default="", empty="by their id")
    item_tags: list[str] = Column(
        "What answers can be narrowed by and reasons can name; of a cell such as Action|Comedy each part counts.",
        kinds=("category", "boolean", "text", "number", "id", "constant"), role="items", default=[], max_length=10,
    )  # fmt: skip
    user_key: str = Column(
        "The same ids in the table of people. Left empty: the column of the same name.",
        kinds=ID_KINDS, role="people", default="", empty="the column of the same name",
    )  # fmt: skip
    groups: str = Groups("people")
    repeated: Literal["last", "first", "mean", "sum"] = Field(
        "last",
        description="Which value stands where a person has an item in several rows; a ranking counts it once, at the time of the "
        "last or, with first, of the first.",
        json_schema_extra={"group": "Cleaning"},
    )
    least_value: float = Field(
        0.0,
        ge=-1e9,
        le=1e9,
        description="Rows of a smaller value are not taken as liking; for a ranking only.",
        json_schema_extra={"group": "Cleaning"},
    )
    scale: list[float] = Field(
        default_factory=list,
        max_length=2,
        description="Lowest and highest value there can be, such as 0.5, 5. None: what the table holds.",
        json_schema_extra={"group": "Cleaning"},
    )
    outside_scale: Literal["refuse", "leave_out"] = Field(
        "refuse", description="What becomes of rows whose value is outside the scale.",
        json_schema_extra=advanced("Cleaning"),
    )  # fmt: skip
    mixed_times: Literal["refuse", "convert"] = Field(
        "refuse",
        description="What becomes of times of which some are seconds since 1970 and others milliseconds.",
        json_schema_extra=advanced("Cleaning"),
    )
    least_per_user: int = Field(
        1, ge=1, le=10_000, description="People with fewer items are left out.", json_schema_extra={"group": "Cleaning"}
    )
    least_per_item: int = Field(
        1, ge=1, le=10_000, description="Items of fewer people are left out.", json_schema_extra={"group": "Cleaning"}
    )
    most_per_user: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="People with more items are left out, as robots. 0: nobody is.",
        json_schema_extra={"group": "Cleaning"},
    )
    forget: list[str] = Field(
        default_factory=list,
        max_length=10_000,
        description="People whose rows are left out, by their ids: to train anew without those who asked for it.",
        json_schema_extra=advanced("Cleaning"),
    )
    split: Literal["auto", "time", "last", "random"] = Field(
        "auto",
        description="time: what was last of all is measured on; last: of each person the last item, and the one before it to watch "
        "progress; random: rows by the seed. auto: with times last for a ranking and time for ratings, else random.",
        json_schema_extra={"group": "Data"},
    )
    validation_fraction: float = Field(
        0.1, ge=0, le=0.4, description="Share of the rows to watch progress and keep the best state; not for last.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip
    test_fraction: float = Field(
        0.2, ge=0, le=0.5, description="Share of the rows that the finished model is measured on; not for last.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip
    folds: int = Field(
        0,
        ge=0,
        le=10,
        description="0: one training. 2 to 10: so many more before it, each measured on the part it has not seen; for a random "
        "split.",
        json_schema_extra={"group": "Data"},
    )
    epochs: int = Field(
        0, ge=0, le=10_000, description="Passes over the training part. 0: as many as make 6,000 steps, 3 to 40."
    )

    @field_validator("scale")
    @classmethod
    def _two_ends(cls, value: list[float]) -> list[float]:
        if value and (len(value) != 2 or value[0] >= value[1]):
            raise ValueError("two numbers are wanted, the lower one first, such as 0.5, 5; or none")
        return value

    @field_validator("folds")
    @classmethod
    def _not_one_fold(cls, value: int) -> int:
        if value == 1:
            raise ValueError("one fold has nothing to learn from: 0 for none, or 2 to 10")
        return value


class PairsTrain(InteractionsTrain):
    """A vector of its own for each person and item, learnt by pairs of them."""

    factors: int = Field(
        64, ge=1, le=1_024, description="Length of the vectors of people and items.", json_schema_extra={"group": "Model"}
    )  # fmt: skip
    loss: Literal["softmax", "bpr"] = Field(
        "softmax",
        description="Of a ranking. softmax: an item taken against many others at once, corrected for how often each is drawn; bpr: "
        "against single ones.",
        json_schema_extra={"group": "Model"},
    )
    negatives: int = Field(
        4,
        ge=1,
        le=256,
        description="Items drawn for each row of a ranking; softmax sets those of all rows of a step against each.",
        json_schema_extra={"group": "Model"},
    )


class HistoryTrain(
    with_defaults(
        InteractionsTrain,
        batch_size=(32, "Histories per step; of small tables fewer are taken, so that there are 16 steps in an epoch."),
        learning_rate=3e-3,
        clip_norm=1.0,
    )
):
    """People as what is told by the items they took."""

    width: int = Field(
        64, ge=1, le=1_024, description="Length of the vectors of people and items.", json_schema_extra={"group": "Model"}
    )  # fmt: skip
    length: int = Field(
        50,
        ge=1,
        le=1_000,
        description="How many items back a history goes: the last ones tell of a person.",
        json_schema_extra={"group": "Model", "unit": "items"},
    )
    negatives: int = Field(
        32,
        ge=1,
        le=4_096,
        description="Items drawn for each history; those of all of a step, and what others go on with, stand against each item.",
        json_schema_extra={"group": "Model"},
    )
    dropout: float = Field(
        0.2, ge=0, lt=1, description="Share of activations dropped while training.",
        json_schema_extra={"group": "Regularisation"},
    )  # fmt: skip


INTERACTIONS = Input("data", "Interactions", "One row each time: who, what, how much, when.", formats=("table",))
ITEMS = Input(
    "items", "Items", "One row for each item: its id, a title, columns to narrow answers by.", formats=("table",),
    required=False,
)  # fmt: skip
PEOPLE = Input(
    "people",
    "People",
    "One row for each person: their id, columns such as sex or age.",
    formats=("table",),
    required=False,
)
SHAPE = (
    "user",
    "item",
    "value",
    "repeated",
    "least_value",
    "least_per_user",
    "least_per_item",
    "most_per_user",
)


def goal_of(params: Any) -> str:
    """ "ratings" or "ranking", which alone recipes without the param have."""
    goal = getattr(params, "goal", "ranking")
    return goal if goal != "auto" else "ratings" if params.value else "ranking"


def split_of(params: Any) -> str:
    """ "time", "last" or "random"."""
    if params.split != "auto":
        return params.split
    if not params.time or params.folds:
        return "random"
    return "time" if goal_of(params) == "ratings" else "last"


KEYS = {"items": ("item_key", "item"), "people": ("user_key", "user")}  # by role: params that name its column of ids


def key_of(params: Any, role: str, report: DatasetReport) -> str:
    """The column of ids in the table of items or of people, "" where it is not told."""
    key, same = (getattr(params, name) for name in KEYS[role])
    return key or (same if report.column(same) is not None else "")


def epoch_of(moment: float) -> str:
    """Which unit of time since 1970 a number looks like, "" for none."""
    return next((name for name, low, high, _ in EPOCHS if low <= abs(moment) < high), "")


def check(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Problems that show only when params and datasets are known together."""
    report: DatasetReport = datasets["data"].report
    problems: list[Problem] = []

    def wrong(field: str, message: str) -> None:
        problems.append(Problem(field=f"params.{field}", message=message))

    there = ", ".join(column.name for column in report.columns if column.kind in ID_KINDS)
    for name, what in (("user", "who it was"), ("item", "what it was about")):
        if not getattr(params, name):
            wrong(name, f"choose the column that says {what}; there are {there:.300}" if there else _NO_IDS)
    named = [params.user, params.item, params.value, params.time]
    for name in dict.fromkeys(name for name in named if name and named.count(name) > 1):
        wrong("item", f"{name!r} is named twice: each column is one of user, item, value and time")
    if goal_of(params) == "ratings" and not params.value:
        wrong("value", "ratings need a column of values; without one set params.goal to ranking")
    if params.split in ("time", "last") and not params.time:
        wrong("time", f"a split by {params.split} needs the column that says when it was; or take random")
    if params.folds and split_of(params) != "random":
        wrong("split", f"folds are drawn from all rows: with a split by {split_of(params)} there are none; take random")
    if params.scale and not params.value:
        wrong("scale", "there is no column of values that could be on a scale")
    if params.keep == "best" and split_of(params) != "last" and not params.validation_fraction:
        wrong("validation_fraction", "there is nothing to choose the best state by: set it above 0, or keep to last")
    problems += _seen_in_columns(params, report)
    for role in KEYS:
        if role in datasets:
            problems += _key_problems(params, role, datasets[role].report)
        elif named := columns_of(params, role):
            message = f"params.{named[0]} names a column of {role}, but no table of {role} is given"
            problems.append(Problem(field=f"inputs.{role}", message=message))
    return problems


def columns_of(params: Any, role: str) -> list[str]:
    """Names of the params that name a column of the table in a role, and are set."""
    about = {name: field.json_schema_extra for name, field in type(params).model_fields.items()}
    return [
        name
        for name, extra in about.items()
        if isinstance(extra, dict) and extra.get("role") == role and getattr(params, name)
    ]


_NO_IDS = "the table has no column of ids"


def _seen_in_columns(params: Any, report: DatasetReport) -> list[Problem]:
    """What the ranges of columns say of values and times."""
    problems = []
    value, time = (_numbers(report.column(name)) for name in (params.value, params.time))
    if value and params.scale and params.outside_scale == "refuse":
        outside = [end for end in value if not params.scale[0] <= end <= params.scale[1]]
        if outside:
            shown = " and ".join(f"{end:g}" for end in dict.fromkeys(outside))
            ends = f"{params.scale[0]:g} to {params.scale[1]:g}"
            message = f"column {params.value!r} holds {shown}, outside {ends}: mend the scale, or "
            problems.append(Problem(field="params.scale", message=f"{message}set params.outside_scale to leave_out"))
    if time and params.mixed_times == "refuse":
        low, high = (epoch_of(end) for end in time)
        if low and high and low != high:
            message = (
                f"column {params.time!r} holds times in {low}, such as {time[0]:.0f}, and in {high}, such as {time[1]:.0f}: set "
                "params.mixed_times to convert if they are since 1970, or mend the table"
            )
            problems.append(Problem(field="params.time", message=message))
    return problems


def _numbers(column: ColumnReport | None) -> tuple[float, float] | None:
    """The range of a column of numbers; of texts the report has their lengths, and no mean."""
    if (
        column is None
        or column.mean is None
        or not isinstance(column.low, int | float)
        or not isinstance(column.high, int | float)
    ):
        return None
    return float(column.low), float(column.high)


def _key_problems(params: Any, role: str, report: DatasetReport) -> list[Problem]:
    if not key_of(params, role, report):
        key, same = KEYS[role]
        there = ", ".join(column.name for column in report.columns)
        message = (
            f"the table of {role} has no column {getattr(params, same)!r}: choose the one that holds the ids; there are "
            f"{there:.300}"
        )
        return [Problem(field=f"params.{key}", message=message)]
    return []
