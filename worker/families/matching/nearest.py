"""The nearest of many vectors, exactly, in blocks. Vectors have length 1: near is a large product."""

from collections.abc import Callable

import numpy as np

_BLOCK = 16_384  # vectors compared at once: 24 MB of 384 numbers
_ASKED = 256  # of them compared with a block at once


def nearest(
    vectors: np.ndarray,
    asked: np.ndarray,
    count: int,
    *,
    apart: np.ndarray | None = None,
    check: Callable[[], None] = lambda: None,
) -> tuple[np.ndarray, np.ndarray]:
    """(places int64, cosines float32), (asked, at most count) each, the nearest first.

    vectors: float32 (n, width). asked: float32 (m, width). apart: int64 (m,), a place that each is not to be answered with. check:
    called now and then; may raise. Of equally near ones those of lower places come first.
    """
    count = min(count, len(vectors) - (apart is not None))
    if count < 1:
        return np.zeros((len(asked), 0), np.int64), np.zeros((len(asked), 0), np.float32)
    places, cosines = np.zeros((len(asked), count), np.int64), np.zeros((len(asked), count), np.float32)
    for begin in range(0, len(asked), _ASKED):
        some = asked[begin : begin + _ASKED]
        held_places = np.zeros((len(some), 0), np.int64)
        held = np.zeros((len(some), 0), np.float32)
        for start in range(0, len(vectors), _BLOCK):
            check()
            found = some @ vectors[start : start + _BLOCK].T
            if apart is not None:
                own = apart[begin : begin + len(some)] - start
                inside = np.flatnonzero((own >= 0) & (own < found.shape[1]))
                found[inside, own[inside]] = -np.inf
            best = _best(found, count)
            held_places = np.concatenate([held_places, best + start], 1)
            held = np.concatenate([held, np.take_along_axis(found, best, 1)], 1)
            best = _best(held, count)
            held_places, held = np.take_along_axis(held_places, best, 1), np.take_along_axis(held, best, 1)
        order = np.lexsort((held_places, -held), axis=1)
        places[begin : begin + len(some)] = np.take_along_axis(held_places, order, 1)
        cosines[begin : begin + len(some)] = np.take_along_axis(held, order, 1)
    return places, cosines


def _best(found: np.ndarray, count: int) -> np.ndarray:
    """Columns of the largest numbers of each row, in no order."""
    if found.shape[1] <= count:
        return np.tile(np.arange(found.shape[1]), (len(found), 1))
    return np.argpartition(found, found.shape[1] - count, axis=1)[:, -count:]
