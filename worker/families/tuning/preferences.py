"""Learning from preferences: the answer that was chosen becomes likelier than the rejected one, measured from the base.

Source: DPO, Rafailov et al. 2023, arXiv:2305.18290. The base with its adapters set aside is the reference: no second model is held.
"""

from typing import Any

import tensorflow as tf


def preference_loss(model: Any, x: Any, y: Any, weight: Any, training: bool) -> tuple[Any, Any]:
    """(sum of -log sigmoid(beta * margin) over pairs, how many pairs).

    Rows 2n and 2n + 1 of a batch are the chosen and the rejected answer to the same; a row's log p is the sum over its learnt
    tokens. margin: how much more than the base the model prefers the chosen one.
    """
    own = _log_p(model, x, y, weight, training)
    reference = tf.stop_gradient(_aside(model, x, y, weight))
    gained = tf.reshape(own - reference, (-1, 2))
    there = tf.cast(tf.reduce_sum(tf.reshape(weight, (tf.shape(gained)[0], -1)), 1) > 0, tf.float32)
    losses = tf.nn.softplus(-model.beta * (gained[:, 0] - gained[:, 1]))
    return tf.reduce_sum(losses * there), tf.reduce_sum(there)


def _log_p(model: Any, x: Any, y: Any, weight: Any, training: bool) -> Any:
    """float32 (rows,)."""
    return -tf.reduce_sum(model.nats(x, y, weight, training) * weight, 1)


def _aside(model: Any, x: Any, y: Any, weight: Any) -> Any:
    """The same by the base alone."""
    from worker.families.tuning.adapters import adapted

    layers = [layer for _, layer in adapted(model)]
    for layer in layers:
        layer.aside = True
    try:
        return _log_p(model, x, y, weight, False)
    finally:
        for layer in layers:
            layer.aside = False
