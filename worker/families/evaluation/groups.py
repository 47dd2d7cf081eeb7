"""How a model treats groups of people: figures of each group with intervals, and whether groups differ beyond chance.

Every figure is a mean over rows of a group: how often a class is said (parity), how often it is found where it is true (equal
opportunity), how often said where it is not, how often the answer is right; of numbers the error and which way it goes; of
recommendations how many of the items taken are said, and how far in front.
Source: Hardt et al. 2016, arXiv:1610.02413; intervals of shares: Wilson 1927; shuffled groups as the test: Fisher 1935.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from shared.datasets.tables.reading import open_table
from shared.outputs import Cell, Output, Table
from worker.context import Context

LEAST_ROWS = 20  # a guess: the share of fewer says nothing
CHANCE = 0.05  # of all figures together: that chance alone makes one of them differ so
_MOST_GROUPS, _RANGES = 12, 4
_DRAWS, _FEWEST_DRAWS, _WORK = 999, 199, 40_000_000  # rows of all draws together
_Z = 1.959964  # of a 95 % interval
_OTHERS, _MISSING = "all others", "missing"


@dataclass(frozen=True)
class Figure:
    """key: in metrics. name: in the table. values: float (n,), a row's. counted: bool (n,), the rows that the mean is over."""

    key: str
    name: str
    values: np.ndarray
    counted: np.ndarray


def class_group_figures(labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str]) -> list[Figure]:
    """Of a classifier. labels: int (n,). probabilities: float (n, classes)."""
    said, every = probabilities.argmax(1), np.ones(len(labels), bool)
    found = [Figure("accuracy", "right", (said == labels).astype(float), every)]
    if len(names) > 2:
        return found
    chosen = (said == 1).astype(float)
    return [
        Figure("said", f"said to be {names[1]}", chosen, every),
        Figure("found", f"found of those that are {names[1]}", chosen, labels == 1),
        Figure("alarm", f"said to be {names[1]} of those that are {names[0]}", chosen, labels == 0),
        *found,
    ]


def label_group_figures(truth: np.ndarray, said: np.ndarray) -> list[Figure]:
    """Of several labels a row. truth, said: bool (n, labels)."""
    return [Figure("accuracy", "every label right", (truth == said).all(1).astype(float), np.ones(len(truth), bool))]


def number_group_figures(truth: np.ndarray, said: np.ndarray) -> list[Figure]:
    """Of a model of numbers. truth, said: float (n,)."""
    every = np.ones(len(truth), bool)
    return [
        Figure("error", "absolute error", np.abs(said - truth), every),
        Figure("bias", "said minus true", said - truth, every),
    ]


def ranking_group_figures(scores: Mapping[str, np.ndarray]) -> list[Figure]:
    """Of recommendations. scores: of each person, by name, as ranking_scores() has them."""
    return [
        Figure(key, name, scores[key], np.ones(len(scores[key]), bool))
        for key, name in (("recall_20", "recall@20"), ("ndcg_10", "nDCG@10"))
    ]


def by_owner(figures: Sequence[Figure], owners: np.ndarray) -> tuple[np.ndarray, list[Figure]]:
    """(each owner once, int (m,); the figures' means over what each owns): rows of one owner hang together, and chance does not
    shuffle them one by one. owners: int (n,). Figures that are over all rows."""
    found, of, counts = np.unique(owners, return_inverse=True, return_counts=True)
    every = np.ones(len(found), bool)
    return found, [Figure(one.key, one.name, np.bincount(of, one.values) / counts, every) for one in figures]


def compare_groups(
    folder: Any,
    column: str,
    rows: np.ndarray,
    figures: Sequence[Figure],
    part: str,
    seed: int,
    context: Context,
    *,
    of: str = "rows",
) -> tuple[dict[str, float], list[Output]]:
    """(metrics, outputs) of the groups that a column of a table makes; differences beyond chance become a warning of the job.

    folder: of the dataset. rows: numbers of the rows measured, as the figures have them, -1 for one that the table lacks. part:
    "test", ... of: what is counted. Where no two groups can be compared, the job says why.
    """
    groups, names = groups_of(_cells(folder, column, rows))
    metrics, told = {}, list[str]()
    for figure in figures:
        means = {
            g: float(figure.values[chosen].mean())
            for g in range(len(names))
            if (chosen := figure.counted & (groups == g)).sum() >= LEAST_ROWS
        }
        if len(means) < 2:
            continue
        low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
        metrics[f"{part}_{figure.key}_gap"] = means[high] - means[low]
        kept = figure.counted & np.isin(groups, list(means))
        chance = chance_of(figure.values[kept], groups[kept], seed, context.check)
        if chance < CHANCE / len(figures):
            ends = f"{_short(means[low])} of {names[low]}, {_short(means[high])} of {names[high]}"
            told.append(f"{figure.name}: {ends} (chance alone: {chance:.2g})")
    if told:
        message = (
            f"groups by {column!r} differ beyond chance: {'; '.join(told)}. Whether that is just, figures cannot say"
        )
        context.event("note", {"level": "warning", "message": message})
    if not metrics:
        fewer = f"fewer than two have {LEAST_ROWS} {of} in the {part} part"
        why = f"all {of} of the {part} part are of one, {names[0]!r}" if len(names) == 1 else fewer
        message = f"groups by {column!r}: {why}, so nothing is compared"
        context.event("note", {"level": "warning", "message": message})
    return metrics, [_table(column, groups, names, figures, part, of)]


