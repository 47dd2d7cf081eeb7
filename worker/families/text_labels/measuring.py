"""How good a text network is: figures while it trains, and the full report."""

from collections.abc import Callable
from typing import Any

import numpy as np

from shared.errors import cut
from shared.outputs import Cell, Output, Table
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
from worker.families.evaluation.groups import class_group_figures, compare_groups, label_group_figures
from worker.families.evaluation.intervals import class_figures, interval_output, intervals
from worker.families.evaluation.labels import (
    SAID_FROM,
    label_figures,
    label_judge,
    label_metrics,
    label_outputs,
    worst_of_many,
)
from worker.families.text_labels.answering import Answering
from worker.families.text_labels.data import LabelledTexts
from worker.recipe import Report
from worker.verdict import Judge

MOST_MEASURED = 200_000  # texts of a part; more change no figure that is read
_MOST_SHARES = 20_000_000  # of all labels together
_MOST_RESAMPLED = 2_000_000  # of all labels together, in each of hundreds of resamples
_MISTAKES, _SHOWN_CHARACTERS = 20, 400
_PARTS = ("test", "val", "train")
_TOLD = {"test": "test part", "val": "validation part", "train": "training part"}
_WATCHED = ("accuracy", "roc_auc", "micro_f1", "mean_average_precision")
_TINY = 1e-7


