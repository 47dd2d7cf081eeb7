"""Spec of tabular: predict one column of a table from the others. Code: worker/recipes/tabular.py.

A dataset row, where the column income is to be predicted:

    age,job,since,income
    39,State-gov,2019-05-01,<=50K
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from shared.datasets.report import ColumnReport, DatasetReport
from shared.errors import Problem
from shared.recipes.base import (
    BY_EPOCHS,
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
from shared.recipes.fields import Column, Groups, Rows
from shared.recipes.measured import CostOfMissing, Folds, TestShare, ValidationShare
from shared.recipes.privacy import SEED_HELP, BesidePlain, Delta, Epsilon, ExampleClipNorm, private_problems
from shared.recipes.targets import MOST_CLASSES, class_problem, no_values

FEATURE_KINDS = ("number", "category", "boolean", "date", "text")
TARGET_KINDS = ("number", "category", "boolean", "text")
LARGEST = 1e100  # of a number to predict
FEW_NUMBERS = 10  # a guess: of so many whole numbers people mean classes, of more an amount
MOST_ROWS = 1_000  # typed in; more belong into a dataset

_Base = with_defaults(
    TrainParams,
    batch_size=(256, "Rows per step; of small tables fewer are taken, so that there are 16 steps in an epoch."),
    seed=(0, SEED_HELP),
    **BY_EPOCHS,
)


class TabularTrain(_Base):
    """How to train. The defaults suit some hundred to some ten thousand rows."""

    target: str = Column("What is to be predicted.", kinds=TARGET_KINDS, default="", needed=True)
    features: list[str] = Column(
        "What it is predicted from. None: every other column that anything can be learnt from.",
        kinds=FEATURE_KINDS,
        default=[],
        max_length=2_000,
    )
    groups: str = Groups()
    task: Literal["auto", "classes", "numbers"] = Field(
        "auto",
        description="classes: one of several values; numbers: an amount. auto: numbers where the column holds more than "
        f"{FEW_NUMBERS} different ones or fractions, else classes.",
        json_schema_extra={"group": "Columns"},
    )
    epochs: int = Field(
        0, ge=0, le=10_000, description="Passes over the training part. 0: as many as make 1,800 steps, 5 to 100."
    )
    network: Literal["members", "resnet"] = Field(
        "members",
        description="members: many perceptrons that share their matrices and answer together; resnet: one residual network.",
        json_schema_extra={"group": "Model"},
    )
    width: int = Field(
        128,
        ge=4,
        le=2_048,
        description="Units of a layer.",
        json_schema_extra={"group": "Model", "unit": "units"},
    )
    layers: int = Field(
        3, ge=1, le=16, description="Hidden layers, or residual blocks.", json_schema_extra={"group": "Model"}
    )
    members: int = Field(
        8, ge=1, le=64, description="How many perceptrons answer together; for members only.",
        json_schema_extra={"group": "Model"},
    )  # fmt: skip
    dropout: float = Field(
        0.15, ge=0, lt=1, description="Share of activations dropped while training.",
        json_schema_extra=advanced("Regularisation"),
    )  # fmt: skip
    class_weights: Literal["none", "balanced", "resampled"] = Field(
        "none",
        description="balanced: rare classes weigh as much as frequent ones; resampled: they are drawn as often.",
        json_schema_extra={"group": "Data"},
    )
    loss: Literal["cross_entropy", "focal"] = Field(
        "cross_entropy",
        description="focal: what it is sure of and right about counts less; for classes only.",
        json_schema_extra={"group": "Data"},
    )
    cost_of_missing: CostOfMissing = 1.0
    validation_fraction: ValidationShare = 0.1
    test_fraction: TestShare = 0.2
    folds: Folds = 0
    epsilon: Epsilon = None
    delta: Delta = 0.0
    example_clip_norm: ExampleClipNorm = 5.0
    beside_plain: BesidePlain = True


class TabularGenerate(Params):
    """Rows to answer, typed in."""

    rows: str = Rows(
        'One row as {"age": 39, "job": "State-gov"}, or several as lines of JSON or as CSV with a first line of names. '
        "What is left out counts as missing."
    )
    explain: bool = Field(
        True,
        description="Also tell which values spoke for the answer (first 8 rows).",
        json_schema_extra={"short": True},
    )
    top_k: int = Field(5, ge=1, le=MOST_CLASSES, description="How many classes are told with their probability.")


class TabularBatch(BatchParams):
    """What the table that comes back holds."""

    keep_columns: bool = Field(True, description="Also the columns of the table itself.")
    probabilities: bool = Field(True, description="A column for the probability of each class, of up to 20 classes.")


TABLE = Input("data", "Table", "One row for each case, one column of which is to be predicted.", formats=("table",))


def task_of(params: Any, target: ColumnReport) -> str:
    """ "classes" or "numbers": as asked for, or as the column looks."""
    if params.task != "auto":
        return params.task
    if target.kind != "number":
        return "classes"
    ends = (target.low, target.high)
    whole = all(isinstance(end, int | float) and float(end).is_integer() for end in ends)
    few = target.distinct_exact and target.distinct <= FEW_NUMBERS and whole
    near = few and isinstance(ends[0], int | float) and isinstance(ends[1], int | float)
    return "classes" if near and float(ends[1]) - float(ends[0]) <= 2 * FEW_NUMBERS else "numbers"  # pyright: ignore[reportArgumentType]


def features_of(params: Any, report: DatasetReport) -> tuple[list[str], list[str]]:
    """The columns learnt from, and a sentence on those left out."""
    if params.features:
        return [name for name in params.features if report.column(name) is not None], []
    apart = {params.target, report.facts.get("part_column")}
    others = [column for column in report.columns if column.name not in apart]
    used = [column.name for column in others if column.kind in FEATURE_KINDS and not column.id_like]
    left = {
        "another value in nearly every row": [column.name for column in others if column.id_like],
        "one value": [column.name for column in others if column.kind == "constant"],
        "no value": [column.name for column in others if column.kind == "empty"],
    }
    notes = []
    for why, names in left.items():
        if names:
            shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
            notes.append(f"not learnt from, {why}: {shown}")
    return used, notes


def target_problem(params: Any, column: ColumnReport, rows: int) -> str:
    """What is wrong with the column to predict, "" where nothing is to be seen."""
    name = column.name
    if message := no_values(column, rows):
        return message
    if column.kind not in TARGET_KINDS:
        what = "dates" if column.kind == "date" else "another value in nearly every row, like an id"
        return f"column {name!r} holds {what}: choose one of numbers, categories or yes and no"
    if task_of(params, column) == "numbers":
        ends = [end for end in (column.low, column.high) if isinstance(end, int | float)]
        if any(abs(end) > LARGEST for end in ends):
            shown = " to ".join(f"{end:g}" for end in ends)
            return f"column {name!r} holds numbers of {shown}: their squares cannot be told; at most {LARGEST:g}, take logarithms"
        if column.kind == "number" or (column.kind == "boolean" and isinstance(column.low, int | float)):
            return ""
        return f"column {name!r} holds words, not numbers: set params.task to classes"
    return class_problem(column, rows, "set params.task to numbers")


def check(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Problems that show only when params and dataset are known together."""
    report: DatasetReport = datasets["data"].report
    problems = []
    if not params.target:
        names = ", ".join(column.name for column in report.columns if column.kind in TARGET_KINDS)
        message = (
            f"choose the column to predict; there are {names:.300}" if names else "the table has no column to predict"
        )
        return [Problem(field="params.target", message=message)]
    column = report.column(params.target)
    # What is not there, or of another kind, is told of every recipe alike.
    told = column is None or column.kind not in TARGET_KINDS
    if column is not None and not told and (message := target_problem(params, column, report.rows)):
        problems.append(Problem(field="params.target", message=message))
    if params.target in params.features:
        message = f"{params.target!r} is to be predicted, and so cannot be what it is predicted from"
        problems.append(Problem(field="params.features", message=message))
    elif report.facts.get("part_column") in params.features:
        message = f"{report.facts['part_column']!r} says which part each row is of: nothing to learn from"
        problems.append(Problem(field="params.features", message=message))
    elif not features_of(params, report)[0]:
        message = "there is no column to predict from: ids, empty columns and those of one value do not count"
        problems.append(Problem(field="inputs.data", message=message))
    if params.folds > report.rows // 2:
        problems.append(
            Problem(
                field="params.folds", message=f"{params.folds} folds of {report.rows} rows: at most {report.rows // 2}"
            )
        )
    chosen = params.keep == "best" or params.early_stopping_patience
    if params.folds and chosen and not params.validation_fraction:
        message = "folds have nothing to choose the best state by: set it above 0, or keep to last and no patience"
        problems.append(Problem(field="params.validation_fraction", message=message))
    return problems + private_problems(params, report.rows, parted=bool(report.facts.get("part_column")))


