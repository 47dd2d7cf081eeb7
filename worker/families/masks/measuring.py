"""How good masks are: pixels counted by true and said class, picture by picture, and the figures made of them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from shared.datasets.pairs.storing import NOTHING
from shared.outputs import Cell, Matrix, Output, Table
from worker.families.evaluation.classes import MOST_NAMED
from worker.verdict import Judge


def counted(truth: np.ndarray, said: np.ndarray, classes: int) -> np.ndarray:
    """Pixels by true and said class, int64 (classes, classes). truth, said: uint8 (height, width); NOTHING in truth counts not."""
    known = truth != NOTHING
    pairs = truth[known].astype(np.int64) * classes + said[known]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def by_class(counts: np.ndarray) -> dict[str, np.ndarray]:
    """iou, dice, accuracy and precision of each class, float (classes,), NaN of those that neither truth nor answer shows.

    counts: int (classes, classes), true by said.
    """
    right, true, said = counts.diagonal().astype(float), counts.sum(1).astype(float), counts.sum(0).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "iou": right / (true + said - right),
            "dice": 2 * right / (true + said),
            "accuracy": right / true,
            "precision": right / said,
        }


def mask_metrics(counts: np.ndarray) -> dict[str, float]:
    """mean_iou, mean_dice, mean_accuracy: over the classes that the truth shows; pixel_accuracy. {} where it shows none.

    counts: as by_class() has them.
    """
    there = counts.sum(1) > 0
    if not there.any():
        return {}
    each = by_class(counts)
    return {
        "mean_iou": float(each["iou"][there].mean()),
        "mean_dice": float(each["dice"][there].mean()),
        "mean_accuracy": float(each["accuracy"][there].mean()),
        "pixel_accuracy": float(counts.trace() / counts.sum()),
    }


def mean_iou(counts: np.ndarray) -> float | None:
    return mask_metrics(counts).get("mean_iou")


def mask_judge() -> Judge:
    """Compares by mean IoU over all pixels of the pictures drawn. Predictions: int64 (pictures, classes, classes)."""
    score: Callable[[np.ndarray, np.ndarray], float | None] = lambda counts, rows: mean_iou(counts[rows].sum(0))  # noqa: E731
    return Judge("mean IoU", "max", score)


def mask_outputs(counts: np.ndarray, names: list[str], part: str) -> list[Output]:
    """Figures class by class, and what was taken for what in thousandths of the true class. part: for the titles."""
    each = by_class(counts)
    order = np.argsort(-counts.sum(1), kind="stable").tolist()
    columns = ["class", "share of pixels", "IoU", "Dice", "found", "right"]
    rows: list[list[Cell]] = [
        [
            names[c],
            round(float(counts[c].sum() / counts.sum()), 5),
            *(_said(each[name][c]) for name in ("iou", "dice", "accuracy", "precision")),
        ]
        for c in order
    ]
    title = (
        f"Class by class, {part}: found is the share of its pixels that were said, right the share of the said that are"
    )
    found: list[Output] = [Table(title=title, columns=columns, rows=rows[:100], count=len(rows))]
    if len(names) <= MOST_NAMED:
        shares = np.round(1000 * counts / np.maximum(counts.sum(1, keepdims=True), 1)).astype(int)
        title = f"What is true, and what it said, {part}: of 1,000 pixels of each class"
        found.append(Matrix(title=title, names=list(names), counts=shares.tolist()))
    return found


def _said(value: Any) -> Cell:
    return None if np.isnan(value) else round(float(value), 4)
