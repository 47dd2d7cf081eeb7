"""Keys and values of tokens that are there already, written in place."""

from typing import Any

import tensorflow as tf
from tensorflow.compiler.tf2xla.ops import gen_xla_ops


def put(cache: Any, value: Any, first: Any, jit: bool) -> Any:
    """Write (rows, heads, n, size) at `first` of (rows, heads, T, size). jit: within what XLA compiles, where nothing is copied."""
    if jit:
        return gen_xla_ops.xla_dynamic_update_slice(cache, value, tf.stack([0, 0, first, 0]))
    whole = tf.concat([cache[:, :, :first], value, cache[:, :, first + value.shape[2] :]], 2)
    return tf.ensure_shape(whole, cache.shape)
