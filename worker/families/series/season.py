"""Finds after how many steps series repeat, by their autocorrelation."""

from collections.abc import Iterable, Sequence

import numpy as np

_STRONG = 0.3  # of 1: weaker repeats help no forecast; a guess
_RISE = 0.15  # above the lowest before it: else it is a trend, not a season
_MOST_STEPS, _MOST_LAGS = 100_000, 2_000
_CYCLES = 2.5  # at least in what is looked at


def find_season(series: Iterable[np.ndarray], usual: Sequence[int]) -> int:
    """Steps, 1 for none. series: float (time,) each, NaN where missing. usual: lengths looked at first (Frequency.seasons())."""
    found = [one for one in (autocorrelation(values) for values in series) if len(one)]
    if not found:
        return 1
    longest = max(map(len, found))
    sums, counts = np.zeros(longest), np.zeros(longest)
    for one in found:
        sums[: len(one)] += one
        counts[: len(one)] += 1
    mean = sums / counts
    fitting = [lag for lag in usual if 1 < lag < longest - 1 and _is_season(mean, lag)]
    if fitting:
        return max(fitting, key=lambda lag: (round(mean[lag], 1), -lag))
    peaks = [
        lag for lag in range(2, longest - 1) if mean[lag] >= mean[lag - 1 : lag + 2].max() and _is_season(mean, lag)
    ]
    return max(peaks, key=lambda lag: (round(mean[lag], 1), -lag), default=1)


def _is_season(mean: np.ndarray, lag: int) -> bool:
    """A peak that stands out from what is before it. Next to it may be a little higher: years have no whole number of weeks."""
    near = max(1, lag // 50)
    around = mean[max(lag - near, 0) : lag + near + 1].max()
    return bool(mean[lag] >= _STRONG and mean[lag] >= around - 0.05 and mean[lag] - mean[1:lag].min() >= _RISE)


def autocorrelation(values: np.ndarray) -> np.ndarray:
    """float64 (lags,) from lag 0 on, as far as enough cycles fit in; [] where there is nothing to tell.

    A straight line is taken off first. Source: by the fast Fourier transform (Wiener-Khinchin); missing values count nowhere.
    """
    values = values[-_MOST_STEPS:]
    known = np.isfinite(values)
    lags = min(_MOST_LAGS, int(len(values) / _CYCLES))
    if known.sum() < 8 or lags < 3:
        return np.array([])
    place = np.arange(len(values), dtype=np.float64)
    slope, level = np.polyfit(place[known], values[known], 1)
    left = np.where(known, values - slope * place - level, 0.0)
    size = 1 << int(2 * len(values) - 1).bit_length()

    def summed(series: np.ndarray) -> np.ndarray:
        return np.fft.irfft(np.abs(np.fft.rfft(series, size)) ** 2, size)[:lags]

    pairs = np.maximum(np.rint(summed(known.astype(np.float64))), 1.0)
    products = summed(left) / pairs
    return (
        products / products[0]
        if products[0] > 1e-12 * max(1.0, float(np.abs(values[known]).max()) ** 2)
        else np.array([])
    )
