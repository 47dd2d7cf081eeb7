"""Shows a confusion matrix: as an output, and as a CSV for who goes on with it elsewhere."""

import csv
import io
from collections.abc import Sequence

import numpy as np

from shared.outputs import Matrix


def confusion_output(matrix: np.ndarray, classes: Sequence[str], title: str) -> Matrix:
    """matrix: int (true class, predicted class)."""
    return Matrix(title=title, names=list(classes), counts=matrix.tolist())


def confusion_csv(matrix: np.ndarray, classes: Sequence[str]) -> bytes:
    """One row per true class, one column per predicted class. UTF-8 with BOM."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["true \\ predicted", *classes])
    writer.writerows([name, *map(int, row)] for name, row in zip(classes, matrix, strict=True))
    return out.getvalue().encode("utf-8-sig")  # the mark makes spreadsheets read names in any script