SPEC = RecipeSpec(
    name="tabular",
    version=1,
    title="Table predictor",
    summary="Predicts one column of a table from the others: a class such as yes or no, or a number.",
    family="tables",
    train_params=TabularTrain,
    inputs=(TABLE,),
    uses={
        "generate": Use(TabularGenerate, "Predict"),
        "batch": Use(
            TabularBatch,
            "Predict a table",
            (Input("data", "Table", "The same columns as it was trained on; more do no harm.", formats=("table",)),),
            help="Predict every row of a table; a table comes back, in the same order.",
        ),
        "export": Use(ExportParams, "Export", help="Weights, columns and settings as one zip."),
    },
    source="TabM: Gorishniy et al. 2024, arXiv:2410.24210; piecewise linear encoding: 2022, arXiv:2203.05556; ResNet for "
    "tables: 2021, arXiv:2106.11959; focal loss: Lin et al. 2017, arXiv:1708.02002; permutation importance: Breiman 2001, Fisher "
    "et al. 2019, arXiv:1801.01489; occlusion: Zeiler, Fergus 2013, arXiv:1311.2901",
    limits="It knows rows like those it learnt from: of other times, places or ways of measuring its answers get worse without "
    "a sign. A probability is worth what the calibration says; what spoke for an answer is no cause of anything.",
    shape=("target", "features", "task", "network", "width", "layers", "members"),
    check=check,
    row_columns=lambda params, report: features_of(params, report)[0],
)
