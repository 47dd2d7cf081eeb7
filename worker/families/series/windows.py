"""Windows of channels in a part of the time: how many there are, and each by its number."""

from dataclasses import dataclass

import numpy as np

from worker.families.series.prepared import Channels


@dataclass(frozen=True)
class Windows:
    """Windows whose forecast steps all lie in one part. low: int64 (channels,), where in each channel the first one's forecast
    begins; counts: how many each channel has; ends: their running sum.
    """

    low: np.ndarray
    counts: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def places(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(channel, place within it at which the forecast begins) of windows by number, each int64 (n,)."""
        channel = np.searchsorted(self.ends, numbers, side="right")
        before = self.ends[channel] - self.counts[channel]
        return channel, self.low[channel] + numbers - before


def windows_between(channels: Channels, context: int, horizon: int, first: int, stop: int, *, inside: bool) -> Windows:
    """Windows that forecast steps first .. stop alone. inside: their past lies in it, too; else it may reach back before it."""
    room = context if inside else 0
    low = np.maximum(context, first + room - channels.first)
    high = np.minimum(stop - channels.first, channels.length) - horizon
    counts = np.maximum(high - low + 1, 0)
    return Windows(low, counts, np.cumsum(counts))


def evenly(count: int, most: int) -> np.ndarray:
    """At most so many of the numbers 0 .. count, evenly apart; the same ones every time."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.int64))


def cut_times(
    channels: Channels, shares: tuple[float, float], parts: list[int], horizon: int
) -> tuple[int, int, int, int]:
    """(first step, where the training part ends, where the validation part ends, where the test part ends).

    shares: of validation and test in all known steps. A part that is wanted is made as long as one forecast at least. parts: steps
    of each part instead.
    """
    first, stop = int(channels.first.min()), int((channels.first + channels.length).max())
    if parts:
        ends = first + np.cumsum(parts)
        return first, int(min(ends[0], stop)), int(min(ends[1], stop)), int(min(ends[2], stop))
    val, test = shares
    steps = _lived(channels, first, stop)
    total = steps[-1]
    test_from = int(np.searchsorted(steps, total * (1 - test), side="left")) + 1 + first if test else stop
    test_from = min(test_from, stop - horizon) if test else stop
    val_from = int(np.searchsorted(steps, total * (1 - test - val), side="left")) + 1 + first if val else test_from
    val_from = min(val_from, test_from - horizon) if val else test_from
    return first, max(val_from, first), max(test_from, first), stop


def _lived(channels: Channels, first: int, stop: int) -> np.ndarray:
    """int64 (steps,): how many known steps of all channels there are up to each."""
    alive = np.zeros(stop - first + 1, np.int64)
    np.add.at(alive, channels.first - first, 1)
    np.add.at(alive, channels.first + channels.length - first, -1)
    return np.cumsum(np.cumsum(alive[:-1]))
