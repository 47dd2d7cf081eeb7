"""How good a classifier is: figures, the matrix, calibration, the threshold that suits a cost, the worst mistakes.

Figures that many have defined before are scikit-learn's; what is here is what holds them together, and the few it lacks.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from shared.outputs import Cell, Line, Matrix, Output, Series, Table
from worker.verdict import Judge

MOST_NAMED = 40  # classes in the matrix on the page; beyond, the commonest mistakes say more
_BINS = 10  # of the calibration curve
_LEAST_POINT = 10  # a guess: rows of a point of the curve; of one row it could only be 0 or 1
_TINY = 1e-7
sk: Any = metrics  # its declared types say less than it gives


def class_metrics(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Figures of a classifier by name; those that are not defined for these rows are left out.

    labels: int (n,), index into the classes. probabilities: float (n, classes), rows summing to 1. Precision, recall, F1,
    ROC-AUC and average precision of more than two classes are means over the classes that occur, each against the rest; of
    two classes they are those of the second, which is the one looked for.
    """
    classes = probabilities.shape[1]
    said = probabilities.argmax(1)
    present = np.unique(labels)
    average = "binary" if classes == 2 else "macro"
    shown = None if classes == 2 else present.tolist()
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        labels, said, average=average, labels=shown, zero_division=0
    )
    found = {
        "accuracy": float((said == labels).mean()),
        "balanced_accuracy": float(np.mean([(said[labels == c] == c).mean() for c in present])),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "log_loss": float(-np.log(np.clip(probabilities[np.arange(len(labels)), labels], _TINY, 1)).mean()),
        "calibration_error": calibration_error(labels, probabilities),
    }
    for name, value in (("roc_auc", roc_auc(labels, probabilities)), ("average_precision", _ap(labels, probabilities))):
        if value is not None:
            found[name] = value
    return found


def roc_auc(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Area under the ROC curve; None where a side is empty. As class_metrics averages."""
    return _over_classes(labels, probabilities, _area)


def _area(truth: np.ndarray, share: np.ndarray) -> float:
    """Ties count half. Five times as fast as scikit-learn's, which draws the curve first. Source: Mann-Whitney U over pairs."""
    _, place, counts = np.unique(share, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    positives = int(truth.sum())
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * (len(truth) - positives)))


def _ap(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    return _over_classes(labels, probabilities, sk.average_precision_score)


def _over_classes(
    labels: np.ndarray, probabilities: np.ndarray, score: Callable[[np.ndarray, np.ndarray], float]
) -> float | None:
    wanted = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    values = []
    for c in wanted:
        truth = labels == c
        if truth.any() and not truth.all():
            values.append(float(score(truth, probabilities[:, c])))
    return float(np.mean(values)) if values else None


def calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean distance between how sure it was and how often it was right, over bins of equal width, weighed by their size.

    Source: expected calibration error, Guo et al. 2017, arXiv:1706.04599.
    """
    total = 0.0
    for sure, right, count in _bins(labels, probabilities):
        total += count * abs(sure - right)
    return total / len(labels)


def _bins(labels: np.ndarray, probabilities: np.ndarray) -> list[tuple[float, float, int]]:
    """(mean confidence, share right, rows) of each bin that holds any."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    return [
        (float(confidence[place == b].mean()), float(right[place == b].mean()), int((place == b).sum()))
        for b in np.unique(place)
    ]


def calibration_curve(labels: np.ndarray, probabilities: np.ndarray) -> Series:
    """How often it was right against how sure it was; on the diagonal it means what it says.

    Bins of few rows are drawn together with the next one.
    """
    found = _joined(_bins(labels, probabilities))
    return Series(
        title="How sure it was, and how often it was right",
        x_title="said probability",
        y_title="share right",
        lines=[
            Line(name="the model", x=[sure for sure, _, _ in found], y=[right for _, right, _ in found]),
            Line(name="as it should be", x=[0.0, 1.0], y=[0.0, 1.0]),
        ],
    )


def _joined(bins: list[tuple[float, float, int]]) -> list[tuple[float, float, int]]:
    """Neighbouring bins put together until each holds _LEAST_POINT rows, the last ones with those before; as _bins."""
    found: list[tuple[float, float, int]] = []
    for n, (sure, right, count) in enumerate(bins):
        before = found[-1][2] if found else _LEAST_POINT
        rest = sum(later for _, _, later in bins[n:])
        if before < _LEAST_POINT or (found and rest < _LEAST_POINT):
            old_sure, old_right, old = found.pop()
            total = old + count
            sure, right, count = (
                (old_sure * old + sure * count) / total, (old_right * old + right * count) / total, total
            )  # fmt: skip
        found.append((sure, right, count))
    return found


