"""Whether a model is better than the simple answers beside it, in one sentence that is shown on top of its job.

Called by worker/training/trainer.py with what a recipe's report and baselines give. Both were measured on the same rows, so the
difference is judged by resampling those rows (paired bootstrap): what is left of it when the rows had been others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

DRAWS = 400  # resamples: the ends of a 95 % interval then wobble by about a tenth of its width
SHARE = 0.95
_NAME_BYTES = 80  # of a baseline in the sentence: the record keeps both, and little else


@dataclass(frozen=True)
class Judge:
    """The figure that is compared. title: as people know it ("ROC-AUC"). mode: "max" or "min".

    score: (predictions, rows) -> the figure over those rows, int (n,), repeated ones counted as often; None where it is not
    defined for them. least: of fewer rows nothing is told.
    """

    title: str
    mode: str
    score: Callable[[Any, np.ndarray], float | None]
    least: int = 2


@dataclass(frozen=True)
class Verdict:
    """sentence: for people. better: True, False, or None when it may be chance. Figures: of the model minus the baseline's."""

    sentence: str
    better: bool | None
    against: str
    difference: float
    low: float
    high: float


def judge(
    by: Judge,
    predictions: Any,
    others: Sequence[tuple[str, Any]],
    rows: int,
    seed: int = 0,
    check: Callable[[], None] = lambda: None,
) -> Verdict | None:
    """Compare with the best of the others, (name, predictions) each. rows: how many there are. check: called as it goes.

    None when there is nothing to compare with, or the figure is not defined.
    """
    everything = np.arange(rows)
    own = by.score(predictions, everything)
    scored = [(name, other, by.score(other, everything)) for name, other in others]
    scored = [(name, other, value) for name, other, value in scored if value is not None]
    if own is None or not scored:
        return None
    sign = 1.0 if by.mode == "max" else -1.0
    name, best, value = max(scored, key=lambda one: sign * one[2])
    low, high = _interval(by, predictions, best, rows, seed, sign, check)
    name = _short(name)
    gain = sign * (own - value)
    return Verdict(_sentence(by, name, gain, low, high), _decide(low, high), name, gain, low, high)


def _short(name: str) -> str:
    data = name.encode()
    return name if len(data) <= _NAME_BYTES else data[: _NAME_BYTES - 3].decode(errors="ignore") + "…"


def _interval(
    by: Judge, own: Any, other: Any, rows: int, seed: int, sign: float, check: Callable[[], None]
) -> tuple[float, float]:
    """Ends of the interval that holds SHARE of the gains over resampled rows. Source: Efron 1979, the bootstrap."""
    if rows < by.least:
        return -np.inf, np.inf
    rng = np.random.default_rng([seed, 7])
    gains = []
    for _ in range(DRAWS):
        check()
        drawn = rng.integers(0, rows, rows)
        a, b = by.score(own, drawn), by.score(other, drawn)
        if a is not None and b is not None:
            gains.append(sign * (a - b))
    if not gains:
        return -np.inf, np.inf
    low, high = np.quantile(gains, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return float(low), float(high)


def _decide(low: float, high: float) -> bool | None:
    return True if low > 0 else False if high < 0 else None


def _sentence(by: Judge, name: str, gain: float, low: float, high: float) -> str:
    if not np.isfinite(low):
        return f"Cannot be told from {name}: too few rows to measure {by.title} on."
    span = f"({_figure(low)} to {_figure(high)})"
    match _decide(low, high):
        case True:
            return f"Better than {name} by {_figure(gain)} {by.title} {span}."
        case False:
            return f"Worse than {name} by {_figure(-gain)} {by.title} ({_figure(-high)} to {_figure(-low)})."
    if gain > 0:
        return f"Not surely better than {name}: by {_figure(gain)} {by.title} {span}, which may be chance."
    return f"Not better than {name}: {_figure(gain)} {by.title} {span}."


def _figure(value: float) -> str:
    """Three digits after the point for what is about 1, two significant ones for what is small, none for what is large."""
    if value == 0 or 0.0005 <= abs(value) < 100:
        return f"{value:.3f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1e}"
