"""What a training learns from, drawn before its first step: pictures of a batch as they are varied."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from shared.outputs import Output, Picture
from worker.artifacts import Files
from worker.families.images.drawing import captioned_grid, drawable, legend_of

TITLE = "Learnt from: training pictures, varied as far as they may be"
MOST = 8  # pictures
FEW = 4  # where each is drawn by itself


def in_bytes(pixels: Any) -> np.ndarray:
    """Pixels 0..255 of any type as uint8."""
    return np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)


def class_preview(pixels: Any, labels: Any, classes: Sequence[str], files: Files) -> list[Output]:
    """A grid of pictures with their classes. pixels: float (batch, height, width, 1 or 3), 0..255. labels: int (batch,)."""
    shown, numbers = in_bytes(pixels[:MOST]), [int(label) for label in labels[:MOST]]
    captions = [drawable(classes[number], number) for number in numbers]
    grid = files.write("learnt_from.png", captioned_grid(list(shown), captions))
    return [Picture(title=TITLE, file=grid, legend=legend_of(classes, set(numbers)))]
