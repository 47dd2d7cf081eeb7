"""How good recommendations are: figures over all items, none of them drawn; by group of people; and what else they are like.

`top` is int (n, K), the items said to each of n people, best first, -1 where there are fewer. `relevant` are the items each person
took in the part that is measured on, by Taken.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shared.outputs import Cell, Output, Table
from worker.verdict import Judge

KS = (10, 20)
GROUPS = (("new (up to 5)", 0, 5), ("light (6 to 20)", 6, 20), ("heavy (more than 20)", 21, 1 << 60))
COMPARED = "ndcg_10"
_PEOPLE, _SCORES = 64, 4_000_000  # whose scores of all items are in memory together
_HEAD = 0.1  # of the items, the most popular ones


@dataclass(frozen=True)
class Taken:
    """Items by person. items: int32 (m,); those of person p are items[starts[p] : starts[p + 1]]. starts: int64 (people + 1,)."""

    items: np.ndarray
    starts: np.ndarray

    def of(self, person: int) -> np.ndarray:
        return self.items[self.starts[person] : self.starts[person + 1]]

    @property
    def counts(self) -> np.ndarray:
        return np.diff(self.starts)

    def pairs(self, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(which of `people`, item) of everything that they took."""
        counts = self.counts[people]
        which = np.repeat(np.arange(len(people)), counts)
        within = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        return which, self.items[self.starts[people][which] + within]


def taken_of(users: np.ndarray, items: np.ndarray, people: int) -> Taken:
    """users, items: int (n,), in any order; a person's items keep theirs."""
    order = np.argsort(users, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=people))]).astype(np.int64)
    return Taken(items[order].astype(np.int32), starts)


def best_of(scores: np.ndarray, k: int) -> np.ndarray:
    """int64 (n, k): the largest of each row, largest first, of equal ones the first; -1 where a score is -inf.

    scores: float (n, items).
    """
    k = min(k, scores.shape[1])
    if k < scores.shape[1]:
        least = np.partition(scores, -k, axis=1)[:, -k]
        found = np.empty((len(scores), k), np.int64)
        for row, (mine, end) in enumerate(zip(scores, least, strict=True)):
            places = np.flatnonzero(mine >= end)
            found[row] = places[np.argsort(-mine[places], kind="stable")[:k]]
    else:
        found = np.argsort(-scores, axis=1, kind="stable")
    return np.where(np.take_along_axis(scores, found, 1) == -np.inf, -1, found)


def ranking_scores(top: np.ndarray, relevant: Taken, people: np.ndarray) -> dict[str, np.ndarray]:
    """Each figure of each person: float64 (n,). people: int (n,), each with a relevant item at least.

    recall: share of the relevant items that are said; precision: share of what is said that is relevant; ndcg: Järvelin, Kekäläinen
    2002, every relevant item alike; map: mean precision at the places of relevant items, of as many as can be among k; mrr:
    one by the place of the first relevant one.
    """
    which, items = relevant.pairs(people)
    hits = np.zeros(top.shape, bool)
    span = int(max(top.max(initial=0), items.max(initial=0))) + 1
    keys = np.sort(which * span + items)
    said = np.where(top >= 0, np.arange(len(top))[:, None] * span + top, -1)
    places = np.searchsorted(keys, said)
    hits = (said >= 0) & (keys[np.minimum(places, len(keys) - 1)] == said)
    count = relevant.counts[people]
    found = {}
    for k in KS:
        mine = hits[:, :k]
        ranks = np.arange(1, mine.shape[1] + 1)
        gains = 1 / np.log2(np.arange(2, k + 2))
        ideal = np.concatenate([[0.0], np.cumsum(gains)])[np.minimum(count, k)]
        right = mine.sum(1)
        precision = np.cumsum(mine, axis=1) / ranks
        found[f"recall_{k}"] = right / count
        found[f"precision_{k}"] = right / k
        found[f"ndcg_{k}"] = (mine * gains[: mine.shape[1]]).sum(1) / ideal
        found[f"map_{k}"] = (precision * mine).sum(1) / np.minimum(count, k)
        found[f"mrr_{k}"] = np.where(right > 0, 1 / (mine.argmax(1) + 1), 0.0)
    return found


