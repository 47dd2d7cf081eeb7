"""Figures over the folds of a training."""

from collections.abc import Sequence

import numpy as np

from shared.outputs import Cell, Output, Table


def over_folds(folds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean and deviation over the folds of each figure of the parts they had not seen, "test_..." as "fold_..."."""
    found: dict[str, float] = {}
    for name in folds[0] if folds else ():
        values = [fold[name] for fold in folds if name in fold]
        if name.startswith("test_") and len(values) > 1:
            found[f"fold_{name.removeprefix('test_')}"] = float(np.mean(values))
            found[f"fold_{name.removeprefix('test_')}_deviation"] = float(np.std(values, ddof=1))
    return found


def over_folds_output(metrics: dict[str, float]) -> list[Output]:
    """Mean and deviation over the folds as a table."""
    names = [name.removesuffix("_deviation") for name in metrics if name.endswith("_deviation")]
    rows: list[list[Cell]] = [
        [name.removeprefix("fold_").replace("_", " "), round(metrics[name], 6), round(metrics[f"{name}_deviation"], 6)]
        for name in names
    ]
    title = "Over the folds, each measured on the part it had not seen"
    return [Table(title=title, columns=["figure", "mean", "deviation"], rows=rows, count=len(rows))] if rows else []
