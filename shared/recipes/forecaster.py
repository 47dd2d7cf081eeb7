"""Spec of forecaster: how series of numbers go on. Code: worker/recipes/forecaster.py.

A dataset row, where units are to be forecast, shops are series and whether there will be a promotion is known beforehand:

    day,shop,units,promotion
    2020-05-01,Köln,14,yes
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from shared.datasets.report import DatasetReport
from shared.errors import Problem
from shared.recipes.base import (
    BatchParams,
    ExportParams,
    Input,
    Params,
    RecipeSpec,
    TrainParams,
    Use,
    advanced,
    with_defaults,
)
from shared.recipes.fields import Column, FileId, Files

TIME_KINDS = ("date", "number")
TARGET_KINDS = ("number",)
SERIES_KINDS = ("category", "text", "id", "number", "boolean", "constant")
KNOWN_KINDS = ("number", "boolean")
MOST_ROWS = 20_000  # typed in or in an uploaded file; more belong into a dataset
LONGEST_CONTEXT, LONGEST_HORIZON = 5_000, 1_000

_Base = with_defaults(
    TrainParams,
    batch_size=(64, "Windows per step; of short series fewer are taken, so that there are 16 steps in an epoch."),
    learning_rate=1e-3,
    final_learning_rate=1e-5,
    weight_decay=1e-3,
)


class ForecasterTrain(_Base):
    """How to train. The defaults suit a few to some thousand series of some hundred to some hundred thousand steps."""

    time: str = Column(
        "When each row was. Left empty: the only column of dates.",
        kinds=TIME_KINDS,
        default="",
        empty="the only column of dates",
    )
    targets: list[str] = Column(
        "What is forecast: one column of numbers or several, each by its own past.",
        kinds=TARGET_KINDS,
        default=[],
        needed=True,
        max_length=500,
    )
    series: str = Column("Which series a row is of, where the table holds several.", kinds=SERIES_KINDS, default="")
    known: list[str] = Column(
        "What is known of the future, too: prices, promotions. Rows after the last value may tell it.",
        kinds=KNOWN_KINDS,
        default=[],
        max_length=100,
    )
    frequency: Literal["auto", "rows"] = Field(
        "auto",
        description="auto: found from the times. rows: each different time in the table is the next step, however far apart, "
        "such as trading days.",
        json_schema_extra={"group": "Times"},
    )
    fill: Literal["last", "linear", "zero"] = Field(
        "last",
        description="What a missing step is filled with: the last value, a line between its neighbours, or 0, which then counts as "
        "a value (no row means none sold). What is filled in otherwise is neither learnt nor measured.",
        json_schema_extra={"group": "Times"},
    )
    doubled: Literal["refuse", "first", "last", "mean", "sum"] = Field(
        "refuse",
        description="What becomes of several rows of one series at one time that differ; equal ones count once anyway.",
        json_schema_extra={"group": "Times"},
    )
    short_series: Literal["refuse", "leave_out"] = Field(
        "refuse",
        description="What becomes of series that are shorter than context and horizon together.",
        json_schema_extra={"group": "Times"},
    )
    season: int = Field(
        0,
        ge=0,
        le=100_000,
        description="Steps after which it repeats, for the seasonal answers beside it. 0: found; 1: none.",
        json_schema_extra={"group": "Times", "unit": "steps"},
    )
    calendar: bool = Field(
        True,
        description="Also learn from time of day, weekday and, of two years or more, time of year.",
        json_schema_extra={"group": "Times"},
    )
    holidays: str = Field(
        "",
        max_length=7,
        pattern=r"^([A-Z]{2}(-[A-Z0-9]{1,4})?)?$",
        description="Also learn from the holidays of a country (DE, US, CN) or a part of it (DE-BY). Empty: none.",
        json_schema_extra={"group": "Times"},
    )
    context: int = Field(
        96,
        ge=2,
        le=LONGEST_CONTEXT,
        description="How much of the past a forecast is made from: two or more seasons.",
        json_schema_extra={"group": "Window", "unit": "steps"},
    )
    horizon: int = Field(
        24,
        ge=1,
        le=LONGEST_HORIZON,
        description="How far ahead is forecast.",
        json_schema_extra={"group": "Window", "unit": "steps"},
    )
    network: Literal["dlinear", "nlinear", "lstm", "transformer"] = Field(
        "nlinear",
        description="dlinear: one line through the trend and one through what is left; nlinear: one line from the last value on; "
        "lstm, transformer (causal): from pieces of the past.",
        json_schema_extra={"group": "Model"},
    )
    normalise: Literal["auto", "none", "last", "window"] = Field(
        "auto",
        description="What is done to each window and undone in its forecast: last: its last value is subtracted; window: its mean, "
        "and it is divided by its deviation. auto: none for dlinear, last for nlinear, window for the others.",
        json_schema_extra={"group": "Model"},
    )
    width: int = Field(
        64, ge=4, le=1_024, description="Units of a layer; for lstm and transformer.", json_schema_extra={"group": "Model"}
    )  # fmt: skip
    layers: int = Field(
        2, ge=1, le=8, description="Layers; for lstm and transformer.", json_schema_extra={"group": "Model"}
    )
    heads: int = Field(
        4, ge=1, le=16, description="Heads of attention; for transformer only.", json_schema_extra=advanced("Model")
    )
    patch: int = Field(
        0,
        ge=0,
        le=512,
        description="Steps read as one piece by lstm and transformer; 1 reads each by itself. 0: an eighth of the context at most, "
        "and no more than 16. Never more than half of it.",
        json_schema_extra=advanced("Model", "steps"),
    )
    dropout: float = Field(
        0.1, ge=0, lt=1, description="Share of activations dropped while training; for lstm and transformer.",
        json_schema_extra=advanced("Regularisation"),
    )  # fmt: skip
    interval: float = Field(
        0.8,
        ge=0,
        le=0.99,
        description="Share of true values that an interval told with each forecast should hold, learnt as quantiles; 0: none.",
        json_schema_extra={"group": "Model"},
    )
    point: Literal["mean", "median"] = Field(
        "mean",
        description="What the forecast itself is: mean has the least squared error, median the least absolute one.",
        json_schema_extra={"group": "Model"},
    )
    epochs: int = Field(
        0, ge=0, le=10_000, description="Passes over the training part. 0: as many as make 3,000 steps, 3 to 200."
    )
    validation_fraction: float = Field(
        0.1,
        ge=0,
        le=0.4,
        description="Share of the time, before the test part, to watch progress and keep the best state.",
        json_schema_extra={"group": "Data"},
    )
    test_fraction: float = Field(
        0.2,
        ge=0,
        le=0.5,
        description="Share of the time, the last of it, that the finished model is measured on.",
        json_schema_extra={"group": "Data"},
    )
    parts: list[int] = Field(
        default_factory=list,
        max_length=3,
        description="Steps of training, validation and test part from the first step on instead of shares, such as "
        "8640, 2880, 2880; later ones are not used.",
        json_schema_extra=advanced("Data", "steps"),
    )

    @field_validator("parts")
    @classmethod
    def _three_parts(cls, value: list[int]) -> list[int]:
        if value and (len(value) != 3 or min(value) < 0 or value[0] < 1):
            raise ValueError("three numbers of steps are wanted: training (1 at least), validation, test; or none")
        return value

    @model_validator(mode="after")
    def _something_to_choose_by(self) -> "ForecasterTrain":
        if self.network == "transformer" and self.width % self.heads:
            raise ValueError(f"a width of {self.width} cannot be shared by {self.heads} heads: take a multiple")
        return self


class ForecasterGenerate(Params):
    """What to go on from: the end of the table it learnt from, or values given here."""

    rows: str = Field(
        "",
        max_length=2_000_000,
        description="Recent values as CSV with a first line of names, or as lines of JSON: as many steps as the context at least. "
        "Later rows without a value tell what is known of the future. Empty: goes on from the end of the training's table.",
        json_schema_extra={"short": True, "widget": "lines"},
    )
    file: list[FileId] = Files(
        "Recent values as a file of the same kinds, instead of rows typed in.",
        accepts=("text/csv", "text/plain", "application/json"),
        default=[],
    )
    only: list[str] = Field(
        default_factory=list,
        max_length=1_000,
        description="Names of the series to forecast. None: all.",
        json_schema_extra={"short": True},
    )
    explain: bool = Field(
        True,
        description="Also tell which part of the past mattered (first 4 forecasts).",
        json_schema_extra={"short": True},
    )


class ForecasterBatch(BatchParams):
    """What the table that comes back holds."""

    interval: bool = Field(True, description="Also the ends of the interval.")


TABLE = Input("data", "Table", "One row for each time, of each series where there are several.", formats=("table",))


def time_of(params: Any, report: DatasetReport) -> str:
    """The column of times: as named, or the only one of dates; "" where neither."""
    dates = [column.name for column in report.columns if column.kind == "date"]
    return params.time or (dates[0] if len(dates) == 1 else "")


def check(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Problems that show only when params and dataset are known together."""
    report: DatasetReport = datasets["data"].report
    problems = []

    def wrong(field: str, message: str) -> None:
        problems.append(Problem(field=field, message=message))

    time = time_of(params, report)
    if not time:
        dates = ", ".join(column.name for column in report.columns if column.kind == "date")
        wrong("params.time", f"choose the column of times; there are {dates:.300}" if dates else _NO_DATES)
    if not params.targets:
        numbers = [column.name for column in report.columns if column.kind == "number" and column.name != time]
        shown = ", ".join(numbers)
        wrong(
            "params.targets",
            f"choose what is to be forecast; there are {shown:.300}"
            if numbers
            else "the table has no column of numbers",
        )
    told = [time, params.series, *params.targets, *params.known]
    for name in dict.fromkeys(name for name in told if name and told.count(name) > 1):
        wrong("params.targets", f"{name!r} is named twice: each column is one of time, series, target and known")
    needed = params.context + params.horizon
    if time and not params.series and report.rows < needed:
        wrong(
            "params.context",
            f"context and horizon together are {needed:,} steps, the table has {report.rows:,} rows: take less of both",
        )
    if params.keep == "best" and not (params.parts[1] if params.parts else params.validation_fraction):
        wrong(
            "params.validation_fraction",
            "there is nothing to choose the best state by: set it above 0, or keep to last",
        )
    return problems


