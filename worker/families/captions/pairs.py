"""Which texts belong to which pictures, and parts that share neither a picture nor a text."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

_HELD_IN_ORDER = ("test", "val")


class Belonging:
    """Texts and pictures that belong together, as all copies of either do.

    owner: int64 (texts,), the picture of each text, in order. picture_as, text_as: int64, equal for equal pictures and texts.
    """

    def __init__(self, owner: np.ndarray, picture_as: np.ndarray, text_as: np.ndarray):
        self.owner, self.picture_as, self.text_as = owner, picture_as, text_as
        self._kinds = int(text_as.max(initial=0)) + 1
        self._codes = np.unique(picture_as[owner] * self._kinds + text_as)
        self.begins = np.searchsorted(owner, np.arange(len(picture_as)))
        self.counts = np.bincount(owner, minlength=len(picture_as))

    def right(self, pictures: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """bool (pictures, texts): whether a text, or one equal to it, says of a picture, or of one equal to it. Both by number."""
        codes = self.picture_as[pictures][:, None] * self._kinds + self.text_as[texts][None]
        places = np.searchsorted(self._codes, codes)
        return self._codes[np.minimum(places, len(self._codes) - 1)] == codes

    def texts_of(self, pictures: np.ndarray) -> np.ndarray:
        """Numbers of all texts of these pictures, in their order."""
        ranges = [np.arange(int(self.begins[i]), int(self.begins[i] + self.counts[i])) for i in pictures.tolist()]
        return np.concatenate([np.zeros(0, np.int64), *ranges])

    def clusters(self) -> np.ndarray:
        """int64 (pictures,): equal for pictures that are alike, have a text in common, or are joined by others that are."""
        pictures = int(self.picture_as.max(initial=0)) + 1
        rows, columns = self.picture_as[self.owner], pictures + self.text_as
        size = pictures + self._kinds
        graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(size, size))
        return connected_components(graph, directed=False)[1][self.picture_as].astype(np.int64)


def split_clusters(
    parts: Sequence[str], clusters: np.ndarray, fractions: dict[str, float], seed: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """(numbers of pictures by part, what is to be said). parts: as the dataset has them. fractions: of "val" and "test".

    The dataset's own parts are taken, without pictures of train that are alike or say the same as one held out. Where it has none,
    whole clusters are drawn from train; one larger than what is still to be drawn stays there.
    """
    own = np.array(parts)
    found = {part: np.flatnonzero(own == part) for part in ("train", "val", "test")}
    if not len(found["train"]):  # only a test folder: nothing else can be meant
        found = {"train": np.arange(len(own)), "val": np.zeros(0, np.int64), "test": np.zeros(0, np.int64)}
    notes, held = [], np.zeros(0, np.int64)
    for part in ("test", "val", "train"):
        repeated = np.isin(clusters[found[part]], held)
        if repeated.any():
            notes.append(
                f"{int(repeated.sum()):,} pictures of {part} left out: one held out is the same, or has the same text"
            )
        found[part] = found[part][~repeated]
        held = np.concatenate([held, clusters[found[part]]])
    size = len(found["train"])
    for number, part in enumerate(_HELD_IN_ORDER):
        if not len(found[part]) and fractions[part]:
            drawn = _drawn(found["train"], clusters, max(round(size * fractions[part]), 2), [seed, 1, number])
            found[part] = np.sort(found["train"][drawn])
            found["train"] = found["train"][~drawn]
    return found, notes


def _drawn(pictures: np.ndarray, clusters: np.ndarray, count: int, seed: list[int]) -> np.ndarray:
    """bool (pictures,), at most `count` of them, whole clusters."""
    names, of, sizes = np.unique(clusters[pictures], return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    chosen, left = np.zeros(len(names), bool), count
    for name in order.tolist():
        if sizes[name] <= left:
            chosen[name] = True
            left -= int(sizes[name])
    return chosen[of]
