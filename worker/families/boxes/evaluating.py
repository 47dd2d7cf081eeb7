"""The boxes a model finds in the pictures of a part, and the figures of a training as it goes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from worker.families.boxes.data import BoxData
from worker.families.boxes.heads import finder, loss_of
from worker.families.boxes.measuring import LEAST_MEASURED, measured

OVERLAP = 0.6  # of boxes of a class, above which one goes, where nobody asks for another
_BATCH = 16


def batched(run: Callable[[np.ndarray], Any]) -> Callable[[np.ndarray], np.ndarray]:
    """The same of any number of pictures, always asked for _BATCH at once: each number would be compiled anew."""

    def answered(pixels: np.ndarray) -> np.ndarray:
        some = np.zeros((_BATCH, *pixels.shape[1:]), np.float32)
        some[: len(pixels)] = pixels
        return np.asarray(run(some))[: len(pixels)]

    return answered


def found_in(
    model: Any,
    data: BoxData,
    numbers: np.ndarray,
    look: Callable[[int], None],
    take: Callable[[np.ndarray, np.ndarray], None] | None = None,
) -> list[np.ndarray]:
    """Boxes of pictures by number, in the pixels the network sees: float32 (k, 6) each, with LEAST_MEASURED.

    look: called with how many pictures are done. take: called with the logits of some pictures and their numbers.
    """
    kept: list[np.ndarray] = []
    answered = batched(model.predict_on_batch)

    def run(pixels: np.ndarray) -> np.ndarray:
        logits = answered(pixels)
        if take is not None:
            take(logits, numbers[len(kept) : len(kept) + len(pixels)])
        return logits

    search = finder(run, data.assets)
    for start in range(0, len(numbers), _BATCH):
        kept += search(data.boxed.pixels.rows(numbers[start : start + _BATCH]), LEAST_MEASURED, OVERLAP)
        look(len(kept))
    return kept


def evaluate_boxes(model: Any, data: BoxData, look: Callable[[int], None]) -> dict[str, float] | None:
    """val_map50, val_map50_95 and val_loss of the validation part; None where it has no box."""
    if not data.watched:
        return None
    numbers, losses, loss = data.places["val"], list[float](), loss_of(data.assets)
    room = max(len(data.boxed.boxes[number]) for number in numbers.tolist())

    def take(logits: np.ndarray, some: np.ndarray) -> None:
        truth = np.full((len(some), room, 5), -1, np.float32)
        for row, number in enumerate(some.tolist()):
            boxes = data.boxed.boxes[number]
            truth[row, : len(boxes)] = boxes
        losses.append(float(loss.call(truth, logits)) * len(some))

    said = found_in(model, data, numbers, lambda done: look(-(-done // _BATCH)), take)
    found = measured([data.boxed.boxes[number] for number in numbers.tolist()], said, len(data.classes))
    return {f"val_{name}": value for name, value in found.metrics().items()} | {"val_loss": sum(losses) / len(numbers)}
