"""How good a classifier is that tells any number of labels: figures, label by label, the comparison with other models."""

from collections.abc import Callable, Sequence

import numpy as np

from shared.outputs import Cell, Output, Table
from worker.verdict import Judge

SAID_FROM = 0.5  # a label is said from this probability on
_TINY = 1e-7


def label_metrics(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Figures by name. truth: 0 or 1 (n, labels); probabilities: float (n, labels), each for itself.

    micro: over all pairs of row and label; macro: mean over the labels that occur, as mean_average_precision is. subset_accuracy:
    rows of which every label is right.
    """
    real, said = truth > 0.5, probabilities >= SAID_FROM
    precision, recall, f1 = _precision_recall_f1(real, said)
    occurs = real.any(axis=0)
    hits, claims, there = int((real & said).sum()), int(said.sum()), int(real.sum())
    clipped = np.clip(probabilities, _TINY, 1 - _TINY)
    found = {
        "micro_f1": 2 * hits / max(1, claims + there),
        "micro_precision": hits / max(1, claims),
        "micro_recall": hits / max(1, there),
        "subset_accuracy": float((real == said).all(axis=1).mean()),
        "log_loss": float(-np.where(real, np.log(clipped), np.log1p(-clipped)).mean()),
    }
    if occurs.any():
        found |= {
            "macro_f1": float(f1[occurs].mean()),
            "macro_precision": float(precision[occurs].mean()),
            "macro_recall": float(recall[occurs].mean()),
            "mean_average_precision": mean_average_precision(real, probabilities) or 0.0,
        }
    return found


def _precision_recall_f1(real: np.ndarray, said: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each label: float (labels,) thrice, 0 where it is never said or never true."""
    hits, claims, there = (real & said).sum(0), said.sum(0), real.sum(0)
    return hits / np.maximum(claims, 1), hits / np.maximum(there, 1), 2 * hits / np.maximum(claims + there, 1)


def mean_average_precision(real: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Mean over the labels that occur of the area under precision over recall; None where none does."""
    found = [average_precision(real[:, i], probabilities[:, i]) for i in np.flatnonzero(real.any(axis=0))]
    return float(np.mean(found)) if found else None


def average_precision(real: np.ndarray, share: np.ndarray) -> float:
    """Of one label, which occurs. real: bool (n,). As scikit-learn defines it, several times as fast for few rows."""
    order = np.argsort(-share, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(share[order]) != 0, True))  # equal shares are said together
    hits = np.cumsum(real[order])[ends]
    return float((np.diff(hits, prepend=0) * hits / (ends + 1)).sum() / hits[-1])


def label_outputs(truth: np.ndarray, probabilities: np.ndarray, names: Sequence[str], part: str = "") -> list[Output]:
    """Label by label, the commonest first."""
    real, said = truth > 0.5, probabilities >= SAID_FROM
    precision, recall, f1 = _precision_recall_f1(real, said)
    there = real.sum(0)
    order = np.argsort(-there, kind="stable")
    rows: list[list[Cell]] = [
        [
            str(names[i]),
            int(there[i]),
            int(said[:, i].sum()),
            round(float(precision[i]), 4),
            round(float(recall[i]), 4),
            round(float(f1[i]), 4),
            round(average_precision(real[:, i], probabilities[:, i]), 4) if there[i] else None,
        ]
        for i in order.tolist()
    ]
    columns = ["label", "rows", "said", "precision", "recall", "F1", "average precision"]
    title = f"Label by label{f', {part}' if part else ''}"
    return [Table(title=title, columns=columns, rows=rows[:100], count=len(rows))]


def worst_of_many(truth: np.ndarray, probabilities: np.ndarray, most: int = 20) -> np.ndarray:
    """Rows with a label that is wrong, those where it was surest of one first: int (up to most,)."""
    wrong = (truth > 0.5) != (probabilities >= SAID_FROM)
    sure = np.where(wrong, np.abs(probabilities - SAID_FROM), -1.0).max(axis=1)
    order = np.argsort(-sure, kind="stable")[:most]
    return order[sure[order] >= 0]


def label_judge(truth: np.ndarray) -> Judge:
    """Compares by mean average precision. Predictions: probabilities (n, labels)."""
    real = truth > 0.5
    return Judge("mean average precision", "max", lambda p, rows: mean_average_precision(real[rows], p[rows]))


def label_figures(truth: np.ndarray, probabilities: np.ndarray) -> Callable[[np.ndarray], dict[str, float]]:
    """label_metrics() of rows by number, for their intervals."""
    return lambda rows: label_metrics(truth[rows], probabilities[rows])
