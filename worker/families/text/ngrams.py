"""An n-gram model as the simple answer beside a language model: how often what followed what, interpolated by Witten-Bell.

Counted afresh for one comparison and forgotten: one order at a time is in memory, about 150 bytes a token counted.
"""

from collections.abc import Callable

import numpy as np

ORDER = 5  # tokens of an n-gram: four before the one foretold


def ngram_losses(
    learnt: np.ndarray, judged: np.ndarray, window: int, size: int, check: Callable[[], None]
) -> dict[int, np.ndarray]:
    """Nats per token of the models of order 1 (how often each token is) and ORDER: {order: float64 (m,)}.

    learnt: int (n,), tokens in their order. judged: int (m + 1,), those to be foretold but for the first. window: a token is
    foretold from those before it in its window alone, as the model beside it does: windows of so many tokens, one after the other.
    size: of the vocabulary. check: called between orders.
    Source: Witten, Bell 1991; interpolated as in Chen, Goodman 1998: P(w|h) = (c(hw) + T(h) P(w|h')) / (c(h) + T(h)), T(h) kinds
    after h.
    """
    learnt, judged = learnt.astype(np.int64), judged.astype(np.int64)
    before = np.arange(len(judged) - 1) % window + 1  # tokens of the window before each one that is foretold
    share = np.full(len(judged) - 1, 1 / size)
    ends, ends_judged = (
        np.zeros(len(learnt), np.int64),
        np.zeros(len(judged), np.int64),
    )  # number of the gram that ends there
    grams = 1
    found: dict[int, np.ndarray] = {}
    for order in range(1, ORDER + 1):
        check()
        if len(learnt) < order:
            break
        # The gram of this order that ends at i is the one of the order below that ends at i - 1, and the token at i.
        first = order - 1
        keys = ends[first - 1 : len(learnt) - 1] * size + learnt[first:] if first else learnt
        kinds, numbers, counts = np.unique(keys, return_inverse=True, return_counts=True)
        check()
        context = kinds // size
        total = np.bincount(context, counts, minlength=grams)
        different = np.bincount(context, minlength=grams)

        held = ends_judged[:-1] if first else np.zeros(len(judged) - 1, np.int64)
        held = np.where(before >= first, held, -1)
        number = _numbers_of(kinds, held, size, judged[1:])
        seen = held >= 0
        seen[seen] = total[held[seen]] > 0
        count = np.where(number >= 0, counts[number], 0)[seen]
        kinds_after = different[held[seen]]
        share[seen] = (count + kinds_after * share[seen]) / (total[held[seen]] + kinds_after)
        if order in (1, ORDER):
            found[order] = -np.log(share)

        ends = np.full(len(learnt), -1, np.int64)
        ends[first:] = numbers
        # The first token judged has nothing before it: it is known alone.
        begins = _numbers_of(kinds, np.zeros(1, np.int64), size, judged[:1]) if order == 1 else np.full(1, -1, np.int64)
        ends_judged = np.concatenate([begins, number])
        grams = len(kinds)
    found.setdefault(ORDER, -np.log(share))
    return found


def _numbers_of(kinds: np.ndarray, held: np.ndarray, size: int, tokens: np.ndarray) -> np.ndarray:
    """Where held * size + token stands among sorted kinds; -1 where it does not, or held is -1."""
    keys = held * size + tokens
    at = np.minimum(np.searchsorted(kinds, keys), len(kinds) - 1)
    return np.where((held >= 0) & (kinds[at] == keys), at, -1)
