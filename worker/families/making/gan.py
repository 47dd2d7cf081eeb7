"""Two networks against each other: one makes pictures out of numbers drawn at random, one tells them from real ones.

Convolutions as of DCGAN (Radford et al. 2015, arXiv:1511.06434), the hinge loss (Lim, Ye 2017, arXiv:1705.02894), spectral
normalisation of the one that tells (Miyato et al. 2018, arXiv:1802.05957), classes by projection (Miyato, Koyama 2018,
arXiv:1802.05637), a learning rate for each (Heusel et al. 2017, arXiv:1706.08500). Source: Goodfellow et al. 2014, arXiv:1406.2661.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from worker.families.averaging import averaged_copy, keep_average
from worker.families.images.networks import FusedBatchNorm
from worker.families.making.grid import as_bytes
from worker.families.making.vae import channels_of, cropped, sides

AT_ONCE = 64  # pictures made side by side
_SLOPE = 0.2  # of leaky rectifiers below zero: Radford et al.
_BN_MOMENTUM = 0.95
_BETA_1, _BETA_2 = 0.5, 0.999  # of both optimizers: Radford et al.


def maker(shape: Sequence[int], latent: int, classes: int, width: int) -> keras.Model:
    """From ((batch, latent), classes (batch,) where there are some) to pictures -1..1, float32 (batch, *shape)."""
    steps = sides(*shape[:2])
    x = drawn = keras.Input((latent,), name="drawn")
    inputs = [drawn]
    if classes:
        of = keras.Input((), dtype="int32", name="of")
        inputs.append(of)
        x = layers.Concatenate()([x, layers.Embedding(classes, latent)(of)])
    channels = channels_of(width, len(steps) - 1)
    x = layers.Dense(steps[-1][0] * steps[-1][1] * channels, use_bias=False)(x)
    x = _normed(layers.Reshape((*steps[-1], channels))(x))
    for stage in reversed(range(1, len(steps) - 1)):
        x = layers.Conv2DTranspose(channels_of(width, stage), 4, 2, "same", use_bias=False)(x)
        x = _normed(cropped(x, steps[stage]))
    if len(steps) > 1:
        x = cropped(layers.Conv2DTranspose(shape[2], 4, 2, "same", dtype="float32")(x), steps[0])
    else:
        x = layers.Conv2D(shape[2], 1, dtype="float32")(x)
    return keras.Model(inputs, layers.Activation("tanh", dtype="float32")(x), name="maker")


def _normed(x: Any) -> Any:
    return layers.ReLU()(FusedBatchNorm(momentum=_BN_MOMENTUM)(x))


def judge(shape: Sequence[int], classes: int, width: int) -> keras.Model:
    """From (pictures -1..1, classes (batch,) where there are some) to how real they seem, float32 (batch,)."""
    pictures = keras.Input(tuple(shape), name="pictures")
    x: Any = pictures
    for stage in range(1, len(sides(*shape[:2]))):
        x = layers.SpectralNormalization(layers.Conv2D(channels_of(width, stage), 4, 2, "same"))(x)
        x = layers.LeakyReLU(_SLOPE)(x)
    x = layers.Flatten()(x)
    seems = layers.SpectralNormalization(layers.Dense(1, dtype="float32"))(x)
    inputs = [pictures]
    if classes:
        of = keras.Input((), dtype="int32", name="of")
        inputs.append(of)
        as_class = layers.Embedding(classes, x.shape[-1], embeddings_initializer="glorot_uniform")(of)
        seems = layers.Add(dtype="float32")([seems, layers.Dot(1, dtype="float32")([x, as_class])])
    return keras.Model(inputs, layers.Reshape(())(seems), name="judge")


class Gan(keras.Model):
    """Both networks, and the running average of the maker's weights, which is the one that is used.

    classes: how many it knows, 0 for none. momentum: of the average.
    """

    def __init__(
        self, maker: keras.Model, again: keras.Model, judge: keras.Model, shape: Any, classes: int, momentum: float
    ):
        super().__init__(name="gan")
        self.maker, self.average, self.judge = maker, averaged_copy(maker, again), judge
        self.shape, self.classes, self.momentum = tuple(shape), classes, momentum
        self.latent = int(maker.inputs[0].shape[-1])
        self.drawing = keras.random.SeedGenerator()  # from the seed that build_model() sets
        self.rivals: dict[str, keras.optimizers.Optimizer] = {}
        self.built = True

    def compile(self, rate: float, judge_rate: float, **options: Any) -> None:
        super().compile(optimizer=None, **options)  # pyright: ignore[reportArgumentType]
        self.rivals = {
            "judge": keras.optimizers.Adam(judge_rate, _BETA_1, _BETA_2, name="judge_optimizer"),
            "maker": keras.optimizers.Adam(rate, _BETA_1, _BETA_2, name="maker_optimizer"),
        }
        self.rivals["judge"].build(self.judge.trainable_variables)
        self.rivals["maker"].build(self.maker.trainable_variables)
        self.seen = {name: keras.metrics.Mean(name=f"{name}_loss") for name in self.rivals}

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Pictures -1..1 that the average makes: inputs as of the maker."""
        return self.average(inputs, training=False)

    def train_step(self, data: Any) -> Any:
        """One step of the judge, then one of the maker against the judge as it is now, with numbers drawn anew."""
        pixels, of = data if len(data) == 2 else (data[0], None)
        real, count = pixels / 127.5 - 1.0, tf.shape(pixels)[0]
        classes = [of] if self.classes else []

        def drawn() -> list[Any]:
            return [keras.random.normal((count, self.latent), seed=self.drawing), *classes]

        made = self.maker(drawn(), training=True)
        with tf.GradientTape() as tape:
            on_real: Any = self.judge([real, *classes], training=True)
            on_made: Any = self.judge([made, *classes], training=True)
            judged = tf.reduce_mean(tf.nn.relu(1.0 - on_real)) + tf.reduce_mean(tf.nn.relu(1.0 + on_made))
        self._learn("judge", tape, judged, self.judge.trainable_variables)
        with tf.GradientTape() as tape:
            seems: Any = self.judge([self.maker(drawn(), training=True), *classes], training=False)
            fooled = -tf.reduce_mean(seems)
        self._learn("maker", tape, fooled, self.maker.trainable_variables)
        keep_average(self.average, self.maker, tf.convert_to_tensor(self.rivals["maker"].iterations), self.momentum)
        return self.get_metrics_result()

    def _learn(self, name: str, tape: Any, loss: Any, variables: list[Any]) -> None:
        self.rivals[name].apply(tape.gradient(loss, variables), variables)
        self.seen[name].update_state(loss)

    def pictures(self, numbers: Any, of: np.ndarray, check: Any) -> np.ndarray:
        """uint8 (n, height, width, channels). numbers: float32 (n, latent). of: classes, int (n,)."""
        found = []
        for start in range(0, len(of), AT_ONCE):
            check()
            part = [numbers[start : start + AT_ONCE]]
            part += [tf.constant(of[start : start + AT_ONCE], tf.int32)] if self.classes else []
            made: Any = self(part, training=False)
            found.append(as_bytes((made.numpy() + 1.0) * 127.5))
        return np.concatenate(found)


def gan(shape: Sequence[int], latent: int, classes: int, width: int, momentum: float) -> Gan:
    """shape: (height, width, channels). width: channels of both networks where a picture was halved once."""
    one, again = (maker(shape, latent, classes, width) for _ in range(2))
    return Gan(one, again, judge(shape, classes, width), shape, classes, momentum)
