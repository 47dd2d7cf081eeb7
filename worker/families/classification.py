"""Figures of any classifier: accuracy, macro precision, recall, F1, ROC-AUC, confusion matrix. NumPy."""

from collections.abc import Sequence

import numpy as np


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count examples as (true class, predicted class). labels, predicted: int (n,)."""
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """Area under the ROC curve of one class against the rest, ties counted half. None when one side is empty.

    labels: bool (n,). scores: float (n,). Source: Mann-Whitney U / (positives * negatives).
    """
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def classification_metrics(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Compute accuracy, and precision, recall, F1 and ROC-AUC averaged over the classes that occur in labels.

    labels: int (n,). probabilities: float (n, classes). A class never predicted has precision 0.
    """
    classes = probabilities.shape[1]
    matrix = confusion_matrix(labels, probabilities.argmax(1), classes)
    hits, true, said = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    present = true > 0
    precision = hits / np.maximum(said, 1)
    recall = hits / np.maximum(true, 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    areas = [roc_auc(labels == c, probabilities[:, c]) for c in range(classes)]
    found = [area for area in areas if area is not None]
    metrics = {
        "accuracy": hits.sum() / len(labels),
        "precision": precision[present].mean(),
        "recall": recall[present].mean(),
        "f1": f1[present].mean(),
        **({"roc_auc": np.mean(found)} if found else {}),
    }
    return {name: float(value) for name, value in metrics.items()}


def balanced_class_weights(counts: Sequence[int]) -> list[float]:
    """Weigh classes so that each counts the same in sum, with mean weight 1 over the examples.

    counts: examples of each class, each >= 1. Source: scikit-learn's class_weight="balanced", n / (classes * count).
    """
    total = sum(counts)
    return [total / (len(counts) * count) for count in counts]
