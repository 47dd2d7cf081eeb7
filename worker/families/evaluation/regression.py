"""How good a model of numbers is: figures, what is left over, and the comparison with other models."""

import numpy as np

from shared.outputs import Line, Output, Series
from worker.verdict import Judge

_POINTS = 400  # drawn at most: more only cover each other


def number_metrics(truth: np.ndarray, said: np.ndarray) -> dict[str, float]:
    """MAE, RMSE, R2, the median of the absolute error, and MAPE where no true value is 0. truth, said: float (n,).

    R2 is left out where all true values are equal.
    """
    error = said - truth
    found = {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "median_error": float(np.median(np.abs(error))),
    }
    spread = float(((truth - truth.mean()) ** 2).sum())
    if spread > 0:
        found["r2"] = 1 - float((error**2).sum()) / spread
    if np.all(truth != 0):
        found["mape"] = float(np.abs(error / truth).mean())
    return found


def number_outputs(truth: np.ndarray, said: np.ndarray, name: str) -> list[Output]:
    """What it said against what was true, and what is left over."""
    order = np.argsort(truth, kind="stable")
    drawn = order[np.linspace(0, len(order) - 1, min(_POINTS, len(order))).astype(int)]
    xs = [float(x) for x in truth[drawn]]
    against = Series(
        title="What it said against what was true",
        x_title=f"true {name}",
        y_title=f"said {name}",
        lines=[
            Line(name="the model", x=list(xs), y=[float(y) for y in said[drawn]], points=True),
            Line(name="as it should be", x=[min(xs), max(xs)], y=[min(xs), max(xs)]),
        ],
    )
    left = Series(
        title="What is left over",
        x_title=f"true {name}",
        y_title="said minus true",
        lines=[
            Line(name="error", x=list(xs), y=[float(y) for y in (said - truth)[drawn]], points=True),
            Line(name="none", x=[min(xs), max(xs)], y=[0.0, 0.0]),
        ],
    )
    return [against, left]


def number_judge(truth: np.ndarray) -> Judge:
    """Compares by RMSE. Predictions: float (n,)."""
    return Judge("RMSE", "min", lambda said, rows: float(np.sqrt(((said[rows] - truth[rows]) ** 2).mean())))
