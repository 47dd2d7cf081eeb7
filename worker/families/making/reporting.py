"""The report of every recipe that draws pictures by itself: how like real ones they are, and what both look like."""

from collections.abc import Callable
from typing import Any

import numpy as np

from shared.outputs import Output
from worker.artifacts import Files
from worker.context import Context
from worker.families.making.data import MakingData
from worker.families.making.grid import shown_grid
from worker.families.making.judging import class_table, compared_part, judging_of, samples_of
from worker.recipe import Report

ABREAST = 10
_SAMPLES, _REAL = 100, 40


def report_made(
    data: MakingData,
    draw: Callable[[np.ndarray], np.ndarray],
    seed: int,
    context: Context,
    files: Files,
    *,
    by_class: bool,
) -> Report:
    """draw: classes of pictures, int (n,), to pictures uint8 (n, height, width, channels). by_class: whether it heeds them."""
    part = compared_part(data)
    judging, count = judging_of(data, part, seed, context), samples_of(data, part)
    of = judging.labels(count) if by_class else np.zeros(count, np.int64)
    pictures = draw(of)
    seen = judging.features.of(pictures, context)
    metrics = judging.figures(seen, of, asked=by_class)
    judging.warn(metrics, seen, context, asked=by_class)
    outputs: list[Output] = [
        shown_grid("Samples", "samples.png", pictures[:_SAMPLES], ABREAST, files),
        shown_grid("Real pictures, for comparison", "real.png", data.pixels.rows(data.shown)[:_REAL], ABREAST, files),
    ]
    if by_class:
        outputs += class_table(data.classes, judging, seen, of)
    compared: dict[str, Any] = {}
    if part != "train":
        compared = {"predictions": seen.features, "judge": judging.judge(), "rows": count}
    return Report(metrics, outputs, **compared)
