"""Chooses the next token of each row inside the graph. All settings are tensors by row: changing them compiles nothing."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

_HALVINGS = 24  # of the interval a threshold is searched in: float32 has no more digits


@dataclass(frozen=True)
class Sampling:
    """Settings of each row, NumPy arrays (rows,)."""

    temperature: np.ndarray  # float32; 0: the likeliest token
    top_k: np.ndarray  # int32; 0: all
    top_p: np.ndarray  # float32 in (0, 1]
    repetition_penalty: np.ndarray  # float32
    seed: np.ndarray  # int32

    @classmethod
    def same(cls, rows: int, params: Any) -> "Sampling":
        """Rows that differ in their seed alone: params.seed, and further ones derived from it."""

        def full(value: Any, kind: Any) -> np.ndarray:
            return np.full(rows, value, kind)

        return cls(
            full(params.temperature, np.float32),
            full(params.top_k, np.int32),
            full(params.top_p, np.float32),
            full(params.repetition_penalty, np.float32),
            (params.seed + np.arange(rows, dtype=np.int64) * 7919 % 2**31).astype(np.int32),
        )

    def padded(self, rows: int) -> "Sampling":
        """The same with the last row repeated up to `rows`."""
        fields = (self.temperature, self.top_k, self.top_p, self.repetition_penalty, self.seed)
        return Sampling(*(np.concatenate([f, np.repeat(f[-1:], rows - len(f))]) for f in fields))

    def tensors(self) -> tuple[Any, ...]:
        return tuple(
            tf.constant(f) for f in (self.temperature, self.top_k, self.top_p, self.repetition_penalty, self.seed)
        )


def choose(logits: Any, seen: Any, settings: tuple[Any, ...], place: Any) -> Any:
    """Return int32 (rows,), the next token of each row.

    logits: float32 (rows, vocabulary). seen: bool (rows, vocabulary), tokens already there. place: int32 (), position of the
    new token: with the row's seed it alone decides the noise, so a row does not depend on its neighbours.
    Gumbel-max sampling: argmax of logits / temperature + Gumbel noise draws from the softmax (Gumbel 1954).
    Repetition penalty as in CTRL (Keskar et al. 2019, arXiv:1909.05858); top-k: Fan et al. 2018, arXiv:1805.04833;
    top-p: Holtzman et al. 2019, arXiv:1904.09751. Ties at a threshold are all kept.
    """
    temperature, top_k, top_p, penalty, seed = settings
    punished = tf.where(logits > 0, logits / penalty[:, None], logits * penalty[:, None])
    logits = tf.where(seen, punished, logits)
    scaled = logits / tf.maximum(temperature, 1e-6)[:, None]
    scaled = tf.cond(
        tf.reduce_any((top_k > 0) | (top_p < 1)), lambda: _keep_top_p(_keep_top_k(scaled, top_k), top_p), lambda: scaled
    )  # looked at when it runs: no setting compiles anything
    size = logits.shape[1]
    noise = tf.stack(
        [tf.random.stateless_uniform([size], tf.stack([seed[row], place]), 1e-9, 1.0) for row in range(logits.shape[0])]
    )
    drawn = scaled - tf.math.log(-tf.math.log(noise))
    return tf.argmax(tf.where((temperature > 0)[:, None], drawn, logits), axis=1, output_type=tf.int32)


def _threshold(values: Any, enough: Any) -> Any:
    """Largest threshold (rows, 1) at which enough(values >= threshold) still holds for a row, by halving.

    values: float32 (rows, n), -inf allowed. enough: bool mask (rows, n) -> bool (rows, 1), True for a full mask.
    """
    finite = tf.where(values > -1e30, values, tf.reduce_max(values, 1, keepdims=True))
    low, high = tf.reduce_min(finite, 1, keepdims=True), tf.reduce_max(values, 1, keepdims=True)

    def halve(i: Any, low: Any, high: Any) -> Any:
        middle = (low + high) / 2
        good = enough(values >= middle)
        return i + 1, tf.where(good, middle, low), tf.where(good, high, middle)

    _, low, _ = tf.while_loop(lambda i, *_: i < _HALVINGS, halve, (tf.constant(0), low, high))
    return low


def _keep_top_k(values: Any, top_k: Any) -> Any:
    wanted = tf.where(top_k > 0, top_k, values.shape[1])[:, None]
    limit = _threshold(values, lambda kept: tf.reduce_sum(tf.cast(kept, tf.int32), 1, keepdims=True) >= wanted)
    return tf.where((values >= limit) | (top_k <= 0)[:, None], values, -1e38)


def _keep_top_p(values: Any, top_p: Any) -> Any:
    shares = tf.nn.softmax(values)
    wanted = top_p[:, None]
    limit = _threshold(shares, lambda kept: tf.reduce_sum(tf.where(kept, shares, 0.0), 1, keepdims=True) >= wanted)
    return tf.where((shares >= limit) | (wanted >= 1.0), values, -1e38)
