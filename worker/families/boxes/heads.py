"""How a detector says what it found: in one stage, or in two. All that differs between them, by the name in the assets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.families.boxes.finding import find, listed
from worker.families.boxes.losses import BoxLoss
from worker.families.boxes.two_stage import TwoStageLoss, find_two_stage
from worker.recipe import Assets


@dataclass(frozen=True)
class Head:
    """loss: (shape, classes) -> what is learnt by. find: (said, shape, classes, least, overlap), else as finding.find."""

    loss: Callable[[Sequence[int], int], keras.losses.Loss]
    find: Callable[[Any, Sequence[int], int, Any, Any], tuple[Any, Any, Any, Any]]


HEADS = {
    "one_stage": Head(
        lambda shape, classes: BoxLoss(shape),
        lambda said, shape, classes, least, overlap: find(said, shape, least, overlap),
    ),
    "two_stage": Head(TwoStageLoss, find_two_stage),
}


def head_of(assets: Assets) -> Head:
    return HEADS[assets["head"]]


def loss_of(assets: Assets) -> Any:
    """The loss of a detector, a keras.losses.Loss."""
    return head_of(assets).loss(assets["shape"], len(assets["classes"]))


def finder(run: Callable[[Any], Any], assets: Assets) -> Callable[..., list[np.ndarray]]:
    """A function (pixels, least, overlap) -> for each picture float32 (k, 6): a box, its score and the number of its class.

    run: pixels float32 (batch, *shape of the assets) -> what the network says.
    """
    height, width, _ = (int(side) for side in assets["shape"])
    search = _search(assets["head"], (height, width), len(assets["classes"]))

    def found(pixels: np.ndarray, least: float, overlap: float) -> list[np.ndarray]:
        said = run(pixels.astype(np.float32))
        parts = search(tf.convert_to_tensor(said), tf.constant(least, tf.float32), tf.constant(overlap, tf.float32))
        return listed(*(part.numpy() for part in parts))

    return found


@cache
def _search(head: str, shape: tuple[int, int], classes: int) -> Callable[..., Any]:
    """A head's find() as a graph, one for all models of a shape: it has no variables."""
    number, search = tf.TensorSpec((), tf.float32), HEADS[head].find
    return tf.function(
        lambda said, least, overlap: search(said, shape, classes, least, overlap),
        input_signature=[tf.TensorSpec((None, None, None), tf.float32), number, number],
        autograph=False,
    )
