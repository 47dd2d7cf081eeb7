"""How good a forecast is: errors over all windows and by how far ahead, beside the seasonal repeat; the interval's coverage."""

import numpy as np

from shared.outputs import Line, Output, Series
from worker.verdict import Judge

LEAST_BLOCKS = 4  # a guess: what happened in fewer stretches of time says nothing of the next one


def series_metrics(
    truth: np.ndarray,
    said: np.ndarray,
    scale: np.ndarray | float,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
) -> dict[str, float]:
    """MSE, MAE, sMAPE, MASE, and the share of truths between low and high.

    truth and the others: float (windows, steps, series). NaN in truth is a missing value and counts nowhere. scale: mean
    absolute error of the seasonal repeat over the training part, per series; MASE below 1 is better than that.
    Sources: Hyndman, Koehler 2006 (MASE); Makridakis 1993 (sMAPE, 0 to 2, 0 where both are 0).
    """
    known = np.isfinite(truth)
    error = (said - truth)[known]
    size = (np.abs(said) + np.abs(truth))[known]
    relative = np.where(size > 0, 2 * np.abs(error) / np.where(size > 0, size, 1), 0.0)
    found = {"mse": float((error**2).mean()), "mae": float(np.abs(error).mean()), "smape": float(relative.mean())}
    scales = np.broadcast_to(scale, truth.shape)
    usable = known & (scales > 0)
    if usable.any():
        found["mase"] = float((np.abs(said - truth)[usable] / scales[usable]).mean())
    if low is not None and high is not None:
        inside = (truth >= low) & (truth <= high)
        found["coverage"] = float(inside[known].mean())
        found["interval_width"] = float((high - low)[known].mean())
    return found


def horizon_output(truth: np.ndarray, by_name: dict[str, np.ndarray]) -> Output:
    """Mean absolute error by how far ahead, of several forecasts (windows, steps, series) side by side."""
    steps = list(range(1, truth.shape[1] + 1))
    lines = [
        Line(name=name, x=[float(s) for s in steps], y=[_mean(np.abs(said - truth)[:, s - 1]) for s in steps])
        for name, said in by_name.items()
    ]
    return Series(title="Error by how far ahead", x_title="steps ahead", y_title="mean absolute error", lines=lines)


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def seasonal_scale(values: np.ndarray, season: int) -> np.ndarray:
    """Mean absolute error of repeating the value one season earlier, per series. values: float (time, series); 0 when unknown."""
    if len(values) <= season:
        return np.zeros(values.shape[1])
    step = np.abs(values[season:] - values[:-season])
    return np.array([_mean(step[:, i]) or 0.0 for i in range(values.shape[1])])


def pinball_loss(truth: np.ndarray, ends: dict[float, np.ndarray]) -> float:
    """Mean quantile loss over the ends of an interval, by quantile; missing truths count nowhere. Source: Koenker, Bassett 1978."""
    known = np.isfinite(truth)
    losses = [np.maximum(q * (truth - end), (q - 1) * (truth - end))[known].mean() for q, end in ends.items()]
    return float(np.mean(losses))


def block_errors(truth: np.ndarray, said: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """What series_judge() compares: float (blocks, 2), the sum of absolute errors of each block of windows and how many there are.

    truth, said: float (windows, steps), NaN where missing. blocks: int (windows,), of each window.
    Windows that overlap share their errors: resampled one by one, they would make a difference look surer than it is.
    """
    error = np.abs(said - truth)
    known = np.isfinite(error)
    sums = np.bincount(blocks, np.where(known, error, 0.0).sum(1), int(blocks.max()) + 1)
    return np.stack([sums, np.bincount(blocks, known.sum(1), int(blocks.max()) + 1)], 1)


def series_judge(title: str = "MAE") -> Judge:
    """Compares by MAE over blocks of windows. Predictions: of block_errors(). Source: Kuensch 1989 (block bootstrap)."""

    def score(errors: np.ndarray, rows: np.ndarray) -> float | None:
        total, count = errors[rows].sum(0)
        return float(total / count) if count else None

    return Judge(title, "min", score, least=LEAST_BLOCKS)
