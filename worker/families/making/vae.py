"""A variational autoencoder: a picture to a few numbers and back, all of it by convolutions.

Source: Kingma, Welling 2013, arXiv:1312.6114; beta: Higgins et al. 2017, beta-VAE; warm-up: Bowman et al. 2015, arXiv:1511.06349.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from worker.families.making.likelihood import LogisticWidth, as_pixels, log_likelihood, numbers_per_value

SMALLEST_SIDE = 4  # of the map between encoder and decoder, about
_MOST_LOG_VARIANCE = 8.0
_EVALUATED_WITH = 17  # seed of the noise in evaluations: the same in every one


def sides(height: int, width: int) -> list[tuple[int, int]]:
    """The sizes of a picture as it is halved, from its own to about SMALLEST_SIDE; at least two, unless it is one pixel."""
    found = [(height, width)]
    while max(found[-1]) > SMALLEST_SIDE or (len(found) == 1 and max(found[-1]) > 1):
        found.append((-(-found[-1][0] // 2), -(-found[-1][1] // 2)))
    return found


def encoder(shape: Sequence[int], latent: int, width: int, likelihood: str, mean: Any, std: Any) -> keras.Model:
    """From pixels 0..255 (batch, height, width, channels) to means and logarithms of variances, (batch, 2 * latent)."""
    x = pixels = keras.Input(tuple(shape), name="pixels")
    scale: Any = [1 / (255 * s) for s in std]
    offset: Any = [-m / s for m, s in zip(mean, std, strict=True)]
    x = layers.Rescaling(scale, offset)(x)
    for stage in range(1, len(sides(*shape[:2]))):
        x = layers.Conv2D(channels_of(width, stage), 4, 2, "same", activation="relu", kernel_initializer="he_normal")(x)
    x = layers.Dense(2 * latent, dtype="float32", name="latent")(layers.Flatten()(x))
    return keras.Model(pixels, x, name="encoder")


def decoder(shape: Sequence[int], latent: int, width: int, likelihood: str) -> keras.Model:
    """From latent numbers (batch, latent) to what is said of each value, float32 (batch, height, width, numbers * channels)."""
    steps = sides(*shape[:2])
    x = latents = keras.Input((latent,), name="latents")
    channels = channels_of(width, len(steps) - 1)
    x = layers.Dense(steps[-1][0] * steps[-1][1] * channels, activation="relu", kernel_initializer="he_normal")(x)
    x = layers.Reshape((*steps[-1], channels))(x)
    for stage in reversed(range(1, len(steps) - 1)):
        x = layers.Conv2DTranspose(
            channels_of(width, stage), 4, 2, "same", activation="relu", kernel_initializer="he_normal"
        )(x)
        x = cropped(x, steps[stage])
    if len(steps) > 1:
        x = cropped(layers.Conv2DTranspose(shape[2], 4, 2, "same", dtype="float32", name="said")(x), steps[0])
    else:
        x = layers.Conv2D(shape[2], 1, dtype="float32", name="said")(x)
    if numbers_per_value(likelihood) == 2:
        x = LogisticWidth(dtype="float32", name="width")(x)
    return keras.Model(latents, x, name="decoder")


def channels_of(width: int, stage: int) -> int:
    """Those of a stage's map, which is 2**stage times smaller than the picture."""
    return width * 2 ** min(max(stage - 1, 0), 3)


def cropped(x: Any, size: tuple[int, int]) -> Any:
    """Without the rows and columns that doubling an odd side has left too many."""
    spare = x.shape[1] - size[0], x.shape[2] - size[1]
    return layers.Cropping2D(((0, spare[0]), (0, spare[1])))(x) if any(spare) else x


