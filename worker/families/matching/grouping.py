"""Doubles and groups among vectors, and names of groups by the words of their texts."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from worker.families.scripts import UNPARTED

_WORDS = re.compile(rf"[^\W\d_{UNPARTED}]{{3,}}|[{UNPARTED}]{{2}}")
_NAMED_BY = 3  # words
_MOST_WORDS = 200_000  # counted of a group


def doubles(places: np.ndarray, cosines: np.ndarray, same_from: float) -> np.ndarray:
    """int64 (n,): the first text that each is a double of, -1 for none. places, cosines: as nearest() gives them for all of them.

    Texts that are doubles of the same one are doubles of each other.
    """
    root = np.arange(len(places))

    def top(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = int(root[place])
        return place

    for place, column in zip(*np.nonzero(cosines >= same_from), strict=True):
        one, other = top(int(place)), top(int(places[place, column]))
        root[max(one, other)] = min(one, other)
    found = np.array([top(place) for place in range(len(places))], np.int64)
    return np.where(found == np.arange(len(places)), -1, found)


def groups(vectors: np.ndarray, count: int, seed: int) -> np.ndarray:
    """int64 (n,): the group of each vector, 0 for the largest. count: of groups; fewer where there are fewer different vectors."""
    count = min(count, len(np.unique(vectors, axis=0)))
    if count < 2:
        return np.zeros(len(vectors), np.int64)
    kmeans: Any = MiniBatchKMeans
    found = kmeans(count, random_state=seed, n_init=3, batch_size=4_096).fit_predict(vectors)
    order = np.argsort(-np.bincount(found, minlength=count), kind="stable")
    return np.argsort(order)[found].astype(np.int64)


def as_many_as(texts: int) -> int:
    """How many groups suit so many texts. A guess: the root of half of them, at most 50."""
    return int(min(max(round((texts / 2) ** 0.5), 1), 50))


def named(texts: Iterable[Sequence[tuple[int, str]]], count: int, look: Callable[[], None]) -> list[str]:
    """A name for each group: the words that stand more often in it than elsewhere. texts: (group, text), some at a time.

    Source: class-based TF-IDF, Grootendorst 2022, arXiv:2203.05794.
    """
    counts = [Counter[str]() for _ in range(count)]
    for some in texts:
        look()
        for group, text in some:
            if len(counts[group]) < _MOST_WORDS:
                counts[group].update(set(_WORDS.findall(text.casefold())))
    everywhere = Counter[str]()
    for each in counts:
        everywhere.update(each)
    mean = sum(everywhere.values()) / max(count, 1)
    found = []
    for each in counts:
        weighed = {word: number * np.log(1 + mean / everywhere[word]) for word, number in each.items()}
        best = sorted(weighed, key=lambda word: (-weighed[word], word))[:_NAMED_BY]
        found.append(", ".join(best) or "no words")
    return found