def best_threshold(labels: np.ndarray, share: np.ndarray, missed: float, alarm: float) -> tuple[float, float]:
    """The threshold of least cost and that cost per row, of two classes.

    labels: bool (n,), the class looked for. share: float (n,), its probability. missed, alarm: what it costs to miss one, and to
    raise a false alarm. A row counts as found from the threshold on; 1.01 finds none.
    """
    order = np.argsort(-share, kind="stable")
    hits, alarms = np.cumsum(labels[order]), np.cumsum(~labels[order])
    costs = np.concatenate([[labels.sum() * missed], (labels.sum() - hits) * missed + alarms * alarm])
    sorted_share = share[order]
    borders = np.concatenate([[True], np.append(sorted_share[:-1] != sorted_share[1:], True)])  # equal ones go together
    costs = np.where(borders, costs, np.inf)
    best = int(costs.argmin())
    return (1.01 if best == 0 else float(sorted_share[best - 1])), float(costs[best] / len(labels))


def priced_threshold(
    known: np.ndarray, known_share: np.ndarray, labels: np.ndarray, share: np.ndarray, missed: float
) -> tuple[float, float]:
    """(threshold of least cost, what it costs per row elsewhere): found on known rows, priced on others; a false alarm costs 1.

    known, labels: bool, True for the class looked for; the shares are its probabilities.
    """
    threshold, _ = best_threshold(known, known_share, missed, 1.0)
    said = share >= threshold
    return threshold, float(missed * (labels & ~said).mean() + (~labels & said).mean())


def class_outputs(labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str], part: str = "") -> list[Output]:
    """What there is to see: figures of each class, the matrix, calibration. part: what of the data it is about, for the title."""
    said, about = probabilities.argmax(1), f", {part}" if part else ""
    found: list[Output] = []
    if len(names) <= MOST_NAMED:
        counts = np.bincount(labels * len(names) + said, minlength=len(names) ** 2).reshape(len(names), len(names))
        found.append(Matrix(title=f"What is true, and what it said{about}", names=list(names), counts=counts.tolist()))
    else:
        found.append(_common_mistakes(labels, said, names))
    found.append(_per_class(labels, said, names))
    found.append(calibration_curve(labels, probabilities))
    return found


def _per_class(labels: np.ndarray, said: np.ndarray, names: Sequence[str]) -> Table:
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        labels, said, labels=range(len(names)), zero_division=0
    )
    rows: list[list[Cell]] = [
        [
            names[int(i)],
            int(support[i]),
            round(float(precision[i]), 4),
            round(float(recall[i]), 4),
            round(float(f1[i]), 4),
        ]
        for i in np.argsort(-np.asarray(support), kind="stable")
    ]
    return Table(
        title="Class by class", columns=["class", "rows", "precision", "recall", "F1"], rows=rows[:100], count=len(rows)
    )


def _common_mistakes(labels: np.ndarray, said: np.ndarray, names: Sequence[str]) -> Table:
    wrong = labels != said
    pairs, counts = np.unique(np.stack([labels[wrong], said[wrong]]), axis=1, return_counts=True)
    rows: list[list[Cell]] = [
        [names[int(pairs[0, i])], names[int(pairs[1, i])], int(counts[i])] for i in np.argsort(-counts, kind="stable")
    ]
    return Table(title="The commonest mistakes", columns=["true", "said", "rows"], rows=rows[:100], count=len(rows))


def worst_mistakes(labels: np.ndarray, probabilities: np.ndarray, most: int = 20) -> np.ndarray:
    """Rows that are wrong, those where it was surest first: int (up to most,)."""
    wrong = np.flatnonzero(probabilities.argmax(1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(1), kind="stable")][:most]


def class_judge(labels: np.ndarray, metric: str = "roc_auc") -> Judge:
    """Compares classifiers by ROC-AUC, or by accuracy where that is asked for. Predictions: probabilities (n, classes)."""
    if metric == "accuracy":
        return Judge("accuracy", "max", lambda p, rows: float((p[rows].argmax(1) == labels[rows]).mean()))
    return Judge("ROC-AUC", "max", lambda p, rows: roc_auc(labels[rows], p[rows]))