class Vae(keras.Model):
    """Both halves, and how they learn together. Called, it gives pictures back as it would draw them, without chance.

    beta: weight of the KL divergence; over the first warm_steps steps it rises from 0.
    """

    def __init__(self, encoder: keras.Model, decoder: keras.Model, likelihood: str, beta: float, warm_steps: int):
        super().__init__(name="vae")
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        self.beta, self.warm_steps = beta, warm_steps
        self.noise = keras.random.SeedGenerator()  # from the seed that build_model() sets
        self.seen = [keras.metrics.Mean(name=name) for name in ("reconstruction", "kl", "elbo")]
        self.built = True

    def call(self, pixels: Any, training: bool = False) -> Any:
        means, _ = self.encoded(pixels, training=training)
        return as_pixels(self.likelihood, self.decoder(means, training=training))

    def encoded(self, pixels: Any, training: bool = False) -> tuple[Any, Any]:
        """Means and logarithms of variances of the latent numbers, (batch, latent) each."""
        means, logs = tf.split(self.encoder(pixels, training=training), 2, axis=-1)
        return means, tf.clip_by_value(logs, -2 * _MOST_LOG_VARIANCE, _MOST_LOG_VARIANCE)

    def drawn(self, latents: Any) -> Any:
        """The pictures that latent numbers (batch, latent) stand for, float32 0..255."""
        return as_pixels(self.likelihood, self.decoder(latents, training=False))

    def bounds(self, pixels: Any, noise: Any, training: bool = False) -> tuple[Any, Any]:
        """(log-likelihood of each picture given one draw of its latent numbers, KL divergence from the prior), in nats (batch,).

        noise: standard normal (batch, latent).
        """
        means, logs = self.encoded(pixels, training=training)
        said = self.decoder(means + noise * tf.exp(0.5 * logs), training=training)
        return log_likelihood(self.likelihood, said, pixels), tf.reduce_sum(divergence(means, logs), -1)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Mean over the batch of reconstruction and weighted divergence, in nats. Keras' own steps call it."""
        shape = (tf.shape(x)[0], self.decoder.input_shape[-1])
        noise = keras.random.normal(shape, seed=self.noise if training else _EVALUATED_WITH)
        likely, apart = self.bounds(x, noise, training=training)
        for tracker, values in zip(self.seen, (-likely, apart, likely - apart), strict=True):
            tracker.update_state(values)
        return tf.reduce_mean(self._weight(training) * apart - likely)

    def _weight(self, training: bool) -> Any:
        if not training or not self.warm_steps:
            return self.beta
        optimizer: Any = self.optimizer
        step = tf.cast(tf.convert_to_tensor(getattr(optimizer, "inner_optimizer", optimizer).iterations), tf.float32)
        return self.beta * tf.minimum((step + 1.0) / self.warm_steps, 1.0)

    def train_step(self, data: Any) -> Any:
        """Keras' own, but for the forward pass that compute_loss() makes by itself."""
        (pixels,) = data if isinstance(data, tuple) else (data,)
        with tf.GradientTape() as tape:
            loss = self.compute_loss(pixels, training=True)
            self._loss_tracker.update_state(loss, sample_weight=tf.shape(pixels)[0])
            scaled = self.optimizer.scale_loss(loss)
        weights = self.trainable_weights
        self.optimizer.apply(tape.gradient(scaled, weights), weights)
        return self.get_metrics_result()

    def test_step(self, data: Any) -> Any:
        (pixels,) = data if isinstance(data, tuple) else (data,)
        loss = self.compute_loss(pixels, training=False)
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(pixels)[0])
        return self.get_metrics_result()


def divergence(means: Any, logs: Any) -> Any:
    """KL divergence of each latent number's normal distribution from the standard one, in nats (batch, latent)."""
    return 0.5 * (tf.square(means) + tf.exp(logs) - 1.0 - logs)


def vae(
    shape: Sequence[int], latent: int, width: int, likelihood: str, beta: float, warm_steps: int, mean: Any, std: Any
) -> Vae:
    """shape: (height, width, channels). width: channels of the first stage. mean, std: of values 0..1."""
    return Vae(
        encoder(shape, latent, width, likelihood, mean, std),
        decoder(shape, latent, width, likelihood),
        likelihood, beta, warm_steps,
    )  # fmt: skip
