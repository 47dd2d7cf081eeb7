"""How well an autoencoder does: nats of pictures it did not see, what each latent number carries, and its verdict."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from shared.outputs import Output, Table
from worker.context import Context
from worker.families.images.pixels import Pixels
from worker.families.making.data import EVALUATION_BATCH
from worker.families.making.drawing import normal_of
from worker.families.making.likelihood import bits_per_value
from worker.families.making.vae import Vae, divergence
from worker.verdict import Judge

ACTIVE_FROM = (
    0.01  # nats that a latent number in use carries at least; Burda et al. 2015, arXiv:1509.00519, go by variances
)


class Measured(NamedTuple):
    """Of each picture, float64 (n,): nats of reconstruction and divergence, mean squared error of values 0..255.

    each: nats that every latent number carries on average, (latent,). means: latent means, float32 (n, latent).
    """

    reconstruction: np.ndarray
    kl: np.ndarray
    squared: np.ndarray
    each: np.ndarray
    means: np.ndarray

    @property
    def elbo(self) -> np.ndarray:
        return -self.reconstruction - self.kl


def _own_noise(pixels: Any, latent: int) -> Any:
    """Standard normal (batch, latent), of each picture its own and always the same: its figures depend on no picture beside it."""
    whole = tf.reshape(
        tf.cast(pixels, tf.int64), (tf.shape(pixels)[0], -1)
    )  # sums of whole numbers are exact in any order
    places = tf.range(tf.cast(tf.shape(whole)[1], tf.int64)) % 251
    seeds = tf.stack([tf.reduce_sum(whole, 1), tf.reduce_sum(whole * places, 1)], 1)
    return normal_of(seeds, (latent,))


class Measuring:
    """Figures of pictures by a model, compiled once."""

    def __init__(self, model: Vae):
        latent = model.decoder.input_shape[-1]

        def measure(pixels: Any) -> Any:
            likely, kl = model.bounds(pixels, _own_noise(pixels, latent))
            means, logs = model.encoded(pixels)
            drawn: Any = model.drawn(means)
            return (
                -likely,
                kl,
                tf.reduce_mean(tf.square(drawn - pixels), (1, 2, 3)),
                divergence(means, logs),
                means,
                drawn,
            )

        spec = tf.TensorSpec(model.encoder.input_shape, tf.float32)
        self._run = tf.function(measure, input_signature=[spec], autograph=False)

    def of(self, pixels: np.ndarray) -> tuple[Measured, np.ndarray]:
        """(figures, pictures as the model draws them float32 0..255). pixels: uint8 (n, height, width, channels)."""
        nats, kl, squared, each, means, drawn = (part.numpy() for part in self._run(tf.constant(pixels, tf.float32)))
        nats, kl, squared, each = (found.astype(np.float64) for found in (nats, kl, squared, each))
        return Measured(nats, kl, squared, each, means), drawn

    def over(self, pixels: Pixels, numbers: np.ndarray, context: Context) -> Measured:
        """Figures of pictures by number, read a batch at a time. numbers: int (n,), n >= 1."""
        found, total = list[Measured](), 0.0
        for start in range(0, len(numbers), EVALUATION_BATCH):
            context.look(start, len(numbers))
            some, _ = self.of(pixels.rows(numbers[start : start + EVALUATION_BATCH]))
            found.append(some)
            total = total + some.each.sum(0)
        nats, kl, squared, means = (
            np.concatenate(parts)
            for parts in zip(*((one.reconstruction, one.kl, one.squared, one.means) for one in found), strict=True)
        )
        return Measured(nats, kl, squared, np.asarray(total) / len(numbers), means)


def figures(found: Measured, likelihood: str, shape: Any) -> dict[str, float]:
    """Means over pictures: nats, and the root of the mean squared error in steps of 0..255."""
    said = {
        "elbo": float(found.elbo.mean()),
        "reconstruction": float(found.reconstruction.mean()),
        "kl": float(found.kl.mean()),
        "pixel_rmse": float(np.sqrt(found.squared.mean())),
    }
    if likelihood == "logistic":
        said["bits_per_value"] = bits_per_value(said["elbo"], shape)
    return said


def error_judge() -> Judge:
    """Compares by how far pictures given back are from those given. Predictions: mean squared errors float (n,)."""
    return Judge("grey levels of error", "min", lambda squared, rows: float(np.sqrt(squared[rows].mean())))


def latent_output(each: np.ndarray) -> Output:
    """The nats that each latent number carries, most first."""
    order = np.argsort(-each, kind="stable")
    rows = [[rank, int(i) + 1, float(each[i])] for rank, i in enumerate(order.tolist(), 1)]
    title = f"What each number tells of a picture: {int((each >= ACTIVE_FROM).sum())} of {len(each)} are in use"
    return Table(title=title, columns=["axis", "number", "nats"], rows=rows[:100], count=len(rows))


def carried(model: Vae, pixels: np.ndarray) -> np.ndarray:
    """Nats that each latent number carries over pictures uint8 (n, height, width, channels): float64 (latent,)."""
    means, logs = model.encoded(tf.constant(pixels, tf.float32))
    return np.asarray(divergence(means, logs), np.float64).mean(0)
