"""Columns that give the target away by themselves: found in the training part, told before a model is trusted."""

import numpy as np

MOST_ROWS = 20_000  # looked at
_FEWEST_ROWS, _FEWEST_OF_CLASS = 20, 5  # fewer part by chance
_ROWS_A_VALUE = 3  # on average: each value of a column with more of them is alone
_STRAIGHT = 0.999_999  # of a correlation


def columns_giving_away(
    arrays: dict[str, np.ndarray], targets: np.ndarray, classes: int, names: dict[str, list[str]]
) -> list[str]:
    """Names of features that alone tell the target without a mistake.

    arrays: as Features.encode() gives them. targets: float (rows,), class numbers or values. classes: 0 for numbers. names: of the
    features by kind. A number tells classes when one border after the other parts them; a category when each of its values goes
    with one class; a number tells a number when it lies on a line with it.
    """
    found = []
    for place, name in enumerate(names.get("numbers", [])):
        values = arrays["numbers"][:, place].astype(np.float64)
        known = np.isfinite(values)
        if known.sum() < max(_FEWEST_ROWS, 0.9 * len(values)):
            continue
        tells = _parts if classes else _on_a_line
        if tells(values[known], targets[known]):
            found.append(name)
    for place, name in enumerate(names.get("categories", []) if classes else []):
        codes = arrays["categories"][:, place]
        if len(codes) >= _FEWEST_ROWS and _one_class_each(codes, targets):
            found.append(name)
    return found


def _enough(targets: np.ndarray) -> bool:
    _, counts = np.unique(targets, return_counts=True)
    return len(counts) > 1 and counts.min() >= _FEWEST_OF_CLASS


def _parts(values: np.ndarray, targets: np.ndarray) -> bool:
    order = np.lexsort((targets, values))
    values, targets = values[order], targets[order]
    changes = np.flatnonzero(targets[1:] != targets[:-1])
    parted = len(changes) == len(np.unique(targets)) - 1 and bool((values[changes + 1] > values[changes]).all())
    return parted and _enough(targets)


def _on_a_line(values: np.ndarray, targets: np.ndarray) -> bool:
    if values.std() == 0 or targets.std() == 0:
        return False
    return abs(np.corrcoef(values, targets)[0, 1]) > _STRAIGHT


def _one_class_each(codes: np.ndarray, targets: np.ndarray) -> bool:
    pairs = np.unique(np.stack([codes, targets.astype(np.int64)]), axis=1)
    values = len(np.unique(codes))
    return 2 <= values == pairs.shape[1] and _ROWS_A_VALUE * values <= len(codes) and _enough(targets)
