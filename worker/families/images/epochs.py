"""The order in which a network sees the pictures of a part: each epoch a shuffle of its own, by the seed and its number alone."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

_CORES = os.cpu_count() or 1
READERS = min(_CORES, 8)  # batches made side by side; each holds its pixels
READERS_OF_LARGE = min(_CORES, 4)  # where pictures are not scaled down to few pixels
shuffle = tf.random.experimental.stateless_shuffle  # pyright: ignore[reportAttributeAccessIssue]
plain = tf.autograph.experimental.do_not_convert  # AutoGraph leaves files behind in a process that is killed


def batches_by_epoch(
    numbers: np.ndarray,
    make: Callable[[Any, Any], Any],
    *,
    batch: int,
    steps: int,
    total_steps: int,
    seed: int,
    start_step: int,
    readers: int = READERS,
) -> tf.data.Dataset:
    """What make(step, chosen) gives for each step from start_step on. chosen: int64 (batch,), some of `numbers`.

    readers: batches made side by side. steps: of an epoch; what does not fill a batch is left out, and differs from epoch to epoch.
    """
    indices = tf.constant(numbers)

    @plain
    def epoch(number: Any) -> tf.data.Dataset:
        order = shuffle(indices, seed=tf.stack([seed, number]))
        return tf.data.Dataset.from_tensor_slices(tf.reshape(order[: steps * batch], (steps, batch)))

    first, skipped = divmod(start_step, steps)
    epochs = tf.data.Dataset.range(first, total_steps // steps)
    batches = epochs.flat_map(epoch).skip(skipped).enumerate(start_step)
    return batches.map(plain(make), readers, deterministic=True)
