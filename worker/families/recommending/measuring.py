"""How good vectors of people and items are: figures while they are learnt, the full report."""

from collections.abc import Callable
from typing import Any

import numpy as np

from shared.outputs import Cell, Output, Table
from worker.context import Context
from worker.families.evaluation.folds import over_folds, over_folds_output
from worker.families.evaluation.groups import Figure, by_owner, interval_of, number_group_figures, ranking_group_figures
from worker.families.evaluation.intervals import interval_output, intervals, number_figures
from worker.families.evaluation.ranking import (
    COMPARED,
    GROUPS,
    Taken,
    beyond_accuracy,
    group_output,
    ranked,
    ranking_judge,
    ranking_scores,
    taken_of,
)
from worker.families.evaluation.regression import number_judge, number_metrics, number_outputs
from worker.families.recommending.data import InteractionData
from worker.families.recommending.vectors import Vectors
from worker.recipe import Report

MOST_PEOPLE, MOST_ROWS = 10_000, 200_000  # of a part; more change no figure that is read
WATCHED_PEOPLE, WATCHED_ROWS = 1_000, 50_000  # in the evaluations of a training
_SCORES, _WATCHED_SCORES = (
    2_000_000_000,
    100_000_000,
)  # of people and items together: minutes, and seconds again and again
_PARTS = ("test", "val", "train")
_BEFORE = {"train": (), "val": ("train",), "test": ("train", "val"), "new": ("train", "val", "test"), "unheard": ()}


def judged_part(data: InteractionData) -> str:
    """The part that a model and its baselines are compared on: the test part, or the best that there is."""
    return next(part for part in _PARTS if len(measured(data, part)))


