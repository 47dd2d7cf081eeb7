"""Which columns of a table hold texts and which their labels, and what is wrong with a choice of them."""

from collections.abc import Mapping
from typing import Any

from shared.datasets.report import ColumnReport, DatasetReport
from shared.errors import Problem
from shared.recipes.privacy import private_problems
from shared.recipes.targets import class_problem

TEXT_KINDS = ("text", "category", "id")
LABEL_KINDS = ("category", "boolean", "number", "text")
_FLAGS = ({"0", "1"}, {"true", "false"}, {"yes", "no"})


def has_many(params: Any) -> bool:
    """Whether a text may have several labels, or none."""
    return bool(params.label_mark) or len(params.labels) > 1


def texts_of(params: Any, report: DatasetReport) -> list[str]:
    """The columns that are read."""
    if params.texts:
        return list(params.texts)
    apart = {*params.labels, report.facts.get("part_column")}
    return [column.name for column in report.columns if column.kind == "text" and column.name not in apart]


def _flag_problem(column: ColumnReport) -> str:
    """What keeps a column from being a label of its own, "" for 0 and 1, yes and no."""
    name = column.name
    if column.kind == "boolean":
        return ""
    values = {value.casefold() for value in (column.values or column.examples)}
    if column.distinct_exact and column.distinct == 2 and any(values <= flags for flags in _FLAGS):
        return ""
    shown = ", ".join(repr(value) for value in list(column.values or column.examples)[:3])
    return f"column {name!r} holds {shown}: of several label columns each must hold 0 and 1, or yes and no"


def check_texts(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Problems that show only when params and dataset are known together."""
    report: DatasetReport = datasets["data"].report
    part = report.facts.get("part_column")
    problems = _label_problems(params, report)
    if not texts_of(params, report):
        apart = (*params.labels, part)
        fit = [column for column in report.columns if column.kind in TEXT_KINDS and column.name not in apart]
        names = ", ".join(column.name for column in fit)
        message = f"choose the column of texts; there are {names:.300}" if names else "the table has no column of texts"
        problems.append(Problem(field="params.texts", message=message))
    for name in params.texts:
        if name in params.labels:
            message = f"{name!r} is to be told, and so cannot be what is read"
        elif name == part:
            message = f"{name!r} says which part each row is of: nothing to read"
        else:
            continue
        problems.append(Problem(field="params.texts", message=message))
    if params.folds > report.rows // 2:
        message = f"{params.folds} folds of {report.rows} rows: at most {report.rows // 2}"
        problems.append(Problem(field="params.folds", message=message))
    chosen = params.keep == "best" or params.early_stopping_patience
    if params.folds and chosen and not params.validation_fraction:
        message = "folds have nothing to choose the best state by: set it above 0, or keep to last and no patience"
        problems.append(Problem(field="params.validation_fraction", message=message))
    return problems + private_problems(params, report.rows, parted=bool(part))


def _label_problems(params: Any, report: DatasetReport) -> list[Problem]:
    """What is wrong with the columns to tell."""
    part = report.facts.get("part_column")
    if not params.labels:
        kinds = ("category", "boolean", "number")
        names = ", ".join(column.name for column in report.columns if column.kind in kinds and column.name != part)
        message = (
            f"choose the column of labels; there are {names:.300}" if names else "the table has no column of labels"
        )
        return [Problem(field="params.labels", message=message)]
    wrong: list[str] = []
    if params.label_mark and len(params.labels) > 1:
        wrong.append("a mark between labels is for one column of them: choose one, or leave the mark out")
    for name in params.labels:
        column = report.column(name)
        if column is None or column.kind not in LABEL_KINDS:
            continue  # told of every recipe alike
        if name == part:
            wrong.append(f"{name!r} says which part each row is of: nothing to tell")
        elif len(params.labels) > 1:
            wrong.append(_flag_problem(column))
        elif not params.label_mark:
            wrong.append(class_problem(column, report.rows))
    return [Problem(field="params.labels", message=message) for message in wrong if message]
