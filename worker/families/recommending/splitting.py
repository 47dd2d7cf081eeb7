"""Interactions split into training, validation and test part: by time, each person's last, or at random; and into folds."""

import numpy as np

from worker.families.recommending.interactions import Interactions

TRAIN, VAL, TEST, NEW = 0, 1, 2, 3  # NEW: rows of items of which nothing is learnt
UNHEARD = 4  # rows of people of whom nothing is learnt but their own columns


def split_interactions(
    found: Interactions, how: str, val: float, test: float, seed: int
) -> tuple[np.ndarray, list[str]]:
    """(int8 (n,), the part of each; notes). found: by person, then time.

    In "last" and "time" no person's future is learnt from: what is measured on comes after all that the person's training part
    holds, or at the same moment.
    """
    parts = np.zeros(len(found), np.int8)
    if how == "random":
        rng = np.random.default_rng([seed, 1])
        order = rng.permutation(len(found))
        tests = _share(test, len(found))
        vals = _share(val, len(found))
        parts[order[:tests]], parts[order[tests : tests + vals]] = TEST, VAL
        told = np.ptp(found.times) > 0 if len(found) else False
        return parts, [_RANDOM] if told else []
    if how == "last":
        return _last(found)
    order = np.lexsort((found.rows, found.times))
    count = len(found)
    tests, vals = _share(test, count), _share(val, count)
    if tests:
        parts[found.times >= found.times[order[count - tests]]] = TEST
    if vals:
        parts[(parts == TRAIN) & (found.times >= found.times[order[max(count - tests - vals, 0)]])] = VAL
    return parts, []


def new_items(found: Interactions, share: float, seed: int) -> np.ndarray:
    """bool (n,): the rows of so large a share of the items, drawn by the seed."""
    return _drawn(len(found.item_ids), share, [seed, 10])[found.items]


def unheard_people(found: Interactions, share: float, seed: int) -> np.ndarray:
    """bool (n,): the rows of so large a share of the people, drawn by the seed."""
    return _drawn(len(found.user_ids), share, [seed, 11])[found.users]


def _drawn(count: int, share: float, seed: list[int]) -> np.ndarray:
    found = np.zeros(count, bool)
    found[np.random.default_rng(seed).permutation(count)[: round(share * count)]] = True
    return found


_RANDOM = (
    "the split is random: of some people it learns from what came after what it is measured on; split by time or last"
)


def _share(share: float, count: int) -> int:
    return min(max(1, round(share * count)), count - 1) if share and count > 2 else 0


def _last(found: Interactions) -> tuple[np.ndarray, list[str]]:
    """Each person's last is for the test and the one before for validation; one at least stays to learn from."""
    parts = np.zeros(len(found), np.int8)
    counts = np.bincount(found.users)
    ends = np.cumsum(counts) - 1
    parts[ends[counts >= 2]] = TEST
    parts[ends[counts >= 3] - 1] = VAL
    notes = []
    if single := int((counts == 1).sum()):
        notes.append(f"{single:,} people with one item are learnt from, but cannot be measured on")
    same = (found.times[1:] == found.times[:-1]) & (found.users[1:] == found.users[:-1]) & (parts[1:] != parts[:-1])
    if tied := int(same.sum()):
        notes.append(
            f"{tied:,} times which of a person's items was last is not told by the time: the table's order counts"
        )
    return parts, notes


def fold_parts(parts: np.ndarray, folds: int, val: float, seed: int) -> list[np.ndarray]:
    """k times int8 (n,): of all that is not the test part another k-th is measured on; -1 for what is in none."""
    rng = np.random.default_rng([seed, 2])
    rows = rng.permutation(np.flatnonzero((parts == TRAIN) | (parts == VAL)))
    found = []
    for tested in np.array_split(rows, folds):
        mine = np.full(len(parts), -1, np.int8)
        rest = np.setdiff1d(rows, tested)
        mine[rest], mine[tested] = TRAIN, TEST
        mine[rng.permutation(rest)[: _share(val, len(rest))]] = VAL
        found.append(mine)
    return found
