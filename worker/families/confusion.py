"""Writes a confusion matrix as a CSV, for who goes on with it elsewhere."""

import csv
import io
from collections.abc import Sequence

import numpy as np


def confusion_csv(labels: np.ndarray, said: np.ndarray, classes: Sequence[str]) -> bytes:
    """One row per true class, one column per predicted class. labels, said: int (n,). UTF-8 with BOM."""
    count = len(classes)
    matrix = np.bincount(labels * count + said, minlength=count * count).reshape(count, count)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["true \\ predicted", *classes])
    writer.writerows([name, *map(int, row)] for name, row in zip(classes, matrix, strict=True))
    return out.getvalue().encode("utf-8-sig")  # the mark makes spreadsheets read names in any script
