"""Figures of any classifier: accuracy, macro precision, recall, F1, ROC-AUC, confusion matrix. NumPy, Pillow."""

import csv
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont


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


def confusion_csv(matrix: np.ndarray, classes: Sequence[str]) -> bytes:
    """Write a confusion matrix as CSV: one row per true class, one column per predicted class. UTF-8 with BOM."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["true \\ predicted", *classes])
    writer.writerows([name, *map(int, row)] for name, row in zip(classes, matrix, strict=True))
    return out.getvalue().encode("utf-8-sig")  # the mark makes spreadsheets read names in any script


def drawable(name: str, index: int) -> str:
    """Return a class name if Pillow's own font can draw it, else its number as "#3"."""
    return name if name.isascii() else f"#{index}"


def confusion_png(matrix: np.ndarray, classes: Sequence[str]) -> bytes:
    """Draw a confusion matrix, shaded by each row's shares. Numbers are left out above 30 classes."""
    n = len(classes)
    cell = 44 if n <= 12 else 30 if n <= 30 else max(4, 900 // n)
    font = ImageFont.load_default(12)
    names = [drawable(name, i)[:16] for i, name in enumerate(classes)] if n <= 30 else [""] * n
    left = 30 + max(int(font.getlength(name)) for name in names)
    image = Image.new("RGB", (left + n * cell + 10, 40 + n * cell + 30), "white")
    draw = ImageDraw.Draw(image)
    draw.text((left, 6), "predicted (columns) against true (rows)", "black", font)
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    for row in range(n):
        for column in range(n):
            x, y, share = left + column * cell, 40 + row * cell, shares[row, column]
            draw.rectangle((x, y, x + cell - 2, y + cell - 2), fill=_shade(share, row == column))
            if n <= 30 and matrix[row, column]:
                ink = "white" if share > 0.5 else "black"
                draw.text((x + cell / 2 - 1, y + cell / 2 - 1), str(matrix[row, column]), ink, font, anchor="mm")
        if names[row]:
            draw.text((left - 8, 40 + (row + 0.5) * cell), names[row], "black", font, anchor="rm")
            draw.text((left + (row + 0.5) * cell, 44 + n * cell), names[row][: cell // 7], "black", font, anchor="ma")
    return png_bytes(image)


def _shade(share: float, right: bool) -> tuple[int, int, int]:
    """White to blue for hits, white to red for misses."""
    strong = np.array((24, 90, 157) if right else (178, 34, 34))
    red, green, blue = (255 + (strong - 255) * share).astype(int)
    return int(red), int(green), int(blue)


def png_bytes(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