_NO_DATES = "the table has no column of dates; name one of rising numbers, or write dates like 2020-01-31"

_SHAPE = ("network", "width", "layers", "heads", "patch")  # of the network alone

SPEC = RecipeSpec(
    name="forecaster",
    version=1,
    title="Forecaster",
    summary="Says how series of numbers go on: sales, loads, prices; with an interval, beside the simplest forecasts.",
    family="series",
    train_params=ForecasterTrain,
    inputs=(TABLE,),
    uses={
        "generate": Use(
            ForecasterGenerate,
            "Forecast",
            (
                Input(
                    "data",
                    "Recent values",
                    "A table with the training's columns to go on from, instead of values typed in.",
                    formats=("table",),
                    required=False,
                ),
            ),
        ),
        "batch": Use(
            ForecasterBatch,
            "Forecast a table",
            (Input("data", "Table", "The same columns as it was trained on; more do no harm.", formats=("table",)),),
            help="Forecast every series of a table; a table comes back, series by series.",
        ),
        "export": Use(ExportParams, "Export", help="Weights, columns and settings as one zip."),
    },
    limits="Each series is forecast by its own past and what is known of its future; what one series tells of another is not used. "
    "What has never happened in the training part is not foreseen.",
    source="DLinear and NLinear: Zeng et al. 2022, arXiv:2205.13504; pieces of the past: SegRNN, Lin et al. 2023, "
    "arXiv:2308.11200, PatchTST, "
    "Nie et al. 2022, arXiv:2211.14730; normalising windows: RevIN, Kim et al. 2022; quantiles: Koenker, Bassett 1978",
    shape=("known", "calendar", "holidays", "context", "horizon", "interval", "normalise", *_SHAPE),
    check=check,
)
