"""How sure figures are: each measured again on rows drawn anew, as if others had come to be measured on.

Source: Efron 1979, the bootstrap; the interval is that of percentiles. Called by reports; the verdict has one of its own, of the
difference of two models on the same rows.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import metrics

from shared.outputs import Cell, Output, Table
from worker.families.evaluation.classes import roc_auc
from worker.families.evaluation.regression import number_metrics

SHARE = 0.95
_MOST_DRAWS, _FEWEST_DRAWS = 400, 40
_WORK = 4_000_000  # rows times classes, of all draws together: some seconds
_MOST_RANKED = 20  # classes; figures over ranks of more take longer than they are worth
_TINY = 1e-7
sk: Any = metrics  # its declared types say less than it gives
Figures = Callable[[np.ndarray], dict[str, float]]


def intervals(
    figures: Figures, rows: int, classes: int = 1, seed: int = 0, check: Callable[[], None] = lambda: None
) -> dict[str, tuple[float, float]]:
    """(low, high) of each figure. figures: of rows by number, int (n,), drawn with repeats; leaves out what is not defined.

    rows: how many there are. classes: of which figures() takes so much longer. check: called between the draws.
    """
    rng = np.random.default_rng([seed, 8])
    draws = min(_MOST_DRAWS, max(_FEWEST_DRAWS, _WORK // max(1, rows * max(1, classes))))
    found: dict[str, list[float]] = {}
    for _ in range(draws):
        check()
        for name, value in figures(rng.integers(0, rows, rows)).items():
            found.setdefault(name, []).append(value)
    ends = ((1 - SHARE) / 2, (1 + SHARE) / 2)
    return {
        name: (float(np.quantile(values, ends[0])), float(np.quantile(values, ends[1])))
        for name, values in found.items()
        if len(values) > draws / 2
    }


def class_figures(labels: np.ndarray, probabilities: np.ndarray) -> Figures:
    """Those of class_metrics() that have intervals. labels: int (n,). probabilities: float (n, classes)."""
    count = probabilities.shape[1]
    said = probabilities.argmax(1)
    logs = -np.log(np.clip(probabilities[np.arange(len(labels)), labels], _TINY, 1))

    def figures(rows: np.ndarray) -> dict[str, float]:
        matrix = np.bincount(labels[rows] * count + said[rows], minlength=count * count).reshape(count, count)
        right, true, told = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
        there = true > 0
        f1 = 2 * right / np.maximum(true + told, 1)
        found = {
            "accuracy": float(right.sum() / len(rows)),
            "balanced_accuracy": float((right[there] / true[there]).mean()),
            "f1": float(f1[1] if count == 2 else f1[there].mean()),
            "log_loss": float(logs[rows].mean()),
        }
        if count <= _MOST_RANKED:
            area = roc_auc(labels[rows], probabilities[rows])
            found |= {"roc_auc": area} if area is not None else {}
            if count == 2 and 0 < (positive := labels[rows] == 1).sum() < len(rows):
                found["average_precision"] = float(sk.average_precision_score(positive, probabilities[rows, 1]))
        return found

    return figures


def number_figures(truth: np.ndarray, said: np.ndarray) -> Figures:
    """Those of number_metrics(). truth, said: float (n,)."""
    return lambda rows: number_metrics(truth[rows], said[rows])


def interval_output(measured: dict[str, float], found: dict[str, tuple[float, float]], rows: int, part: str) -> Output:
    """The figures with their intervals. measured: by the same names."""
    cells: list[list[Cell]] = [
        [name.replace("_", " "), round(measured[name], 6), round(low, 6), round(high, 6)]
        for name, (low, high) in found.items()
        if name in measured
    ]
    title = f"How sure the figures are: {SHARE:.0%} intervals over other draws of {rows:,} rows, {part} part"
    return Table(title=title, columns=["figure", "measured", "from", "to"], rows=cells, count=len(cells))
