"""How far up the right text stands: ranks, and the field's figures of them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from worker.verdict import Judge

MOST_ASKED, MOST_CANDIDATES = 2_000, 20_000  # more change no figure that is read
_BLOCK = 256  # questions at once
AT = (1, 5, 10)


def ranks(
    likeness: Callable[[int, int], np.ndarray], right: np.ndarray, also: dict[int, np.ndarray], kinds: np.ndarray,
    check: Callable[[], None],
) -> np.ndarray:  # fmt: skip
    """float64 (asked,): the place of the right text among all, 1 for the first; equally near ones share their places.

    likeness: (begin, end) -> float (end - begin, candidates). right: int (asked,), the candidate. also: by number in `kinds`, the
    candidates that are right for that question, too: they are no rivals. kinds: int (asked,), equal for equal questions.
    """
    found = np.zeros(len(right))
    for begin in range(0, len(right), _BLOCK):
        check()
        scores = likeness(begin, min(begin + _BLOCK, len(right)))
        for row, one in enumerate(scores):
            number = begin + row
            own = one[right[number]]
            rivals = np.ones(len(one), bool)
            rivals[also[int(kinds[number])]] = False
            found[number] = 1 + (one[rivals] > own).sum() + (one[rivals] == own).sum() / 2
    return found


def figures(found: np.ndarray) -> dict[str, float]:
    """Of ranks: mean reciprocal rank, recall, nDCG within the first ten (one text is right: its gain is 1 / log2(1 + rank))."""
    near = np.where(found <= 10, 1 / np.log2(1 + found), 0.0)
    said = {"mrr": float((1 / found).mean()), "ndcg_at_10": float(near.mean())}
    return said | {f"recall_at_{most}": float((found <= most).mean()) for most in AT}


def ranking_judge() -> Judge:
    """By mean reciprocal rank. Predictions are ranks."""

    def score(predictions: Any, rows: np.ndarray) -> float | None:
        return float((1 / predictions[rows]).mean()) if len(rows) else None

    return Judge("mean reciprocal rank", "max", score)
