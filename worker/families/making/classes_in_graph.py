"""Classes asked for by name, in the graph of a model that is taken away."""

from typing import Any

import tensorflow as tf


def asked_for(label: Any, count: Any, classes: list[str]) -> Any:
    """Numbers of the classes of pictures to be made, int32 (count,). label: string, one of classes, "" for each in turn.

    Any other ends the graph with an error.
    """
    names = tf.constant(classes or [""])
    there = tf.reduce_any(names == label) | (label == "")
    with tf.control_dependencies([tf.debugging.Assert(there, ["no such class:", label])]):
        one = tf.cast(tf.argmax(tf.cast(names == label, tf.int32)), tf.int32)
    return tf.where(label == "", tf.range(count) % len(classes or [""]), tf.fill((count,), one))
