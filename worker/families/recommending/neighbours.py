"""Items by their neighbours: how alike two items are by the people who took both. Source: Sarwar et al. 2001."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

_NEIGHBOURS = 100  # of an item, for a ranking
_MOST_RATED = 40  # that a rating is told from, as in the Surprise library
_SHRUNK = 100.0  # so many people more at a likeness of 0
_CELLS = 20_000_000  # of likenesses in memory at a time


def item_neighbours(taken: sparse.csr_matrix, check: Callable[[], None]) -> Any:
    """float32 (items, items): cosine of the items' columns, each column's 100 largest. taken: float32 (users, items)."""
    unit = _unit(taken)
    items = unit.shape[1]
    at_once = max(1, _CELLS // items)
    parts = []
    for start in range(0, items, at_once):
        check()
        block = (unit.T @ unit[:, start : start + at_once]).toarray()
        own = np.arange(block.shape[1])
        block[own + start, own] = 0
        if items > _NEIGHBOURS:
            least = np.partition(block, -_NEIGHBOURS, axis=0)[-_NEIGHBOURS]
            block[block < least] = 0
        parts.append(sparse.csr_matrix(block))
    return sparse.hstack(parts).tocsr()


def _unit(matrix: Any) -> Any:
    """Columns of length 1."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(0)).ravel())
    return sparse.csc_matrix(matrix @ sparse.diags(1 / np.maximum(lengths, 1e-9)).astype(np.float32))


def neighbour_ratings(
    left: sparse.csr_matrix, users: np.ndarray, items: np.ndarray, check: Callable[[], None]
) -> np.ndarray:
    """float64 (n,): what the ratings of items most like it add to what was expected.

    left: float32 (users, items), ratings less what was expected of them. users, items: int (n,), whom and what to tell of.
    """
    unit = _unit(left)
    columns = unit.T.tocsr()
    there = sparse.csr_matrix((np.ones(left.nnz, np.float32), left.indices, left.indptr), left.shape).tocsc().T.tocsr()
    found = np.zeros(len(users))
    order = np.argsort(users, kind="stable")
    edges = np.flatnonzero(np.diff(users[order])) + 1
    for places in np.split(order, edges):
        check()
        mine = left[users[places[0]]]
        if not mine.nnz:
            continue
        both = (there[items[places]] @ there[mine.indices].T).toarray()
        like = (columns[items[places]] @ columns[mine.indices].T).toarray() * both / (both + _SHRUNK)
        like = np.maximum(like, 0)
        if like.shape[1] > _MOST_RATED:
            least = np.partition(like, -_MOST_RATED, axis=1)[:, -_MOST_RATED, None]
            like[like < least] = 0
        total = like.sum(1)
        found[places] = np.where(total > 0, (like @ mine.data) / np.where(total > 0, total, 1), 0.0)
    return found
