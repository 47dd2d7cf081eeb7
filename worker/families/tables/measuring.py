"""How good a table's network is: figures while it trains, the full report, what each column is worth."""

from collections.abc import Callable
from typing import Any

import numpy as np

from shared.datasets.tables.reading import open_table
from shared.datasets.tables.shown import shown_cell
from shared.outputs import Cell, Output, Score, Scores, Table
from worker.artifacts import Files
from worker.context import Context
from worker.families.confusion import confusion_csv
from worker.families.evaluation.classes import (
    class_judge,
    class_metrics,
    class_outputs,
    priced_threshold,
    worst_mistakes,
)
from worker.families.evaluation.folds import over_folds, over_folds_output
from worker.families.evaluation.groups import class_group_figures, compare_groups, number_group_figures
from worker.families.evaluation.intervals import class_figures, interval_output, intervals, number_figures
from worker.families.evaluation.regression import number_judge, number_metrics, number_outputs
from worker.families.tables.answering import Answering
from worker.families.tables.data import TableData
from worker.families.tables.losses import HIGH, LOW
from worker.recipe import Report

MOST_MEASURED = 200_000  # rows of a part; more change no figure that is read
_MOST_SHARES = 50_000_000  # of all classes together
_PERMUTED_ROWS, _PERMUTED_COLUMNS = 2_000, 100
_MISTAKES, _COLUMNS = 20, 12
_PARTS = ("test", "val", "train")


