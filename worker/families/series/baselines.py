"""The simple forecasts beside a network: the last value, the season before, the mean, a linear regression; on the same windows."""

from collections.abc import Iterator

import numpy as np
from sklearn.linear_model import Ridge

from worker.context import Context
from worker.families.series.data import SeriesData
from worker.families.series.judging import Part, compared, figures_of, judged_part, part_of
from worker.families.series.windows import evenly
from worker.recipe import Baseline

LAST, SEASON, MEAN, LINE = (
    "repeating the last value",
    "repeating the season before",
    "always the mean",
    "linear regression",
)
_MOST_LEARNT, _MOST_NUMBERS = 100_000, 12_000_000  # windows that a line is learnt from, and their values
_PENALTY = 1.0  # of the regression


def series_baselines(data: SeriesData, context: Context) -> list[Baseline]:
    """Each learns from the training part at most. context.check() between them."""
    part = part_of(data, judged_part(data))
    found = []
    for name, said in _answers(data, part):
        context.check()
        figures = {f"{part.name}_{key}": value for key, value in figures_of(data, part, said[..., None]).items()}
        found.append(Baseline(name, figures, compared(data, part, said)))
    return found


def _answers(data: SeriesData, part: Part) -> Iterator[tuple[str, np.ndarray]]:
    """(name, float64 (windows, horizon), standardised)."""
    yield LAST, last_value(data, part)
    if data.season > 1:
        yield f"{SEASON} ({data.season} steps)", season_before(data, part)
    yield MEAN, np.zeros((len(part), data.horizon))
    yield LINE, _line(data, part)


def last_value(data: SeriesData, part: Part) -> np.ndarray:
    """float64 (windows, horizon), standardised."""
    last = data.standardised(part.channel, data.read(part.channel, part.place, 1, 0))
    return np.repeat(last, data.horizon, axis=1)


def season_before(data: SeriesData, part: Part) -> np.ndarray:
    """What came one season (or several, of a long horizon) earlier; the last value where that is before the series begins."""
    back = data.season * -(-np.arange(1, data.horizon + 1) // data.season)
    steps = part.place[:, None] + np.arange(data.horizon) - back
    offsets = data.channels.offset[part.channel][:, None]
    steps = np.where(steps < 0, part.place[:, None] - 1, steps)
    values = data.prepared.values.read((offsets + steps).reshape(-1), 1).reshape(len(part), data.horizon)
    return data.standardised(part.channel, values)


def _line(data: SeriesData, part: Part) -> np.ndarray:
    """One ridge regression for all channels, from a window less its last value to the steps after it, less the same."""
    most = min(_MOST_LEARNT, max(1_000, _MOST_NUMBERS // (data.context + data.horizon)))
    channel, place = data.windows["train"].places(evenly(data.split["train"], most))
    truth = data.standardised(channel, data.truth(channel, place))
    whole = np.isfinite(truth).all(1)
    model = Ridge(_PENALTY)
    if whole.any():
        past = data.standardised(channel[whole], data.read(channel[whole], place[whole], data.context, 0))
        model.fit(past - past[:, -1:], truth[whole] - past[:, -1:])
    else:  # nothing to learn from: the last value
        model.fit(np.zeros((1, data.context)), np.zeros((1, data.horizon)))
    past = data.standardised(part.channel, data.read(part.channel, part.place, data.context, 0))
    return model.predict(past - past[:, -1:]).reshape(len(part), data.horizon) + past[:, -1:]
