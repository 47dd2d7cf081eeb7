"""How far up what belongs together stands, both ways: ranks, the field's figures of them, and what chance would give.

A picture asks for texts: it has found one when any of its texts, or of those equal to one, stands up high. A text asks for pictures
likewise. What else is right is no rival.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from worker.verdict import Judge

AT = (1, 5, 10)
_BLOCK = 256  # asked at once
WAYS = ("picture_to_text", "text_to_picture")


@dataclass(frozen=True)
class Ranks:
    """float64 (pictures,), float64 (texts,): the place of the first that is right, 1 the best; equally near ones share theirs.

    rights: how many are right for each. owner: int64 (texts,), the picture of each text among these pictures.
    """

    pictures: np.ndarray
    texts: np.ndarray
    picture_rights: np.ndarray
    text_rights: np.ndarray
    owner: np.ndarray


def ranks_of(
    scores: np.ndarray, right: Callable[[np.ndarray], np.ndarray], owner: np.ndarray, check: Callable[[], None]
) -> Ranks:
    """scores: float (pictures, texts). right: numbers of pictures (n,) -> bool (n, texts). owner: the picture of each text."""
    everything = np.concatenate(
        [right(np.arange(b, min(b + _BLOCK, len(scores)))) for b in range(0, len(scores), _BLOCK)]
    )
    pictures, picture_rights = _ranks(scores, everything, check)
    texts, text_rights = _ranks(scores.T, everything.T, check)
    return Ranks(pictures, texts, picture_rights, text_rights, owner)


def _ranks(scores: np.ndarray, right: np.ndarray, check: Callable[[], None]) -> tuple[np.ndarray, np.ndarray]:
    found = np.zeros(len(scores))
    for begin in range(0, len(scores), _BLOCK):
        check()
        some, true = scores[begin : begin + _BLOCK], right[begin : begin + _BLOCK]
        own = np.where(true, some, -np.inf).max(1, keepdims=True)
        above, beside = ((some > own) & ~true).sum(1), ((some == own) & ~true).sum(1)
        found[begin : begin + _BLOCK] = 1 + above + beside / 2
    return found, right.sum(1)


def figures(ranks: Ranks) -> dict[str, float]:
    """mrr (mean reciprocal rank) and recall_at_1, _5, _10 each way, and the mean of both ways."""
    found: dict[str, float] = {}
    for way, some in zip(WAYS, (ranks.pictures, ranks.texts), strict=True):
        found[f"{way}_mrr"] = float((1 / some).mean())
        found |= {f"{way}_recall_at_{most}": float((some <= most).mean()) for most in AT}
    return _with_means(found)


def chance(ranks: Ranks) -> dict[str, float]:
    """The same figures as figures(), expected of an order that knows nothing."""
    found: dict[str, float] = {}
    sides = ((ranks.picture_rights, len(ranks.texts)), (ranks.text_rights, len(ranks.pictures)))
    for way, (rights, candidates) in zip(WAYS, sides, strict=True):
        kinds, counts = np.unique(rights, return_counts=True)
        weights = counts / counts.sum()
        of_each = [_chance(int(right), candidates) for right in kinds]
        for name in of_each[0]:
            found[f"{way}_{name}"] = float(sum(w * one[name] for w, one in zip(weights, of_each, strict=True)))
    return _with_means(found)


def _chance(right: int, candidates: int) -> dict[str, float]:
    """Of one question of which `right` of the candidates are right: the first of them at random places."""
    rivals = candidates - right
    # the share of orders whose first `place` candidates are all rivals, for place 0, 1, 2 ...
    none_yet = np.cumprod([1.0, *((rivals - place) / (candidates - place) for place in range(rivals))])
    at = np.append(none_yet, 0.0)
    first = at[:-1] - at[1:]  # the share in which the first right one stands at place 1, 2, 3 ...
    found = {"mrr": float((first / np.arange(1, len(first) + 1)).sum())}
    return found | {f"recall_at_{most}": float(first[:most].sum()) for most in AT}


def _with_means(found: dict[str, float]) -> dict[str, float]:
    names = ["mrr", *(f"recall_at_{most}" for most in AT)]
    return {name: sum(found[f"{way}_{name}"] for way in WAYS) / len(WAYS) for name in names} | found


def reciprocals(ranks: Ranks) -> np.ndarray:
    """float64 (pictures, 2), what the verdict is made of: of each picture 1 / rank as it asks, and the mean as its texts ask."""
    sums = np.bincount(ranks.owner, 1 / ranks.texts, minlength=len(ranks.pictures))
    counts = np.bincount(ranks.owner, minlength=len(ranks.pictures))
    return np.stack([1 / ranks.pictures, sums / np.maximum(counts, 1)], 1)


def finding_judge() -> Judge:
    """By mean reciprocal rank, mean of both ways. Predictions: as reciprocals() makes them."""

    def score(predictions: Any, rows: np.ndarray) -> float | None:
        return float(predictions[rows].mean()) if len(rows) else None

    return Judge("mean reciprocal rank, both ways", "max", score)
