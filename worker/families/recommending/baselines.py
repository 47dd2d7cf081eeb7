"""The simple answers beside a recommender, on the same people or rows: what is popular, item-kNN, ALS, the last item, means."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse

from worker.context import Context
from worker.families.evaluation.ranking import COMPARED
from worker.families.evaluation.regression import number_metrics
from worker.families.recommending.als import PENALTIES, als_ranking, als_ratings
from worker.families.recommending.data import InteractionData
from worker.families.recommending.measuring import judged_part, measured, people_scores
from worker.families.recommending.neighbours import item_neighbours, neighbour_ratings
from worker.recipe import Baseline

POPULAR, LAST, NEIGHBOURS, ALS = "what is popular", "what goes with the last item", "item-kNN", "ALS"
MEAN, BIASES = "the mean", "means of person and item"
MOST_PEOPLE, MOST_ITEMS = 20_000, 20_000  # that the simple answers learn from; those measured on first
_DAMPED = (
    15.0,
    10.0,
)  # of the means of people and items: so many values at the mean of all; as in the Surprise library
_PASSES = 10


def interaction_baselines(data: InteractionData, context: Context) -> list[Baseline]:
    """Each learns from the training part at most. context.check() between them."""
    part = judged_part(data)
    return _ratings(data, part, context) if data.goal == "ratings" else _ranking(data, part, context)


def _ranking(data: InteractionData, part: str, context: Context) -> list[Baseline]:
    people, found = measured(data, part), []
    for name, scores in _scorers(data, part, people, context):
        context.check()
        figures = people_scores(scores, data, part, people, lambda done: context.check())[1]
        metrics = {f"{part}_{figure}": float(values.mean()) for figure, values in figures.items()}
        found.append(Baseline(name, metrics, figures[COMPARED]))
    return found


def matrix_of(data: InteractionData, people: np.ndarray, values: np.ndarray | None = None) -> sparse.csr_matrix:
    """float32 (users, items) of the training part, ones or values; of very many people those to measure on and some others.

    values: float32 (training rows,).
    """
    rows = data.rows["train"]
    users, items = data.found.users[rows], data.found.items[rows]
    cells = np.ones(len(rows), np.float32) if values is None else values
    if data.users > MOST_PEOPLE:
        rest = np.setdiff1d(np.arange(data.users), people)
        drawn = np.random.default_rng([data.params.seed, 8]).permutation(rest)[: max(0, MOST_PEOPLE - len(people))]
        kept = np.zeros(data.users, bool)
        kept[people], kept[drawn] = True, True
        users, items, cells = users[kept[users]], items[kept[users]], cells[kept[users]]
    return sparse.csr_matrix((cells, (users, items)), (data.users, data.items))


def _scorers(
    data: InteractionData, part: str, people: np.ndarray, context: Context
) -> Iterator[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    """(name, people int (m,) -> float32 (m, items))."""
    popularity = data.popularity.astype(np.float32)
    yield POPULAR, lambda some: np.tile(popularity, (len(some), 1))
    taken = matrix_of(data, people)
    norms = np.maximum(np.sqrt(popularity), 1)
    if data.params.time:
        last = _last_items(data)
        by_item = taken.T.tocsr()

        def beside(some: np.ndarray) -> np.ndarray:
            """How often each item is taken by people who took the last one, by the root of how often it is at all."""
            return (by_item[last[some]] @ taken).toarray() / norms

        yield LAST, beside
    common = np.sort(np.argsort(-data.popularity, kind="stable")[:MOST_ITEMS])
    few = taken[:, common]
    likeness = item_neighbours(few, context.check)
    yield NEIGHBOURS + _of(common, data.items), _wide(common, data.items, lambda some: (few[some] @ likeness).toarray())
    yield ALS + _of(common, data.items), _als(data, few, common, context)


def _als(
    data: InteractionData, few: sparse.csr_matrix, common: np.ndarray, context: Context
) -> Callable[[np.ndarray], np.ndarray]:
    """With the penalty that is best on the validation part, where there is one."""
    watched = measured(data, "val", watched=True)
    best: tuple[float, Any] = (-1.0, None)
    for penalty in PENALTIES if len(watched) else PENALTIES[:1]:
        users, items = als_ranking(few, penalty, data.params.seed, context.check)
        scores = _wide(common, data.items, partial(_products, users, items))
        found = 0.0
        if len(watched):
            figures = people_scores(scores, data, "val", watched, lambda done: context.check())[1]
            found = float(figures[COMPARED].mean())
        best = max(best, (found, scores), key=lambda one: one[0])
    return best[1]


def _products(users: np.ndarray, items: np.ndarray, some: np.ndarray) -> np.ndarray:
    return users[some] @ items.T


def _of(common: np.ndarray, items: int) -> str:
    return f" of the {len(common):,} commonest items" if len(common) < items else ""


def _wide(
    common: np.ndarray, items: int, scores: Callable[[np.ndarray], np.ndarray]
) -> Callable[[np.ndarray], np.ndarray]:
    """Scores of the commonest items as scores of all; the others come last."""

    def wide(some: np.ndarray) -> np.ndarray:
        found = np.full((len(some), items), np.finfo(np.float32).min, np.float32)
        found[:, common] = scores(some)
        return found

    return wide


def _last_items(data: InteractionData) -> np.ndarray:
    """int64 (users,): the last item of each in the training part; 0 for those without one. Rows are by person and time."""
    rows = data.rows["train"]
    found = np.zeros(data.users, np.int64)
    found[data.found.users[rows]] = data.found.items[rows]
    return found


def _ratings(data: InteractionData, part: str, context: Context) -> list[Baseline]:
    rows = measured(data, part)
    users, items = data.found.users[rows], data.found.items[rows]
    truth = data.found.values[rows].astype(np.float64)
    low, high = data.assets.arrays["scale"][2:].tolist()
    train = data.rows["train"]
    by_user, by_item = _biases(data, context)
    base = data.mean + by_user[users] + by_item[items]
    left = data.found.values[train] - (data.mean + by_user[data.found.users[train]] + by_item[data.found.items[train]])
    matrix: Any = matrix_of(data, np.unique(users), left.astype(np.float32))
    found = [(MEAN, np.full(len(rows), data.mean)), (BIASES, base)]
    if len(np.unique(users)) <= MOST_PEOPLE and data.items <= MOST_ITEMS:
        found.append((NEIGHBOURS, base + neighbour_ratings(matrix, users, items, context.check)))
        of_user, of_item = als_ratings(matrix, data.params.seed, context.check)
        found.append((ALS, base + np.einsum("nw,nw->n", of_user[users], of_item[items])))
    made = []
    for name, said in found:
        context.check()
        said = np.clip(said, low, high)
        made.append(
            Baseline(name, {f"{part}_{key}": value for key, value in number_metrics(truth, said).items()}, said)
        )
    return made


def _biases(data: InteractionData, context: Context) -> tuple[np.ndarray, np.ndarray]:
    """How far people and items are from the mean, float64 (users,), (items,). Source: Koren 2010, baseline estimates."""
    rows = data.rows["train"]
    users, items = data.found.users[rows], data.found.items[rows]
    left = data.found.values[rows].astype(np.float64) - data.mean
    by_user, by_item = np.zeros(data.users), np.zeros(data.items)
    counts = np.bincount(users, minlength=data.users), np.bincount(items, minlength=data.items)
    for _ in range(_PASSES):
        context.check()
        by_item = np.bincount(items, left - by_user[users], data.items) / (_DAMPED[1] + counts[1])
        by_user = np.bincount(users, left - by_item[items], data.users) / (_DAMPED[0] + counts[0])
    return by_user, by_item
