"""What a forecaster's model needs besides its weights: scales, the calendar, and the end of each series to go on from."""

import numpy as np

from worker.families.series.data import VARIES, SeriesData
from worker.families.series.frequency import Frequency
from worker.families.series.moments import Calendar
from worker.families.series.rows import Columns
from worker.families.series.windows import evenly
from worker.recipe import Assets

SHOWN = 3  # windows kept to show forecasts of while it trains


def remember(data: SeriesData) -> Assets:
    """The assets of a training."""
    channels, context, horizon = data.channels, data.context, data.horizon
    every = np.arange(len(channels))
    ends = channels.first + channels.length
    long = channels.length >= context
    tails = np.full((len(channels), context), np.nan)
    tails[long] = data.read(every[long], channels.length[long], context, 0)
    arrays = {
        "mean": data.mean,
        "std": data.std,
        "channel_series": channels.series,
        "channel_target": channels.target,
        "ends": ends,
        "tails": tails,
    }
    if data.prepared.known is not None:
        arrays["known_scale"] = data.known_scale
        arrays["tail_known"] = _known_tails(data, every[long])
        told = data.prepared.ends[channels.series] - ends
        arrays["told_ahead"] = np.clip(told, 0, horizon)
    if data.calendar.holidays:
        arrays["holidays"] = np.array(data.calendar.holidays, np.int64)
    part = "val" if data.split["val"] else "train"
    channel, place = data.windows[part].places(evenly(data.split[part], SHOWN))
    arrays |= {f"shown_{name}": array for name, array in data.inputs(channel, place).items()}
    arrays["shown_channel"], arrays["shown_step"] = channel, channels.first[channel] + place
    arrays["shown_truth"] = data.truth(channel, place)
    columns = data.columns
    json = {
        "columns": {
            "time": columns.time, "targets": columns.targets, "series": columns.series, "known": columns.known,
            "dated": columns.dated,
        },
        "frequency": data.frequency.to_json(), "calendar": list(data.calendar.parts), "season": int(data.season),
        "names": data.prepared.names, "context": context, "horizon": horizon, "features": data.features,
    }  # fmt: skip
    return Assets(json, arrays)


def _known_tails(data: SeriesData, channels: np.ndarray) -> np.ndarray:
    """float64 (channels, context + horizon, known): around the end of each; what is not told goes on as it was at last."""
    assert data.prepared.known is not None
    where, context, horizon = data.channels, data.context, data.horizon
    found = np.zeros((len(where), context + horizon, len(data.columns.known)))
    for channel in channels.tolist():
        end = int(where.first[channel] + where.length[channel])
        there = min(int(data.prepared.ends[where.series[channel]]) - end, horizon)
        start = where.ahead[channel : channel + 1] + where.length[channel] - context
        told = data.prepared.known.read(start, context + there)[0]
        found[channel, : len(told)], found[channel, len(told) :] = told, told[-1]
    return found


def deviation(values: np.ndarray) -> float:
    """Of values that are all known; 1 of such as do not vary."""
    spread = float(values.std())
    return spread if spread > VARIES * max(1.0, abs(float(values.mean()))) else 1.0


class Remembered:
    """Assets as they are used. places: (series name, target number) -> channel."""

    def __init__(self, assets: Assets):
        self.arrays = assets.arrays
        self.columns = Columns(**assets["columns"])
        self.frequency = Frequency.from_json(assets["frequency"])
        holidays = assets.arrays.get("holidays", np.zeros(0, np.int64))
        self.calendar = Calendar(tuple(assets["calendar"]), tuple(int(day) for day in holidays))
        self.context: int = assets["context"]
        self.horizon: int = assets["horizon"]
        self.season: int = assets["season"]
        self.names: list[str] = assets["names"]
        self.features: int = assets["features"]
        of, target = assets.arrays["channel_series"], assets.arrays["channel_target"]
        self.places = {
            (self.names[name], int(goal)): place
            for place, (name, goal) in enumerate(zip(of.tolist(), target, strict=True))
        }

    def title(self, name: str, target: int) -> str:
        """ "units of Köln", or "units" of a table of one series."""
        told = self.columns.targets[target]
        return f"{told} of {name}" if self.columns.series else told

    def scale_of(self, name: str, target: int, past: np.ndarray) -> tuple[float, float]:
        """Mean and deviation of a channel in the training; of one it did not hold, those of its window."""
        place = self.places.get((name, target))
        if place is not None:
            return float(self.arrays["mean"][place]), float(self.arrays["std"][place])
        return float(past.mean()), deviation(past)

    def moments(self, end: int) -> np.ndarray:
        """float32 (context + horizon, features of the calendar) of a window whose forecast begins at the step `end`."""
        steps = np.arange(end - self.context, end + self.horizon, dtype=np.int64)
        return self.calendar.features(self.frequency.at(steps))
