"""Brings rows to even steps: sorted, doubled ones made one, missing steps made and filled, each told with a count."""

from dataclasses import dataclass, field

import numpy as np

from worker.families.series.frequency import Frequency, find_frequency
from worker.families.series.rows import Rows

_LEAST_THERE = 0.1  # of a series' steps: with fewer the step is not the series'


@dataclass
class Grid:
    """Series on even steps, one after the other. starts: int64 (series,), the step each begins with (Frequency.at). offsets: int64
    (series + 1,), where each begins and ends in values: float64 (steps, targets), NaN where missing, and known: float64
    (steps, known), filled.

    problems: what makes a series unusable, by its name. counts: what was mended, by what ("doubled", "missing", "moved",
    "unsorted").
    """

    frequency: Frequency
    names: list[str]
    starts: np.ndarray
    offsets: np.ndarray
    values: np.ndarray
    known: np.ndarray
    counts: dict[str, int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def span(self, series: int) -> slice:
        return slice(int(self.offsets[series]), int(self.offsets[series + 1]))


def make_grid(
    rows: Rows, doubled: str, *, dated: bool, frequency: Frequency | None = None, ranks: bool = False
) -> Grid:
    """frequency: None to find it. ranks: every different time is a step. doubled: ForecasterTrain.doubled.

    Raises ValueError where there is no frequency to find.
    """
    times = rows.times
    if ranks:
        times = np.unique(times, return_inverse=True)[1].astype(np.int64)
        frequency = Frequency("rows", 1.0, 0.0)
    order = np.lexsort((times, rows.series))
    codes = rows.series[order]
    counts = {"unsorted": _unsorted(times, rows.series)}
    if frequency is None:
        sorted_times = times[order]
        new = np.ones(len(order), bool)
        new[1:] = (codes[1:] != codes[:-1]) | (sorted_times[1:] != sorted_times[:-1])
        frequency = find_frequency(sorted_times[new], codes[new], dated=dated)
    index = frequency.index(times[order])
    counts["moved"] = int((frequency.at(index) != times[order]).sum()) if not ranks else 0
    grid = Grid(frequency, rows.names, np.zeros(0, np.int64), np.zeros(0, np.int64), rows.values, rows.known, counts)
    firsts = _one_each(grid, rows, order, index, doubled)
    _spread(grid, codes[firsts], index[firsts])
    return grid


def _unsorted(times: np.ndarray, series: np.ndarray) -> int:
    """How many rows are earlier than the row before them of the same series."""
    order = np.argsort(series, kind="stable")
    earlier = np.diff(times[order]) < 0
    return int((earlier & (np.diff(series[order]) == 0)).sum())


def _one_each(grid: Grid, rows: Rows, order: np.ndarray, index: np.ndarray, doubled: str) -> np.ndarray:
    """Make one of rows of one series at one step; returns the place in order of the first of each."""
    codes = rows.series[order]
    new = np.ones(len(order), bool)
    new[1:] = (codes[1:] != codes[:-1]) | (index[1:] != index[:-1])
    firsts = np.flatnonzero(new)
    grid.counts["doubled"] = len(order) - len(firsts)
    values, known = rows.values[order], rows.known[order]
    if grid.counts["doubled"]:
        group = np.cumsum(new) - 1
        lasts = np.append(firsts[1:], len(order)) - 1
        if doubled == "refuse":
            both = np.concatenate([values, known], 1)
            equal = ((both == both[firsts][group]) | (np.isnan(both) & np.isnan(both[firsts][group]))).all(1)
            differing = np.unique(group[~equal])
            _, one_each = np.unique(codes[firsts[differing]], return_index=True)
            for number in differing[one_each].tolist():
                first, last = firsts[number], lasts[number]
                told = ", ".join(str(row) for row in np.sort(rows.places[order[first : last + 1]])[:5])
                at = grid.frequency.told(int(index[first]))
                grid.problems[rows.names[codes[first]]] = f"rows {told} are all of {at} and differ"
            grid.counts["differing"] = int((~equal).sum())
        if doubled in ("mean", "sum"):
            values = _summed(values, firsts, doubled)
            known = known[firsts]
        else:
            chosen = lasts if doubled == "last" else firsts
            values, known = values[chosen], known[chosen]
    grid.values, grid.known = values, known
    return firsts


def _summed(values: np.ndarray, firsts: np.ndarray, how: str) -> np.ndarray:
    """Sum or mean of the known values of each group; NaN where none is known."""
    there = np.isfinite(values)
    sums = np.add.reduceat(np.where(there, values, 0.0), firsts, axis=0)
    counts = np.add.reduceat(there.astype(np.int64), firsts, axis=0)
    return np.where(counts > 0, sums / (np.maximum(counts, 1) if how == "mean" else 1), np.nan)


def _spread(grid: Grid, codes: np.ndarray, index: np.ndarray) -> None:
    """Give every step between a series' first and last one a place. codes: sorted; index: rising within each."""
    count = len(grid.names)
    begins = np.searchsorted(codes, np.arange(count + 1))
    there = np.diff(begins)
    starts, lengths = np.zeros(count, np.int64), np.zeros(count, np.int64)
    full = there > 0
    starts[full] = index[begins[:-1][full]]
    lengths[full] = index[begins[1:][full] - 1] - starts[full] + 1
    sparse = np.flatnonzero(there < _LEAST_THERE * lengths)
    for series in sparse.tolist():
        grid.problems.setdefault(
            grid.names[series],
            f"of {lengths[series]:,} steps of {grid.frequency.name} only {there[series]:,} have a row: the times do not follow "
            "each other evenly",
        )
    lengths[sparse] = 0
    keep = ~np.isin(codes, sparse)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    place = offsets[codes[keep]] + index[keep] - starts[codes[keep]]
    values = np.full((int(offsets[-1]), grid.values.shape[1]), np.nan)
    known = np.full((int(offsets[-1]), grid.known.shape[1]), np.nan)
    values[place], known[place] = grid.values[keep], grid.known[keep]
    grid.counts["missing"] = int(offsets[-1] - len(place))
    grid.starts, grid.offsets, grid.values = starts, offsets, values
    for series in range(count):
        known[grid.span(series)] = filled(known[grid.span(series)], "last")
    grid.known = known


def filled(values: np.ndarray, how: str) -> np.ndarray:
    """float64 (steps, columns) without NaN but in columns of nothing else, which become 0.

    how: "last": from the step before (the first ones from the first known), "linear": between neighbours, "zero".
    """
    missing = np.isnan(values)
    if not missing.any():
        return values
    if how == "zero":
        return np.where(missing, 0.0, values)
    found = values.copy()
    steps = np.arange(len(values))
    for column in range(values.shape[1]):
        known = np.flatnonzero(~missing[:, column])
        if not len(known):
            found[:, column] = 0.0
        elif how == "linear":
            found[:, column] = np.interp(steps, known, values[known, column])
        else:
            before = np.maximum.accumulate(np.where(missing[:, column], -1, steps))
            found[:, column] = values[np.where(before < 0, known[0], before), column]
    return found
