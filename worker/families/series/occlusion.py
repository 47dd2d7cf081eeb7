"""Which part of the past a forecast stands on: how it changes when a stretch of its window is flattened.

Source: occlusion, Zeiler, Fergus 2013, arXiv:1311.2901.
"""

from collections.abc import Callable, Mapping

import numpy as np

MOST_STRETCHES = 12


def stretches(context: int) -> list[tuple[int, int]]:
    """(first, stop) of at most twelve stretches of a window, the oldest first."""
    count = min(MOST_STRETCHES, context)
    edges = np.linspace(0, context, count + 1).round().astype(int)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def flattened(past: np.ndarray, first: int, stop: int) -> np.ndarray:
    """Windows whose steps first .. stop are the mean of the whole window. past: (n, context)."""
    found = past.copy()
    found[:, first:stop] = past.mean(1, keepdims=True)
    return found


def without_each(
    arrays: Mapping[str, np.ndarray], answers: Callable[[Mapping[str, np.ndarray]], np.ndarray]
) -> list[tuple[str, np.ndarray]]:
    """(which steps ago, the point forecasts without them, (n, horizon)), the newest first. arrays: inputs of the network."""
    context = arrays["past"].shape[1]
    found = []
    for first, stop in reversed(stretches(context)):
        said = answers({**arrays, "past": flattened(arrays["past"], first, stop)})[..., 0]
        old, new = context - first, context - stop + 1
        found.append((f"{new} to {old} steps ago" if old > new else f"{new} step{'' if new == 1 else 's'} ago", said))
    return found
