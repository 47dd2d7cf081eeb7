"""From the best items to those that are said: unlike each other where that is wanted, each with its reason."""

from collections.abc import Sequence

import numpy as np

from worker.families.recommending.catalogue import Catalogue

_LIKE = 0.2  # cosine of an item with one that was liked, for it to be a reason; a guess
_REASONS, _SHARED = 2, 3  # items and values that are named


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1, zeros as they are."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1)


def diverse(scores: np.ndarray, vectors: np.ndarray, count: int, diversity: float) -> list[int]:
    """Which of the candidates are said, in order. scores: float (n,), best first; vectors: float (n, width).

    Each next one has the largest (1 - diversity) * score - diversity * likeness to the most alike of those before, scores from
    0 to 1 and likeness as a cosine. Source: maximal marginal relevance, Carbonell, Goldstein 1998.
    """
    if not diversity:
        return list(range(min(count, len(scores))))
    spread = float(np.ptp(scores))
    worth = (scores - scores.min()) / spread if spread > 0 else np.ones(len(scores))
    rows, nearest = unit(vectors), np.zeros(len(scores))
    chosen: list[int] = []
    left = np.ones(len(scores), bool)
    while len(chosen) < min(count, len(scores)):
        gain = np.where(left, (1 - diversity) * worth - diversity * nearest, -np.inf)
        best = int(gain.argmax())
        chosen.append(best)
        left[best] = False
        nearest = np.maximum(nearest, rows @ rows[best]) if len(chosen) > 1 else rows @ rows[best]
    return chosen


def reasons(items: Sequence[int], liked: np.ndarray, vectors: np.ndarray, catalogue: Catalogue) -> list[str]:
    """Why each item: the liked ones most like it, and what they share. liked: int (n,). vectors: float (items, width)."""
    if not len(liked):
        return [""] * len(items)
    like = unit(vectors[list(items)]) @ unit(vectors[liked]).T
    found = []
    for item, row in zip(items, like, strict=True):
        near = [int(place) for place in np.argsort(-row, kind="stable")[:_REASONS] if row[place] >= _LIKE]
        if not near:
            found.append("")
            continue
        names = " and ".join(catalogue.titles[int(liked[place])] for place in near)
        shared = [
            tag for tag in catalogue.tags_of(int(item)) if all(tag in catalogue.tags_of(int(liked[p])) for p in near)
        ]
        both = f", {'all' if len(near) > 1 else 'both'} {', '.join(shared[:_SHARED])}" if shared else ""
        found.append(f"because you liked {names}{both}")
    return found