def ranking_judge() -> Judge:
    """Compares by nDCG@10. Predictions: of ranking_scores(), float (n,)."""
    return Judge("nDCG@10", "max", lambda said, rows: float(said[rows].mean()))


def beyond_accuracy(
    top: np.ndarray, popularity: np.ndarray, people: int, vectors: np.ndarray | None, taken: np.ndarray
) -> dict[str, float]:
    """What recommendations are like besides being right.

    popularity: int (items,), how many of so many people took each in the training part. vectors: float (items, width), for
    diversity. taken: the items they took instead. coverage: share of all items that are said to somebody; novelty: mean of
    -log2 of the share of people who took it; head: share among the tenth of items taken most, of what is said and of what was
    taken; diversity: mean of one minus the cosine of two items said to one person.
    """
    k = KS[0]
    top = top[:, :k]
    said = top[top >= 0]
    share = np.maximum(popularity, 1) / max(1, people)
    head = np.zeros(len(popularity), bool)
    head[np.argsort(-popularity, kind="stable")[: max(1, round(_HEAD * len(popularity)))]] = True
    found = {
        f"coverage_{k}": len(np.unique(said)) / len(popularity),
        f"novelty_{k}": float(-np.log2(share[said]).mean()) if len(said) else 0.0,
        f"head_share_{k}": float(head[said].mean()) if len(said) else 0.0,
        "head_share_taken": float(head[taken].mean()) if len(taken) else 0.0,
    }
    if vectors is not None and top.shape[1] > 1:
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = vectors / np.where(norms > 0, norms, 1)
        apart = []
        for row in top:
            mine = unit[row[row >= 0]]
            if len(mine) > 1:
                total = float(np.square(mine.sum(0)).sum() - np.square(mine).sum())
                apart.append(1 - total / (len(mine) * (len(mine) - 1)))
        if apart:
            found[f"diversity_{k}"] = float(np.mean(apart))
    return found


def group_output(by_model: dict[str, dict[str, np.ndarray]], counts: np.ndarray) -> Output:
    """nDCG@10 and recall@20 by how many items people took in the training part. by_model: name -> ranking_scores()."""
    rows: list[list[Cell]] = []
    for name, low, high in GROUPS:
        of = (counts >= low) & (counts <= high)
        for model, scores in by_model.items():
            if of.any():
                rows.append(
                    [
                        name,
                        int(of.sum()),
                        model,
                        *(round(float(scores[f][of].mean()), 4) for f in ("ndcg_10", "recall_20")),
                    ]
                )
    title = "By how many items people took in the training part"
    return Table(
        title=title, columns=["people", "count", "answered by", "nDCG@10", "recall@20"], rows=rows, count=len(rows)
    )


def ranked(
    scores: Callable[[np.ndarray], np.ndarray], people: np.ndarray, known: Taken, look: Callable[[int], None]
) -> np.ndarray:
    """int64 (n, 20): the best items for each person that they do not have already.

    scores: of people int (m,) -> float (m, items), a new array each time. known: what they have. look: called with how many
    are done.
    """
    found, start = [], 0
    at_once = 1
    while start < len(people):
        look(start)
        some = people[start : start + at_once]
        mine = np.array(scores(some), np.float32)
        which, items = known.pairs(some)
        mine[which, items] = -np.inf
        found.append(best_of(mine, max(KS)))
        start += len(some)
        at_once = max(1, min(_PEOPLE, _SCORES // mine.shape[1]))
    width = max(KS)
    filled = [np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=-1) for part in found]
    return np.concatenate(filled) if filled else np.zeros((0, width), np.int64)
