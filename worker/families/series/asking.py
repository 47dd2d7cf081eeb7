"""What a forecast is asked of: the end of each series of the training, or of a table of recent values."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.errors import RecipeFailed
from worker.families.series.data import known_features
from worker.families.series.frequency import Frequency
from worker.families.series.grid import Grid, filled, make_grid
from worker.families.series.remembered import Remembered
from worker.families.series.rows import read_rows


@dataclass(frozen=True)
class Asked:
    """One channel to go on from. past: float64 (context,), in units, filled. end: the step after it. known: float64 (context +
    horizon, known columns). mean, std: what it is standardised by. carried: steps for which what is known beforehand was not
    told, and goes on as it was at last. error: why it cannot be forecast, "" where it can; then all else may be empty.
    """

    name: str
    target: int
    past: np.ndarray
    end: int
    known: np.ndarray
    mean: float = 0.0
    std: float = 1.0
    carried: int = 0
    error: str = ""


def from_training(of: Remembered, only: Sequence[str]) -> list[Asked]:
    """The end of each series that was learnt from. only: names, [] for all. Raises RecipeFailed naming unknown ones."""
    refuse_unknown(of.names, only)
    found = []
    for (name, target), place in of.places.items():
        past = of.arrays["tails"][place]
        if (only and name not in only) or np.isnan(past).any():
            continue
        known = of.arrays["tail_known"][place] if of.columns.known else np.zeros((of.context + of.horizon, 0))
        carried = of.horizon - int(of.arrays["told_ahead"][place]) if of.columns.known else 0
        scale = float(of.arrays["mean"][place]), float(of.arrays["std"][place])
        found.append(Asked(name, target, past, int(of.arrays["ends"][place]), known, *scale, carried))
    return found


def refuse_unknown(names: Sequence[str], only: Sequence[str]) -> None:
    wrong = [name for name in only if name not in names]
    if wrong:
        near = [difflib.get_close_matches(name, names, 1) for name in wrong[:10]]
        told = "; ".join(
            f"{name!r:.60}{f' (is {match[0]!r:.60} meant?)' if match else ''}"
            for name, match in zip(wrong, near, strict=False)
        )
        raise RecipeFailed(f"there is no series {told}", code="unknown_series")


def from_rows(of: Remembered, cells: Mapping[str, Any], params: Any) -> tuple[Frequency, list[Asked]]:
    """The end of each series of a table, in the order they first occur; those that cannot be used with their error.

    cells: of the columns that the model learnt from. params: of the training. Raises RecipeFailed for a column none of whose
    cells can fit.
    """
    try:
        rows = read_rows(cells, of.columns)
    except ValueError as err:
        raise RecipeFailed(str(err), code="other_columns") from err
    wrong: dict[str, list[str]] = {}
    for place, why in rows.wrong.items():
        wrong.setdefault(rows.wrong_series.get(place, ""), []).append(f"row {place:,}: {why}")
    nobody = wrong.pop("", []) if of.columns.series else []
    ranks = params.frequency == "rows"
    grid = make_grid(rows, params.doubled, dated=of.columns.dated, frequency=of.frequency, ranks=ranks)
    asked = []
    for series, name in enumerate(grid.names):
        problem = _told(wrong.get(name, [])) or grid.problems.get(name, "")
        asked += _of_series(of, grid, series, problem, params.fill)
    asked += [Asked("", 0, np.zeros(0), 0, np.zeros((0, 0)), error=why) for why in nobody]
    return grid.frequency, asked


def _told(found: list[str]) -> str:
    return "; ".join(found[:5]) + (f"; and {len(found) - 5:,} more" if len(found) > 5 else "")


def _of_series(of: Remembered, grid: Grid, series: int, problem: str, fill: str) -> Iterator[Asked]:
    """Each target of a series."""
    span = grid.span(series)
    for target in range(len(of.columns.targets)):
        values = grid.values[span, target]
        there = np.flatnonzero(np.isfinite(values))
        steps = int(there[-1] - there[0]) + 1 if len(there) else 0
        why = problem
        if not why and steps < of.context:
            why = f"{of.columns.targets[target]}: {steps:,} steps have values, {of.context:,} are needed"
        if why:
            yield Asked(grid.names[series], target, np.zeros(0), 0, np.zeros((0, 0)), error=why)
            continue
        stop = int(there[-1]) + 1
        given = values[there[0] : stop]
        past = filled(given[:, None], fill)[-of.context :, 0]
        end = int(grid.starts[series]) + stop
        known, carried = _known(of, grid.known[span], stop)
        yield Asked(
            grid.names[series], target, past, end, known, *of.scale_of(grid.names[series], target, past), carried
        )


def _known(of: Remembered, known: np.ndarray, stop: int) -> tuple[np.ndarray, int]:
    """(context + horizon steps around the end of a series, how many of them go on as the last one)."""
    told = known[stop - of.context : stop + of.horizon]
    lacking = of.context + of.horizon - len(told)
    if not of.columns.known:
        return np.zeros((of.context + of.horizon, 0)), 0
    return np.concatenate([told, np.repeat(told[-1:], lacking, axis=0)]), lacking


def inputs_of(of: Remembered, asked: Sequence[Asked]) -> dict[str, np.ndarray]:
    """What the network takes of channels without errors."""
    past = np.stack([(one.past - one.mean) / one.std for one in asked]).astype(np.float32)
    if not of.features:
        return {"past": past}
    parts = []
    if of.calendar.parts:
        parts.append(np.stack([of.moments(one.end) for one in asked]))
    if of.columns.known:
        parts.append(known_features(np.stack([one.known for one in asked]), of.arrays["known_scale"]))
    return {"past": past, "ahead": np.concatenate(parts, axis=2)}
