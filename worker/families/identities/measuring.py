"""How well likenesses tell the same from others: equal error rate, accuracy at a threshold, rank 1, the curve of both errors."""

from collections.abc import Callable

import numpy as np

from shared.outputs import Line, Output, Series
from worker.verdict import Judge

_POINTS = 200  # of a curve


def pairs_of(near: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(likenesses of all pairs, whether each shows the same): float (pairs,), bool (pairs,).

    near: float (n, n), likeness of each picture to each. people: int (n,).
    """
    rows, columns = np.triu_indices(len(people), 1)
    return near[rows, columns], people[rows] == people[columns]


def errors(likenesses: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(thresholds falling, shares of other pairs taken as the same, shares of same pairs missed), by what is accepted from."""
    order = np.argsort(-likenesses, kind="stable")
    sorted_likenesses, sorted_same = likenesses[order], same[order]
    last = np.append(np.flatnonzero(np.diff(sorted_likenesses)), len(order) - 1)
    found, wrong = np.cumsum(sorted_same)[last], np.cumsum(~sorted_same)[last]
    thresholds = np.concatenate([[np.inf], sorted_likenesses[last]])
    accepted = np.concatenate([[0.0], wrong / max(1, int((~same).sum()))])
    missed = np.concatenate([[1.0], 1 - found / max(1, int(same.sum()))])
    return thresholds, accepted, missed


def equal_error(likenesses: np.ndarray, same: np.ndarray) -> tuple[float, float] | None:
    """(equal error rate, its threshold): where as many of the same are missed as others are taken for the same.

    In between two likenesses linearly. None where there are not both kinds of pairs.
    """
    if not same.any() or same.all():
        return None
    thresholds, accepted, missed = errors(likenesses, same)
    at = int(np.argmax(accepted >= missed))
    before, after = missed[at - 1] - accepted[at - 1], accepted[at] - missed[at]
    share = before / (before + after) if before + after else 0.0
    rate = accepted[at - 1] + share * (accepted[at] - accepted[at - 1])
    low, high = thresholds[at], thresholds[at - 1]
    return float(rate), float(low if np.isinf(high) else (low + high) / 2)


def figures(near: np.ndarray, people: np.ndarray, threshold: float | None) -> dict[str, float]:
    """eer, auc, rank_1, tar_at_far_1 (found when one other pair in a hundred is taken), and accuracy at a threshold.

    accuracy: the mean of both kinds of pairs, as if there were as many of the one as of the other. {} without both kinds.
    """
    likenesses, same = pairs_of(near, people)
    equal = equal_error(likenesses, same)
    if equal is None:
        return {}
    _, accepted, missed = errors(likenesses, same)
    found = {
        "eer": equal[0],
        "auc": float(np.trapezoid(1 - missed, accepted)),
        "tar_at_far_1": float((1 - missed)[accepted <= 0.01].max()),
        "rank_1": float(first_is_right(near, people).mean()),
    }
    if threshold is not None:
        said = likenesses >= threshold
        found["accuracy"] = float((said[same].mean() + (~said[~same]).mean()) / 2)
    return found


def first_is_right(near: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Of each picture that has another of the same person, whether its nearest is one: bool (some,)."""
    others = near.copy()
    np.fill_diagonal(others, -np.inf)
    counts = np.bincount(people, minlength=int(people.max()) + 1)[people]
    return (people[others.argmax(1)] == people)[counts > 1]


def curve(title: str, lines: dict[str, tuple[np.ndarray, np.ndarray]]) -> Output:
    """ROC: same pairs found over other pairs taken. lines: (likenesses, same) by name."""
    drawn = []
    for name, (likenesses, same) in lines.items():
        _, accepted, missed = errors(likenesses, same)
        at = np.unique(np.linspace(0, len(accepted) - 1, _POINTS).astype(int))
        drawn.append(Line(name=name, x=accepted[at].tolist(), y=(1 - missed[at]).tolist()))
    return Series(title=title, x_title="others taken for the same", y_title="the same found", lines=drawn)


def matching_judge(people: np.ndarray) -> Judge:
    """Compares by equal error rate over the pairs among the pictures drawn. Predictions: likenesses float (pictures, pictures)."""

    def score(near: np.ndarray, rows: np.ndarray) -> float | None:
        first, second = np.triu_indices(len(rows), 1)
        one, other = rows[first], rows[second]
        apart = one != other  # a picture drawn twice is no pair
        equal = equal_error(near[one[apart], other[apart]], people[one[apart]] == people[other[apart]])
        return None if equal is None else equal[0]

    told: Callable[[np.ndarray, np.ndarray], float | None] = score
    return Judge("equal error rate", "min", told)