def measured(data: InteractionData, part: str, *, watched: bool = False) -> np.ndarray:
    """What figures of a part are taken on: numbers of rows for ratings, people for a ranking; drawn by the seed where very many."""
    rows = data.rows[part]
    found = rows if data.goal == "ratings" else np.unique(data.found.users[rows])
    if data.goal != "ratings" and part != "unheard":
        found = found[data.known.counts[found] > 0]
    most, people, scores = (
        (WATCHED_ROWS, WATCHED_PEOPLE, _WATCHED_SCORES) if watched else (MOST_ROWS, MOST_PEOPLE, _SCORES)
    )
    count = most if data.goal == "ratings" else max(100, min(people, scores // data.items))
    if len(found) <= count:
        return found
    return np.sort(np.random.default_rng([data.params.seed, 7]).choice(found, count, replace=False))


def taken_in(data: InteractionData, *parts: str) -> Taken:
    """What each person took in some parts."""
    rows = np.concatenate([data.rows[part] for part in parts]) if parts else np.zeros(0, np.int64)
    return taken_of(data.found.users[rows], data.found.items[rows], data.users)


def evaluate_vectors(vectors: Vectors, data: InteractionData, look: Callable[[int], None]) -> dict[str, float] | None:
    """The validation part's figures; in a fold also those of the part it has not seen. None without a part.

    val_loss: RMSE of ratings, one minus nDCG@10 of a ranking.
    """
    watched = "val" if len(measured(data, "val")) else "test" if data.is_fold and len(measured(data, "test")) else ""
    if not watched:
        return None
    if data.goal == "ratings":
        rows = measured(data, watched, watched=True)
        rmse = _figures(vectors, data, rows)["rmse"]
        found = {"val_loss": rmse, "val_rmse": rmse}
        if data.is_fold:
            found |= {f"test_{name}": value for name, value in _figures(vectors, data, data.rows["test"]).items()}
        return found
    found = {}
    for part, name in ((watched, "val"), ("test", "test")) if data.is_fold else ((watched, "val"),):
        scores = people_scores(vectors.scores, data, part, measured(data, part, watched=name == "val"), look)[1]
        wanted = scores if name == "test" else {figure: scores[figure] for figure in (COMPARED, "recall_20")}
        found |= {f"{name}_{figure}": float(values.mean()) for figure, values in wanted.items()}
    return {"val_loss": 1 - found[f"val_{COMPARED}"], **found}


def people_scores(
    scores: Callable[[np.ndarray], np.ndarray],
    data: InteractionData,
    part: str,
    people: np.ndarray,
    look: Callable[[int], None],
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(the best items for people, each figure of each): over all items that they did not have before the part.

    Nor those that they have, but that nothing is learnt of: these have a part of their own.
    """
    had = (*_BEFORE[part], *(("new",) if part != "new" else ()))
    top = ranked(scores, people, taken_in(data, *had), look)
    return top, ranking_scores(top, taken_in(data, part), people)


def _figures(vectors: Vectors, data: InteractionData, rows: np.ndarray) -> dict[str, float]:
    return number_metrics(_truth(data, rows), _said(vectors, data, rows))


def _truth(data: InteractionData, rows: np.ndarray) -> np.ndarray:
    return data.found.values[rows].astype(np.float64)


def _said(vectors: Vectors, data: InteractionData, rows: np.ndarray) -> np.ndarray:
    return vectors.values(data.found.users[rows], data.found.items[rows])


def report_vectors(
    vectors: Vectors, data: InteractionData, params: Any, context: Context, stages: list[dict[str, float]]
) -> Report:
    """Figures of every part that was not learnt from, what there is to see of the first, and what the verdict is made of."""
    metrics = over_folds(stages[:-1])
    make = _report_ratings if data.goal == "ratings" else _report_ranking
    report = make(vectors, data, params, context, metrics)
    report.outputs.extend(over_folds_output(metrics))
    return report


def _report_ratings(
    vectors: Vectors, data: InteractionData, params: Any, context: Context, metrics: dict[str, float]
) -> Report:
    shown = judged_part(data)
    for part in ("test", "val") if shown != "train" else ("train",):
        if len(rows := measured(data, part)):
            metrics |= {f"{part}_{name}": value for name, value in _figures(vectors, data, rows).items()}
    rows = measured(data, shown)
    truth, said = _truth(data, rows), _said(vectors, data, rows)
    spread = intervals(number_figures(truth, said), len(rows), 1, params.seed, context.check)
    figures = {name: metrics[f"{shown}_{name}"] for name in spread if f"{shown}_{name}" in metrics}
    outputs = [*number_outputs(truth, said, params.value), interval_output(figures, spread, len(rows), shown)]
    outputs.append(_ratings_by_group(data, rows, truth, said))
    of, by_person = by_owner(number_group_figures(truth, said), data.found.users[rows])
    outputs += _by_column(data, of, by_person, shown, metrics, context)
    return Report(metrics, outputs, predictions=said, judge=number_judge(truth), rows=len(rows))


def _ratings_by_group(data: InteractionData, rows: np.ndarray, truth: np.ndarray, said: np.ndarray) -> Output:
    counts = data.known.counts[data.found.users[rows]]
    cells: list[list[Cell]] = []
    for name, low, high in GROUPS:
        of = (counts >= low) & (counts <= high)
        if of.any():
            error = said[of] - truth[of]
            cells.append(
                [
                    name,
                    int(of.sum()),
                    round(float(np.sqrt((error**2).mean())), 4),
                    round(float(np.abs(error).mean()), 4),
                ]
            )
    title = "By how many items people rated in the training part"
    return Table(title=title, columns=["people", "ratings", "RMSE", "MAE"], rows=cells, count=len(cells))


def _report_ranking(
    vectors: Vectors, data: InteractionData, params: Any, context: Context, metrics: dict[str, float]
) -> Report:
    shown = judged_part(data)
    kept: dict[str, tuple[np.ndarray, dict[str, np.ndarray]]] = {}
    for part in ("test", "val") if shown != "train" else ("train",):
        if len(people := measured(data, part)):
            kept[part] = people_scores(vectors.scores, data, part, people, lambda done: context.check())
            metrics |= {f"{part}_{name}": float(values.mean()) for name, values in kept[part][1].items()}
    people, (top, scores) = measured(data, shown), kept[shown]
    taken = taken_in(data, shown)
    others = taken.pairs(people)[1]
    everybody = int((data.known.counts > 0).sum())
    like = beyond_accuracy(top, data.popularity, everybody, vectors.items, others)
    metrics |= {f"{shown}_{name}": value for name, value in like.items()}
    again = intervals(
        lambda rows: {n: float(v[rows].mean()) for n, v in scores.items()},
        len(people),
        len(scores),
        params.seed,
        context.check,
    )
    figures = {name: metrics[f"{shown}_{name}"] for name in again}
    popular = np.broadcast_to(data.popularity.astype(np.float32), (1, data.items))
    beside = people_scores(
        lambda some: popular[np.zeros(len(some), int)], data, shown, people, lambda done: context.check()
    )[1]
    newcomers = _as_newcomers(vectors, data, shown, people, context)
    metrics[f"{shown}_newcomer_{COMPARED}"] = float(newcomers[COMPARED].mean())
    of_new = [*_of_new_items(vectors, data, metrics, context), *_of_new_people(vectors, data, metrics, context)]
    by = {"the model": scores, "popularity": beside, "the model, as newcomers": newcomers}
    outputs: list[Output] = [
        interval_output(figures, again, len(people), shown), group_output(by, data.known.counts[people]),
        *_by_column(data, people, ranking_group_figures(scores), shown, metrics, context), _like_output(like), *of_new,
    ]  # fmt: skip
    return Report(metrics, outputs, predictions=scores[COMPARED], judge=ranking_judge(), rows=len(people))


def _by_column(
    data: InteractionData,
    people: np.ndarray,
    figures: list[Figure],
    part: str,
    metrics: dict[str, float],
    context: Context,
) -> list[Output]:
    """Figures of the groups of people that a column of theirs makes, if one is named; gaps go to metrics."""
    if data.table_of_people is None or not data.params.groups:
        return []
    gaps, outputs = data.table_of_people.compare(people, figures, part, data.params, context)
    metrics |= gaps
    return outputs


def _as_newcomers(
    vectors: Vectors, data: InteractionData, part: str, people: np.ndarray, context: Context
) -> dict[str, np.ndarray]:
    """Figures of the same people, as if they were not known: by the list of what they took alone."""
    known = taken_in(data, *(_BEFORE[part] or ("train",)))
    penalty = getattr(data.params, "regularisation", 0.0)

    def scores(some: np.ndarray) -> np.ndarray:
        made = np.stack([vectors.newcomer(known.of(int(person)).tolist(), None, penalty)[0] for person in some])
        return made @ vectors.items.T + vectors.item_bias

    return people_scores(scores, data, part, people, lambda done: context.check())[1]


def _of_new_items(vectors: Vectors, data: InteractionData, metrics: dict[str, float], context: Context) -> list[Output]:
    """How well items of which nothing is learnt are recommended to those who took them; the figures go to metrics."""
    people = measured(data, "new")
    if not len(people):
        return []
    untouched = data.popularity == 0

    def alone(some: np.ndarray) -> np.ndarray:
        return np.where(untouched, vectors.scores(some), -np.inf)

    rows: list[list[Cell]] = []
    for name, title, scores in (
        ("new", "among all items", vectors.scores),
        ("new_alone", "among items that nobody took", alone),
    ):
        figures = people_scores(scores, data, "new", people, lambda done: context.check())[1]
        found = {figure: float(values.mean()) for figure, values in figures.items()}
        metrics |= {f"{name}_{figure}": found[figure] for figure in ("recall_20", COMPARED)}
        rows.append([title, round(found["recall_20"], 4), round(found[COMPARED], 4)])
    metrics["new_alone_chance_20"] = min(1.0, 20 / int(untouched.sum()))
    rows.append(["the same by chance", round(metrics["new_alone_chance_20"], 4), None])
    title = f"Items that nothing is learnt of, for {len(people):,} people who took some"
    return [Table(title=title, columns=["said", "recall@20", "nDCG@10"], rows=rows, count=len(rows))]


def _of_new_people(
    vectors: Vectors, data: InteractionData, metrics: dict[str, float], context: Context
) -> list[Output]:
    """How well people are recommended to of whom nothing is learnt but their own columns; the figures go to metrics."""
    people = measured(data, "unheard")
    if not len(people):
        return []
    popular = np.broadcast_to(data.popularity.astype(np.float32), (1, data.items))
    rows: list[list[Cell]] = []
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, title, scores in (
        ("new_people", "by their columns", vectors.scores),
        ("new_people_popular", "by what is popular", lambda some: popular[np.zeros(len(some), int)]),
    ):
        found[name] = people_scores(scores, data, "unheard", people, lambda done: context.check())[1]
        told = {figure: float(found[name][figure].mean()) for figure in ("recall_20", COMPARED)}
        metrics |= {f"{name}_{figure}": value for figure, value in told.items()}
        rows.append([title, *(round(value, 4) for value in told.values())])
    more: list[Cell] = ["more by their columns, with a 95% interval"]
    for figure in ("recall_20", COMPARED):
        by_person = found["new_people"][figure] - found["new_people_popular"][figure]
        low, high = interval_of(by_person) if len(people) > 1 else (-1.0, 1.0)
        more.append(f"{by_person.mean():.4f} ({low:.4f} to {high:.4f})")
    rows.append(more)
    title = f"People of whom nothing is learnt but their columns: {len(people):,}"
    return [Table(title=title, columns=["recommended", "recall@20", "nDCG@10"], rows=rows, count=len(rows))]


def _like_output(like: dict[str, float]) -> Output:
    words = {
        "coverage_10": "share of all items that are said to somebody", "novelty_10": "bits: how rare what is said is",
        "head_share_10": "share of what is said that is among the tenth of items taken most",
        "head_share_taken": "the same of what people took", "diversity_10": "how unlike each other the items said to one are",
    }  # fmt: skip
    rows: list[list[Cell]] = [[words[name], round(value, 4)] for name, value in like.items()]
    return Table(
        title="What the first 10 recommendations are like", columns=["figure", "value"], rows=rows, count=len(rows)
    )
