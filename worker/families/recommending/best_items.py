"""The best of very many items for one vector, exactly, in blocks, without looking at most of them.

Items are turned so that their first coordinates hold most of what there is (principal axes), and sorted by length, longest
first. Of a block the first coordinates are multiplied; what the rest can add at most is known from its length (Cauchy-Schwarz).
Whole products are taken of those alone that may still be among the best, and no block is begun whose longest item cannot be.
How a product is rounded hangs on where in a block its item stands: what is left in the end is multiplied once more as it was
given, each item alike, so that equal ones stay equal.
Source: LEMP, Teflioudi et al. 2015; FEXIPRO, Li et al. 2017.
"""

import numpy as np

_HEAD = 8  # coordinates that are multiplied of each item; a guess
_BLOCK = 16_384
_SLACK = 1e-5  # of the products' lengths: rounding must lose nothing
_FEW = 0.1  # of a block: of more than these it is cheaper to take all


class BestItems:
    """Made of vectors float32 (items, width) and biases float32 (items,)."""

    def __init__(self, vectors: np.ndarray, bias: np.ndarray):
        self._vectors, self._bias = vectors, bias
        middle = float(bias.mean()) if len(bias) else 0.0
        whole = np.concatenate([vectors, (bias - middle)[:, None]], 1).astype(np.float32)
        gram = np.zeros((whole.shape[1],) * 2)
        for start in range(0, len(whole), _BLOCK):
            gram += whole[start : start + _BLOCK].astype(np.float64).T @ whole[start : start + _BLOCK]
        self._axes = np.linalg.eigh(gram)[1][:, ::-1].astype(np.float32)
        lengths = np.linalg.norm(whole, axis=1)
        self._order = np.argsort(-lengths, kind="stable")
        self._place = np.empty(len(whole), np.int64)
        self._place[self._order] = np.arange(len(whole))
        self._whole = whole[self._order] @ self._axes
        self._lengths = lengths[self._order]
        head = min(_HEAD, whole.shape[1])
        self._head = np.ascontiguousarray(self._whole[:, :head])
        self._rest = np.linalg.norm(self._whole[:, head:], axis=1).astype(np.float32)

    def __len__(self) -> int:
        return len(self._order)

    def find(
        self, vector: np.ndarray, k: int, without: np.ndarray | None = None, only: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(places int64 (n,), scores float32 (n,)), best first, of equal ones the first; n <= k.

        vector: float32 (width,). without: int, places that do not count. only: bool (items,), those that do.
        """
        turned = np.append(vector, np.float32(1)).astype(np.float32) @ self._axes
        head = self._head.shape[1]
        length, rest = float(np.linalg.norm(turned)), float(np.linalg.norm(turned[head:]))
        counts = np.ones(len(self), bool) if only is None else only[self._order]
        if without is not None and len(without):
            counts[self._place[without]] = False
        best, scores, least = np.zeros(0, np.int64), np.zeros(0, np.float32), -np.inf
        for start in range(0, len(self), _BLOCK):
            slack = _SLACK * length * float(self._lengths[start])
            if length * float(self._lengths[start]) + slack < least:
                break
            stop = start + _BLOCK
            bound = self._head[start:stop] @ turned[:head]
            bound += rest * self._rest[start:stop]
            maybe = np.flatnonzero((bound >= least - slack) & counts[start:stop])
            if not len(maybe):
                continue
            block = self._whole[start:stop]
            mine = block[maybe] @ turned if len(maybe) < _FEW * len(block) else (block @ turned)[maybe]
            good = mine >= least - slack
            best, scores = np.append(best, maybe[good] + start), np.append(scores, mine[good])
            if len(best) > k:
                kept = np.argpartition(-scores, k - 1)[:k]
                least = float(scores[kept].min())
                kept = np.flatnonzero(scores >= least - slack)
                best, scores = best[kept], scores[kept]
            elif len(best) == k:
                least = float(scores.min())
        places = self._order[best]
        exact = np.einsum("nw,w->n", self._vectors[places], vector, dtype=np.float64) + self._bias[places]
        order = np.lexsort((places, -exact))[:k]
        return places[order], exact[order].astype(np.float32)
