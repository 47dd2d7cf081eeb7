"""Factors in closed form, people and items in turn: the classical answer beside a network.

Sources: Hu, Koren, Volinsky 2008 (a ranking); Zhou et al. 2008 (ratings, the penalty by how many there are).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

_WIDTH, _PASSES = 32, 8
_CONFIDENCE = 10.0  # of a ranking, in what is taken
PENALTIES = (20.0, 5.0, 60.0)  # of a ranking, to choose from: all hangs on it (Rendle et al. 2021)
_RATED_PENALTY = 0.1  # of ratings, for each of them


def als_ranking(taken: Any, penalty: float, seed: int, check: Callable[[], None]) -> tuple[np.ndarray, np.ndarray]:
    """float32 (users, 32), (items, 32). taken: (users, items), ones, scipy's csr."""
    users, items = _begin(taken, seed)
    by_item = taken.T.tocsr()
    for _ in range(_PASSES):
        for matrix, mine, others in ((taken, users, items), (by_item, items, users)):
            gram = others.T @ others + penalty * np.eye(_WIDTH)
            for row in range(matrix.shape[0]):
                if row % 256 == 0:
                    check()
                of = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
                if len(of):
                    some = others[of]
                    mine[row] = np.linalg.solve(gram + _CONFIDENCE * (some.T @ some), (1 + _CONFIDENCE) * some.sum(0))
                else:
                    mine[row] = 0
    return users.astype(np.float32), items.astype(np.float32)


def als_ratings(left: Any, seed: int, check: Callable[[], None]) -> tuple[np.ndarray, np.ndarray]:
    """float64 (users, 32), (items, 32): of what biases leave. left: (users, items), scipy's csr."""
    users, items = _begin(left, seed)
    by_item = left.T.tocsr()
    for _ in range(_PASSES):
        for matrix, mine, others in ((left, users, items), (by_item, items, users)):
            for row in range(matrix.shape[0]):
                if row % 256 == 0:
                    check()
                span = slice(matrix.indptr[row], matrix.indptr[row + 1])
                some = others[matrix.indices[span]]
                if len(some):
                    ridge = _RATED_PENALTY * len(some) * np.eye(_WIDTH)
                    mine[row] = np.linalg.solve(some.T @ some + ridge, some.T @ matrix.data[span])
                else:
                    mine[row] = 0
    return users, items


def _begin(matrix: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([seed, 9])
    users, items = (rng.normal(0, 0.1, (count, _WIDTH)) for count in matrix.shape)
    return users, items
