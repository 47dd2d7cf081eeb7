"""Forecasts of the windows of a part beside what came: the same figures for a network and for the simple forecasts."""

from dataclasses import dataclass

import numpy as np

from worker.families.evaluation.series import block_errors, pinball_loss, series_metrics
from worker.families.series.data import SeriesData
from worker.families.series.losses import quantiles_of
from worker.families.series.windows import evenly

MOST_WINDOWS = 60_000  # of a part
_MOST_NUMBERS = 12_000_000  # forecast: some hundred MB as float64
_WATCHED_WINDOWS, _WATCHED_NUMBERS = 5_000, 1_000_000  # in the evaluations of a training
_PARTS = ("test", "val", "train")


@dataclass(frozen=True)
class Part:
    """Windows of a part that figures are taken on. channel, place: int64 (windows,), see Windows.places(). truth: float64 (windows,
    horizon), in the table's units, NaN where missing. blocks: int64 (windows,), stretches of time that overlap with no other.
    """

    name: str
    channel: np.ndarray
    place: np.ndarray
    truth: np.ndarray
    blocks: np.ndarray

    def __len__(self) -> int:
        return len(self.channel)


def judged_part(data: SeriesData) -> str:
    """The part that a model and the simple forecasts are compared on: the test part, or the best that there is."""
    return next(part for part in _PARTS if data.split[part])


def part_of(data: SeriesData, name: str, *, watched: bool = False) -> Part:
    """The windows of a part, evenly drawn where they are very many. watched: as few as are sensible again and again."""
    windows, numbers = (_WATCHED_WINDOWS, _WATCHED_NUMBERS) if watched else (MOST_WINDOWS, _MOST_NUMBERS)
    most = max(16, min(windows, numbers // data.horizon))
    channel, place = data.windows[name].places(evenly(data.split[name], most))
    steps = data.channels.first[channel] + place
    blocks = (steps - steps.min()) // data.horizon
    blocks = np.unique(blocks, return_inverse=True)[1]
    return Part(name, channel, place, data.truth(channel, place), blocks)


def in_units(data: SeriesData, part: Part, said: np.ndarray) -> np.ndarray:
    """Standardised forecasts (windows, horizon, ...) in the table's units."""
    more = (1,) * (said.ndim - 1)
    return said * data.std[part.channel].reshape(-1, *more) + data.mean[part.channel].reshape(-1, *more)


def figures_of(data: SeriesData, part: Part, said: np.ndarray) -> dict[str, float]:
    """MSE and MAE standardised by channel, as papers have them; the same and the others in the table's units.

    said: float64 (windows, horizon, 1 or 3), standardised.
    """
    truth = data.standardised(part.channel, part.truth)
    ends = (said[..., 1], said[..., 2]) if said.shape[-1] == 3 else (None, None)
    plain = _figures(truth, said[..., 0], 0.0, *ends)
    units = in_units(data, part, said)
    scale = data.scale[part.channel][:, None, None]
    told = _figures(part.truth, units[..., 0], scale)
    found = {"mse": plain["mse"], "mae": plain["mae"]}
    found |= {"original_mse": told["mse"], "original_mae": told["mae"], "smape": told["smape"]}
    found |= {name: told[name] for name in ("mase",) if name in told}
    if ends[0] is not None and ends[1] is not None:
        low, high = quantiles_of(data.params.interval)
        found |= {name: plain[name] for name in ("coverage", "interval_width")}
        found["pinball"] = pinball_loss(truth, {low: ends[0], high: ends[1]})
    return found


def _figures(
    truth: np.ndarray, said: np.ndarray, scale: np.ndarray | float, *ends: np.ndarray | None
) -> dict[str, float]:
    shaped = [None if end is None else end[..., None] for end in ends]
    return series_metrics(truth[..., None], said[..., None], scale, *shaped)


def compared(data: SeriesData, part: Part, said: np.ndarray) -> np.ndarray:
    """What series_judge() compares. said: float64 (windows, horizon), standardised; of one channel in the table's units."""
    if len(data.channels) == 1:
        return block_errors(part.truth, in_units(data, part, said), part.blocks)
    return block_errors(data.standardised(part.channel, part.truth), said, part.blocks)


def compared_figure(data: SeriesData) -> str:
    return "MAE" if len(data.channels) == 1 else "standardised MAE"
