"""How good a network of series is: figures while it trains, and the full report with its worst windows."""

from collections.abc import Callable
from typing import Any

import numpy as np

from shared.outputs import Band, Cell, Line, Output, Score, Scores, Series, Table
from worker.context import Context
from worker.families.evaluation.series import horizon_output, series_judge
from worker.families.series.answering import Answering
from worker.families.series.baselines import LAST, SEASON, last_value, season_before
from worker.families.series.data import SeriesData
from worker.families.series.judging import (
    Part,
    compared,
    compared_figure,
    figures_of,
    in_units,
    judged_part,
    part_of,
)
from worker.families.series.losses import quantiles_of
from worker.families.series.occlusion import without_each
from worker.families.series.windows import evenly
from worker.recipe import Report

_ROWS = 100  # of a table
_SHOWN_PAST = 4  # horizons of the past drawn before a forecast, at most
_OCCLUDED = 500  # windows


def evaluate_series(model: Any, data: SeriesData, look: Callable[[int], None]) -> dict[str, float] | None:
    """The validation part's loss and figures, on as many windows as are sensible; None without one."""
    if not data.split["val"]:
        return None
    looks = iter(range(1, 1 << 60))
    part = part_of(data, "val", watched=True)
    said = Answering(model, data.params).answers(data.inputs(part.channel, part.place), lambda: look(next(looks)))
    return {"val_loss": _loss(data, part, said)} | {
        f"val_{name}": value
        for name, value in figures_of(data, part, said).items()
        if name in ("mse", "mae", "coverage")
    }


def _loss(data: SeriesData, part: Part, said: np.ndarray) -> float:
    """What is learnt by (losses.py), over all known values."""
    error = data.standardised(part.channel, part.truth)[..., None] - said
    loss = error[..., 0] ** 2 if data.params.point == "mean" else np.abs(error[..., 0])
    for place, quantile in enumerate(quantiles_of(data.params.interval), 1):
        loss = loss + np.maximum(quantile * error[..., place], (quantile - 1) * error[..., place])
    known = np.isfinite(loss)
    return float(loss[known].mean()) if known.any() else 0.0


def report_series(model: Any, data: SeriesData, params: Any, context: Context) -> Report:
    """Figures of the test and validation part, what there is to see of the first, and what the verdict is made of."""
    answering = Answering(model, params)
    metrics: dict[str, float] = {}
    shown = judged_part(data)
    part, said = part_of(data, shown), np.zeros(0)
    for name in ("test", "val") if shown != "train" else ("train",):
        if data.split[name]:
            one = part if name == shown else part_of(data, name)
            found = _answered(answering, data, one, context)
            metrics |= {f"{name}_{key}": value for key, value in figures_of(data, one, found).items()}
            said = found if name == shown else said
    outputs = [
        *_windows(data, part, said),
        _found(data),
        _by_step(data, part, said),
        _by_distance(data, part, said),
        *_by_channel(data, part, said),
        _past(answering, data, part, context),
    ]
    predictions = compared(data, part, said[..., 0])
    judge = series_judge(compared_figure(data))
    return Report(metrics, outputs, predictions=predictions, judge=judge, rows=len(predictions))


def _answered(answering: Answering, data: SeriesData, part: Part, context: Context) -> np.ndarray:
    """float64 (windows, horizon, outputs); inputs are read a piece at a time."""
    found = []
    for start in range(0, len(part), 4_096):
        rows = slice(start, start + 4_096)
        found.append(answering.answers(data.inputs(part.channel[rows], part.place[rows]), context.check))
    return np.concatenate(found)