def measured_rows(data: TableData, part: str) -> np.ndarray:
    """The rows of a part that figures are taken on: all, or as many as are sensible, drawn by the seed."""
    rows = data.rows[part]
    most = max(100, min(MOST_MEASURED, _MOST_SHARES // max(1, len(data.classes))))
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng([data.params.seed, 4]).choice(rows, most, replace=False))


def judged_part(data: TableData) -> str:
    """The part that a model and its baselines are compared on: the test part, or the best that there is."""
    return next(part for part in _PARTS if len(data.rows[part]))


def evaluate_table(model: Any, data: TableData, look: Callable[[int], None]) -> dict[str, float] | None:
    """The validation part's loss and figures; in a fold also the figures of the part it has not seen. None without a part."""
    answering = Answering(model, data.assets, data.params)
    looks = iter(range(1, 1 << 60))
    watched = data.rows["val"] if len(data.rows["val"]) else data.rows["test"] if data.is_fold else data.rows["val"]
    if not len(watched):
        return None
    said = answering.answers(data.take(watched), lambda: look(next(looks)))
    found = {"val_loss": _loss(data, answering, watched, said)}
    figures = ("accuracy", "roc_auc") if data.classes else ("rmse", "r2")
    found |= {f"val_{name}": value for name, value in figures_of(data, watched, said).items() if name in figures}
    if data.is_fold:
        test = data.rows["test"]
        said = answering.answers(data.take(test), lambda: look(next(looks)))
        found |= {f"test_{name}": value for name, value in figures_of(data, test, said).items()}
    return found


def figures_of(data: TableData, rows: np.ndarray, said: np.ndarray) -> dict[str, float]:
    """Every figure of answers to rows; of numbers also how many lie in their interval, of those that have one."""
    truth = data.encoded.targets[rows]
    if data.classes:
        return class_metrics(truth.astype(np.int64), said)
    found = number_metrics(truth, said[:, 0])
    if said.shape[1] == 3:
        inside = (truth >= said[:, 1]) & (truth <= said[:, 2])
        found["interval_coverage"] = float(inside.mean())
    return found


def _loss(data: TableData, answering: Answering, rows: np.ndarray, said: np.ndarray) -> float:
    """What is learnt by, of the members' answer together."""
    truth = data.encoded.targets[rows]
    if data.classes:
        return float(-np.log(np.clip(said[np.arange(len(rows)), truth.astype(np.int64)], 1e-7, 1)).mean())
    error = answering.standardised(truth)[:, None] - answering.standardised(said)
    loss = error[:, 0] ** 2
    for place, quantile in ((1, LOW), (2, HIGH)):
        loss = loss + np.maximum(quantile * error[:, place], (quantile - 1) * error[:, place])
    return float(loss.mean())


def report_table(
    model: Any, data: TableData, params: Any, context: Context, files: Files, stages: list[dict[str, float]]
) -> Report:
    """Figures of every part that was not learnt from, what there is to see of the first, and what the verdict is made of."""
    answering = Answering(model, data.assets, params)
    metrics = over_folds(stages[:-1])
    shown = judged_part(data)
    said: dict[str, np.ndarray] = {}
    for part in ("test", "val") if shown != "train" else ("train",):
        rows = measured_rows(data, part)
        if len(rows):
            said[part] = answering.answers(data.take(rows), context.check)
            metrics |= {f"{part}_{name}": value for name, value in figures_of(data, rows, said[part]).items()}
    rows, answers = measured_rows(data, shown), said[shown]
    truth = data.encoded.targets[rows]
    if data.classes:
        labels = truth.astype(np.int64)
        outputs = class_outputs(labels, answers, data.classes)
        said_classes = answers.argmax(1)
        files.write("confusion_matrix.csv", confusion_csv(labels, said_classes, data.classes))
        if len(data.classes) == 2:
            metrics |= _threshold(data, params, said, shown)
        worst = worst_mistakes(labels, answers, _MISTAKES)
        judge = class_judge(labels)
        predictions, again = answers, class_figures(labels, answers)
        by_group = class_group_figures(labels, answers, data.classes)
    else:
        outputs = number_outputs(truth, answers[:, 0], params.target)
        worst = np.argsort(-np.abs(answers[:, 0] - truth), kind="stable")[:_MISTAKES]
        judge, predictions, again = number_judge(truth), answers[:, 0], number_figures(truth, answers[:, 0])
        by_group = number_group_figures(truth, answers[:, 0])
    spread = intervals(again, len(rows), len(data.classes), params.seed, context.check)
    measured = {name: metrics[f"{shown}_{name}"] for name in spread if f"{shown}_{name}" in metrics}
    outputs += [interval_output(measured, spread, len(rows), shown), *over_folds_output(metrics)]
    if params.groups:
        gaps, told = compare_groups(data.folder, params.groups, rows, by_group, shown, params.seed, context)
        metrics, outputs = metrics | gaps, outputs + told
    outputs += [*_mistakes(data, rows[worst], answers[worst]), *importance(answering, data, rows, context)]
    return Report(metrics, outputs, predictions=predictions, judge=judge, rows=len(rows))


def _threshold(data: TableData, params: Any, said: dict[str, np.ndarray], shown: str) -> dict[str, float]:
    """From which probability on the second class is said at the least cost: found on the validation part, priced on the other."""
    found_on = "val" if "val" in said else shown
    labels = data.encoded.targets[measured_rows(data, found_on)] == 1
    truth = data.encoded.targets[measured_rows(data, shown)] == 1
    threshold, cost = priced_threshold(labels, said[found_on][:, 1], truth, said[shown][:, 1], params.cost_of_missing)
    return {"threshold": threshold, f"{shown}_cost_per_row": cost}


def _mistakes(data: TableData, rows: np.ndarray, answers: np.ndarray) -> list[Output]:
    """The worst ones with their rows. rows: numbers in the table; answers: theirs."""
    if not len(rows):
        return []
    columns = list(data.kinds)[:_COLUMNS]
    with open_table(data.folder) as table:
        cells = {name: array.to_pylist() for name, array in table.take(rows.tolist(), columns).items()}
    found: list[list[Cell]] = []
    for i, row in enumerate(rows.tolist()):
        truth = data.encoded.targets[row]
        if data.classes:
            best = int(answers[i].argmax())
            told: list[Cell] = [data.classes[int(truth)], data.classes[best], round(float(answers[i, best]), 4)]
        else:
            told = [float(truth), float(answers[i, 0]), float(answers[i, 0] - truth)]
        found.append([row + 1, *told, *(_cell(cells[name][i]) for name in columns)])
    heads = ["row", "true", "said", "probability" if data.classes else "error", *columns]
    return [Table(title="The worst mistakes", columns=heads, rows=found, count=len(found))]


def _cell(value: Any) -> Cell:
    return None if value is None else shown_cell(value)


def importance(answering: Answering, data: TableData, rows: np.ndarray, context: Context) -> list[Output]:
    """How much worse the loss gets when a column's values are shuffled among the rows. Source: Breiman 2001; Fisher et al. 2019."""
    rng = np.random.default_rng([data.params.seed, 5])
    rows = np.sort(rng.permutation(rows)[:_PERMUTED_ROWS])
    arrays = data.take(rows)
    base = _loss(data, answering, rows, answering.answers(arrays, context.check))
    columns = list(data.kinds)[:_PERMUTED_COLUMNS]
    scores = []
    for column in columns:
        order = rng.permutation(len(rows))
        shuffled = {kind: array.copy() for kind, array in arrays.items()}
        for kind, place in answering.features.places(column):
            shuffled[kind][:, place] = shuffled[kind][order, place]
        worse = _loss(data, answering, rows, answering.answers(shuffled, context.check)) - base
        scores.append(Score(name=column, value=worse))
    scores.sort(key=lambda score: -score.value)
    left = len(data.kinds) - len(columns)
    of = f"; the first {len(columns)} of {len(data.kinds)} columns" if left else ""
    title = (
        f"What each column is worth: loss added when it is shuffled, on {len(rows):,} rows{of} (permutation importance)"
    )
    return [Scores(title=title, unit="number", items=scores)]
