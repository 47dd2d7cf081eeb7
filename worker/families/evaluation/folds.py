"""Figures over the folds of a training."""

from collections.abc import Sequence

import numpy as np


def over_folds(folds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean and deviation over the folds of each figure of the parts they had not seen, "test_..." as "fold_..."."""
    found: dict[str, float] = {}
    for name in folds[0] if folds else ():
        values = [fold[name] for fold in folds if name in fold]
        if name.startswith("test_") and len(values) > 1:
            found[f"fold_{name.removeprefix('test_')}"] = float(np.mean(values))
            found[f"fold_{name.removeprefix('test_')}_deviation"] = float(np.std(values, ddof=1))
    return found