def _windows(data: SeriesData, part: Part, said: np.ndarray) -> list[Output]:
    """The worst window and one as bad as the middle one."""
    error = np.abs(data.standardised(part.channel, part.truth) - said[..., 0])
    known = np.isfinite(error).any(1)
    mean = np.where(known, np.nansum(error, 1) / np.maximum(np.isfinite(error).sum(1), 1), -1.0)
    order = np.argsort(mean, kind="stable")[(~known).sum() :]
    if not len(order):
        return []
    units = in_units(data, part, said)
    worst, middle = order[-1], order[len(order) // 2]
    return [
        _drawn(data, part, units, int(worst), "The worst window"),
        _drawn(data, part, units, int(middle), "A window of middling error"),
    ]


def _drawn(data: SeriesData, part: Part, units: np.ndarray, number: int, what: str) -> Series:
    channel, place = int(part.channel[number]), int(part.place[number])
    length = min(data.context, _SHOWN_PAST * data.horizon)
    step = int(data.channels.first[channel]) + place
    past = data.read(part.channel[number : number + 1], part.place[number : number + 1], length, 0)[0]
    return forecast_series(
        f"{what}: {data.prepared.title(channel)}",
        [data.frequency.shown(one) for one in range(step - length, step + data.horizon)],
        past,
        units[number],
        data.params.interval,
        truth=part.truth[number],
        y_title=data.columns.targets[data.channels.target[channel]],
    )


def forecast_series(
    title: str,
    times: list[str | float],
    past: np.ndarray,
    said: np.ndarray,
    interval: float,
    *,
    truth: np.ndarray | None = None,
    y_title: str = "",
) -> Series:
    """A drawn forecast. times: of the past and the steps after it. said: float64 (horizon, 1 or 3), in units."""
    before, after = times[: len(past)], times[len(past) :]
    came = [*past.tolist(), *(truth.tolist() if truth is not None else [])]
    lines = [
        Line(name="what came", x=times[: len(came)], y=[y if np.isfinite(y) else None for y in came]),
        Line(name="forecast", x=list(after), y=said[:, 0].tolist()),
    ]
    band = None
    if said.shape[1] == 3:
        band = Band(name=f"{interval:.0%} interval", x=list(after), low=said[:, 1].tolist(), high=said[:, 2].tolist())
    return Series(title=title, y_title=y_title, lines=lines, band=band, split=before[-1])


def _found(data: SeriesData) -> Table:
    """What was found of the times."""
    counts, frequency = data.prepared.counts, data.frequency
    first, val, test, stop = data.edges
    told = frequency.told
    rows: list[list[Cell]] = [
        ["series", len(data.prepared.names)],
        ["a step is", frequency.name],
        ["repeats after, steps", data.season if data.season > 1 else "none found"],
        ["training from", told(first)], ["validation from", told(val)], ["test from", told(test)],
        ["last step", told(stop - 1)],
        ["steps missing and filled", counts.get("missing", 0)],
        ["rows that shared their time", counts.get("doubled", 0)],
        ["rows that were out of order", counts.get("unsorted", 0)],
        ["times moved to a step", counts.get("moved", 0)],
    ]  # fmt: skip
    return Table(title="What was found of the times", columns=["what", "found"], rows=rows, count=len(rows))


def _by_step(data: SeriesData, part: Part, said: np.ndarray) -> Table:
    """Every figure by how far ahead, in the table of at most a hundred steps."""
    steps = evenly(data.horizon, _ROWS)
    rows: list[list[Cell]] = []
    names = ["mse", "mae", "smape", "mase", "coverage", "pinball"]
    for step in steps.tolist():
        one = Part(part.name, part.channel, part.place, part.truth[:, step : step + 1], part.blocks)
        if not np.isfinite(one.truth).any():
            continue
        found = figures_of(data, one, said[:, step : step + 1])
        rows.append([step + 1, *(found.get(name) for name in names)])
    title = "By how far ahead (MSE, MAE, pinball standardised)"
    return Table(title=title, columns=["steps ahead", *names], rows=rows, count=len(rows))


def _by_distance(data: SeriesData, part: Part, said: np.ndarray) -> Output:
    """The error's growth beside the simplest forecasts', standardised."""
    beside = {"the model": said[..., 0], LAST: last_value(data, part)}
    if data.season > 1:
        beside[SEASON] = season_before(data, part)
    truth = data.standardised(part.channel, part.truth)[..., None]
    return horizon_output(truth, {name: one[..., None] for name, one in beside.items()})


def _by_channel(data: SeriesData, part: Part, said: np.ndarray) -> list[Output]:
    """Figures of each channel in its own units, the worst first, of several."""
    if len(data.channels) < 2:
        return []
    rows: list[list[Cell]] = []
    names = ["mae", "original_mae", "smape", "mase", "coverage"]
    for channel in np.unique(part.channel).tolist():
        mine = np.flatnonzero(part.channel == channel)
        if np.isfinite(part.truth[mine]).any():
            one = Part(part.name, part.channel[mine], part.place[mine], part.truth[mine], part.blocks[mine])
            found = figures_of(data, one, said[mine])
            rows.append([data.prepared.title(channel), len(mine), *(found.get(name) for name in names)])
    rows.sort(key=lambda row: -float(row[2] or 0))
    heads = ["series", "windows", "MAE, standardised", "MAE, its own units", "sMAPE", "MASE", "coverage"]
    return [Table(title="By series, the worst first", columns=heads, rows=rows[:_ROWS], count=len(rows))]


def _past(answering: Answering, data: SeriesData, part: Part, context: Context) -> Scores:
    """What each stretch of the past is worth."""
    rows = evenly(len(part), _OCCLUDED)
    arrays = data.inputs(part.channel[rows], part.place[rows])
    truth = data.standardised(part.channel[rows], part.truth[rows])

    def error(said: np.ndarray) -> float:
        apart = np.abs(truth - said)
        return float(apart[np.isfinite(apart)].mean()) if np.isfinite(apart).any() else 0.0

    base = error(answering.answers(arrays, context.check)[..., 0])
    found = without_each(arrays, lambda changed: answering.answers(changed, context.check))
    items = [Score(name=name, value=error(said) - base) for name, said in found]
    title = (
        f"What each part of the past is worth: standardised MAE added when it is flattened, on {len(rows):,} windows"
    )
    return Scores(title=title, unit="number", items=items)