def measured_places(data: LabelledTexts, part: str) -> np.ndarray:
    """The texts of a part that figures are taken on: all, or as many as are sensible, drawn by the seed."""
    places = data.places[part]
    most = max(100, min(MOST_MEASURED, _MOST_SHARES // len(data.names)))
    if len(places) <= most:
        return places
    return np.sort(np.random.default_rng([data.params.seed, 5]).choice(places, most, replace=False))


def judged_part(data: LabelledTexts) -> str:
    """The part that a model and its baselines are compared on: the test part, or the best that there is."""
    return next(part for part in _PARTS if len(data.places[part]))


def figures_of(data: LabelledTexts, places: np.ndarray, said: np.ndarray) -> dict[str, float]:
    """Every figure of answers to texts."""
    truth = data.truth(places)
    return label_metrics(truth, said) if data.many else class_metrics(truth, said)


def evaluate_labelled(model: Any, data: LabelledTexts, look: Callable[[int], None]) -> dict[str, float] | None:
    """The validation part's loss and figures; in a fold also the figures of the part it has not seen. None without a part."""
    answering = Answering(model, data.assets, data.params)
    looks = iter(range(1, 1 << 60))
    fallback = data.places["test"] if data.is_fold else data.places["val"]
    watched = measured_places(data, "val") if len(data.places["val"]) else fallback
    if not len(watched):
        return None

    def answers(places: np.ndarray) -> np.ndarray:
        return answering.answers(data.read, places, lambda: look(next(looks)))

    said = answers(watched)
    found = {"val_loss": _loss(data.truth(watched), said)}
    figures = figures_of(data, watched, said)
    found |= {f"val_{name}": figures[name] for name in _WATCHED if name in figures}
    if data.is_fold:
        test = data.places["test"]
        found |= {f"test_{name}": value for name, value in figures_of(data, test, answers(test)).items()}
    return found


def _loss(truth: np.ndarray, said: np.ndarray) -> float:
    """Mean cross-entropy of the answers."""
    if truth.ndim == 2:
        return label_metrics(truth, said)["log_loss"]
    return float(-np.log(np.clip(said[np.arange(len(truth)), truth], _TINY, 1)).mean())


def judge_of(data: LabelledTexts, truth: np.ndarray) -> Judge:
    """Of many labels by average precision, of two by ROC-AUC, of more by accuracy."""
    return label_judge(truth) if data.many else class_judge(truth, "roc_auc" if len(data.names) == 2 else "accuracy")


def compared_places(data: LabelledTexts) -> np.ndarray:
    """The texts that the model and its baselines are compared on."""
    places = measured_places(data, judged_part(data))
    most = max(100, _MOST_RESAMPLED // (len(data.names) if data.many else 1))
    return places[np.linspace(0, len(places) - 1, min(most, len(places))).astype(int)]


def report_labelled(
    model: Any, data: LabelledTexts, params: Any, context: Context, files: Files, stages: list[dict[str, float]]
) -> Report:
    """Figures of every part that was not learnt from, what there is to see of the first, and what the verdict is made of."""
    answering = Answering(model, data.assets, params)
    metrics = over_folds(stages[:-1])
    shown = judged_part(data)
    said: dict[str, np.ndarray] = {}
    for part in ("test", "val") if shown != "train" else ("train",):
        places = measured_places(data, part)
        if len(places):
            said[part] = answering.answers(data.read, places, context.check)
            metrics |= {f"{part}_{name}": value for name, value in figures_of(data, places, said[part]).items()}
    places, answers = measured_places(data, shown), said[shown]
    truth = data.truth(places)
    outputs: list[Output] = []
    if data.many:
        outputs += label_outputs(truth, answers, data.names, _TOLD[shown])
        worst = worst_of_many(truth, answers, _MISTAKES)
    else:
        outputs += class_outputs(truth, answers, data.names, _TOLD[shown])
        files.write("confusion_matrix.csv", confusion_csv(truth, answers.argmax(1), data.names))
        worst = worst_mistakes(truth, answers, _MISTAKES)
        if len(data.names) == 2:
            found_on = "val" if "val" in said else shown
            known = data.truth(measured_places(data, found_on)) == 1
            threshold, cost = priced_threshold(
                known, said[found_on][:, 1], truth == 1, answers[:, 1], params.cost_of_missing
            )
            metrics |= {"threshold": threshold, f"{shown}_cost_per_row": cost}
    compared = compared_places(data)
    kept = answers[np.searchsorted(places, compared)]
    outputs += [_intervals(data, compared, kept, metrics, shown, context), *over_folds_output(metrics)]
    if params.groups:
        by_group = (
            label_group_figures(truth > 0, answers >= SAID_FROM)
            if data.many
            else class_group_figures(truth, answers, data.names)
        )
        rows = data.table_rows.rows[places]
        gaps, told = compare_groups(data.folder, params.groups, rows, by_group, shown, params.seed, context)
        metrics, outputs = metrics | gaps, outputs + told
    outputs += _mistakes(data, places[worst], answers[worst])
    judge = judge_of(data, data.truth(compared))
    return Report(metrics, outputs, predictions=kept, judge=judge, rows=len(compared))


def _intervals(
    data: LabelledTexts, places: np.ndarray, said: np.ndarray, metrics: dict[str, float], part: str, context: Context
) -> Output:
    truth = data.truth(places)
    figures = label_figures(truth, said) if data.many else class_figures(truth, said)
    spread = intervals(figures, len(places), len(data.names), data.params.seed, context.check)
    measured = {name: metrics[f"{part}_{name}"] for name in spread if f"{part}_{name}" in metrics}
    return interval_output(measured, spread, len(places), part)


def _mistakes(data: LabelledTexts, places: np.ndarray, answers: np.ndarray) -> list[Output]:
    """The worst ones with their texts. answers: theirs."""
    if not len(places):
        return []
    rows: list[list[Cell]] = []
    for place, text, said in zip(places.tolist(), data.texts(places), answers, strict=True):
        number = int(data.table_rows.rows[place]) + 1
        rows.append(
            [number, *told_cells(data.names, data.many, data.labels.numbers(place), said), cut(text, _SHOWN_CHARACTERS)]
        )
    columns = ["row", "true", "said", "probability", "text"]
    return [Table(title="The worst mistakes", columns=columns, rows=rows, count=len(rows))]


def told_cells(names: list[str], many: bool, truth: list[int], said: np.ndarray) -> list[Cell]:
    """What is true, what was said, and how sure it was. said: float (labels,)."""
    chosen = np.flatnonzero(said >= SAID_FROM).tolist() if many else [int(said.argmax())]
    sure = float(np.maximum(said, 1 - said).min()) if many else float(said.max())
    return [", ".join(names[i] for i in truth), ", ".join(names[i] for i in chosen), round(sure, 4)]
