"""Numbers drawn at random for what is made: of picture i they depend on a seed and i alone, here and in models taken away."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def standard_normal(count: Any, shape: Sequence[int], seed: Any) -> Any:
    """Standard normal float32 (count, *shape): the first ones are the same whatever the count. count, seed: also tensors."""
    return normal_of(tf.stack([tf.fill((count,), seed), tf.range(count)], 1), shape)


def normal_of(seeds: Any, shape: Sequence[int]) -> Any:
    """Standard normal float32 (n, *shape), each by a seed of its own. seeds: whole numbers (n, 2)."""
    size = tuple(shape)

    @tf.autograph.experimental.do_not_convert  # AutoGraph leaves files behind in a process that is killed
    def one(seed: Any) -> Any:
        return tf.random.stateless_normal(size, seed)

    return tf.map_fn(one, tf.convert_to_tensor(seeds), fn_output_signature=tf.TensorSpec(size, tf.float32))