def _cells(folder: Any, column: str, rows: np.ndarray) -> list[Any]:
    """Of each row its cell, None of one that the table lacks."""
    there = rows >= 0
    with open_table(folder) as table:
        cells = iter(table.take(rows[there].tolist(), [column])[column].to_pylist())
    return [next(cells) if known else None for known in there]


def groups_of(cells: Sequence[Any]) -> tuple[np.ndarray, list[str]]:
    """(int (n,), names): a group for each value, the commonest first; of many numbers four ranges of as many rows each.

    What is no finite number counts as missing.
    """
    cells = [None if isinstance(cell, float) and not math.isfinite(cell) else cell for cell in cells]
    numbers = [cell for cell in cells if isinstance(cell, int | float) and not isinstance(cell, bool)]
    present = [cell for cell in cells if cell is not None]
    if numbers and len(numbers) == len(present) and len(set(numbers)) > _RANGES * 2:
        return _ranges(cells, np.array(numbers, float))
    values = [_MISSING if cell is None else str(cell) for cell in cells]
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    names = sorted(counts, key=lambda value: (-counts[value], value))
    if len(names) > _MOST_GROUPS:
        names = [*names[:_MOST_GROUPS], _OTHERS]
    places = {name: place for place, name in enumerate(names)}
    return np.array([places.get(value, len(names) - 1) for value in values], np.int64), names


def _ranges(cells: Sequence[Any], numbers: np.ndarray) -> tuple[np.ndarray, list[str]]:
    borders = np.unique(np.quantile(numbers, np.linspace(0, 1, _RANGES + 1)[1:-1]))
    ends = [_short(border) for border in borders]
    names = [f"up to {ends[0]}", *(f"{a} to {b}" for a, b in pairwise(ends)), f"above {ends[-1]}"]
    missing = len(names)
    found = [missing if cell is None else int(np.searchsorted(borders, float(cell))) for cell in cells]
    return np.array(found, np.int64), [*names, *([_MISSING] if missing in found else [])]


def chance_of(values: np.ndarray, groups: np.ndarray, seed: int, check: Callable[[], None]) -> float:
    """How often shuffled groups differ at least as much: the spread of their means around that of all, by rows."""
    rng = np.random.default_rng([seed, 9])
    _, groups = np.unique(groups, return_inverse=True)
    sizes, centred = np.bincount(groups), values - values.mean()
    draws = min(_DRAWS, max(_FEWEST_DRAWS, _WORK // len(values)))

    def spread(some: np.ndarray) -> float:
        return float((np.bincount(groups, some) ** 2 / sizes).sum())

    seen, more = spread(centred) * (1 - 1e-9), 0
    for _ in range(draws):
        check()
        more += spread(rng.permutation(centred)) >= seen
    return (1 + more) / (1 + draws)


def interval_of(values: np.ndarray) -> tuple[float, float]:
    """A 95 % interval of a mean: of zeros and ones Wilson's, else by the normal distribution. values: float (n,), n > 1."""
    n, mean = len(values), float(values.mean())
    if np.isin(values, (0, 1)).all():
        middle, half = mean + _Z**2 / (2 * n), _Z * math.sqrt(mean * (1 - mean) / n + _Z**2 / (4 * n**2))
        return (middle - half) / (1 + _Z**2 / n), (middle + half) / (1 + _Z**2 / n)
    half = _Z * float(values.std(ddof=1)) / math.sqrt(n)
    return mean - half, mean + half


def _table(column: str, groups: np.ndarray, names: list[str], figures: Sequence[Figure], part: str, of: str) -> Table:
    rows: list[list[Cell]] = []
    for g, name in enumerate(names):
        told: list[Cell] = [name, int((groups == g).sum())]
        for figure in figures:
            values = figure.values[figure.counted & (groups == g)]
            if len(values) < LEAST_ROWS:
                told.append(f"{len(values)} {of}: too few")
            else:
                low, high = interval_of(values)
                told.append(f"{_short(float(values.mean()))} ({_short(low)} to {_short(high)})")
        rows.append(told)
    title = f"Groups by {column}, with 95% intervals, {part} part"
    return Table(title=title, columns=[column, of, *(figure.name for figure in figures)], rows=rows, count=len(rows))


def _short(value: float) -> str:
    return f"{value:.3g}"
