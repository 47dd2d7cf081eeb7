"""How far a figure would have come out otherwise on other rows of the same kind: intervals by the bootstrap."""

from collections.abc import Callable, Mapping

import numpy as np

from shared.outputs import Cell, Table

DRAWS = 200  # resamples: the ends wobble by some tenth of the width
SHARE = 0.95
_MOST_ROWS = 20_000  # of a resample; the interval of more rows is told from these, scaled by the root of their number

Figures = Callable[[np.ndarray], Mapping[str, float]]


def intervals(
    figures: Figures, rows: int, seed: int, check: Callable[[], None] = lambda: None
) -> dict[str, tuple[float, float, float]]:
    """(figure, low, high) by name. figures: of the rows given by number, int (n,), repeated ones counted as often.

    A figure that is not defined for some resamples is told from the others. Source: Efron 1979.
    """
    whole = figures(np.arange(rows))
    rng = np.random.default_rng([seed, 8])
    drawn = min(rows, _MOST_ROWS)
    scale = (drawn / rows) ** 0.5
    found: dict[str, list[float]] = {}
    for _ in range(DRAWS):
        check()
        for name, value in figures(rng.integers(0, rows, drawn)).items():
            found.setdefault(name, []).append(value)
    made = {}
    for name, value in whole.items():
        if values := found.get(name):
            low, high = np.quantile(values, [(1 - SHARE) / 2, (1 + SHARE) / 2])
            middle = float(np.median(values)) if scale < 1 else value
            made[name] = (value, value + (float(low) - middle) * scale, value + (float(high) - middle) * scale)
    return made


def interval_table(found: Mapping[str, tuple[float, float, float]], rows: int, part: str) -> Table:
    """The figures with their intervals."""
    cells: list[list[Cell]] = [[name, *(round(number, 4) for number in told)] for name, told in found.items()]
    title = f"Figures with their {SHARE:.0%} intervals, bootstrap over {rows:,} rows, {part}"
    return Table(title=title, columns=["figure", "value", "low", "high"], rows=cells[:100], count=len(cells))
