"""Code of tiny_gan: two networks against each other. Two optimizers in a dict, and one step for both."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from PIL import Image

from shared.outputs import Picture, Table
from tests.support.recipes.tables import read_table
from worker.recipe import Assets, Data, Report

XLA = "slower"
STEPS_PER_EXECUTION = 8
NOISE = 3


class Points(Data):
    """Points of the plane; the last fifth is for validation."""

    def __init__(self, points: np.ndarray, params: Any):
        cut = len(points) * 4 // 5
        self.learnt, self.held = points[:cut].astype(np.float32), points[cut:].astype(np.float32)
        self.params = params
        self.assets = Assets({"mean": points.mean(0).tolist()})
        self.total_steps, self.eval_every = params.steps, params.eval_every
        self.split = {"train": cut, "val": len(points) - cut}
        self.notes = [f"{cut} points to learn from"]

    def train(self, start_step: int) -> tf.data.Dataset:
        """float32 (batch, 2)."""
        points = tf.constant(self.learnt)

        @tf.autograph.experimental.do_not_convert
        def drawn(step: Any) -> Any:
            seed = tf.stack([tf.cast(self.params.seed, tf.int64), step])
            places = tf.random.stateless_uniform([self.params.batch_size], seed, 0, len(self.learnt), tf.int32)
            return (tf.gather(points, places),)

        return tf.data.Dataset.range(start_step, self.total_steps).map(drawn)

    def validation(self) -> None:
        return None


class Gan(keras.Model):
    """Points from noise. Its loss says nothing of how good they are."""

    def __init__(self) -> None:
        super().__init__(name="gan")
        self.maker = keras.Sequential([keras.Input((NOISE,)), layers.Dense(8, "relu"), layers.Dense(2)], name="maker")
        self.judge = keras.Sequential(
            [keras.Input((2,)), layers.Dense(8, "relu"), layers.Dropout(0.2), layers.Dense(1)], name="judge"
        )
        self.noise = keras.random.SeedGenerator(1)
        self.optimizers: dict[str, Any] = {}
        self.built = True

    def compile(self, rate: float, **options: Any) -> None:
        super().compile(optimizer=None, **options)  # pyright: ignore[reportArgumentType]
        self.optimizers = {"judge": keras.optimizers.Adam(rate), "maker": [keras.optimizers.SGD(rate, momentum=0.9)]}
        self.optimizers["judge"].build(self.judge.trainable_variables)
        self.optimizers["maker"][0].build(self.maker.trainable_variables)
        self.seen = {"judge": keras.metrics.Mean(name="judge_loss"), "maker": keras.metrics.Mean(name="maker_loss")}

    def call(self, noise: Any, training: bool = False) -> Any:
        return self.maker(noise, training=training)

    def train_step(self, data: Any) -> dict[str, Any]:
        (true,) = data
        noise = keras.random.normal((tf.shape(true)[0], NOISE), seed=self.noise)
        with tf.GradientTape(persistent=True) as tape:
            made = self.maker(noise, training=True)
            on_true, on_made = self.judge(true, training=True), self.judge(made, training=True)
            judged = tf.reduce_mean(tf.nn.softplus(-on_true)) + tf.reduce_mean(tf.nn.softplus(on_made))
            fooled = tf.reduce_mean(tf.nn.softplus(-on_made))
        for name, loss, optimizer in (
            ("judge", judged, self.optimizers["judge"]),
            ("maker", fooled, self.optimizers["maker"][0]),
        ):
            variables = getattr(self, name).trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)
            self.seen[name].update_state(loss)
        return self.get_metrics_result()

    def points(self, count: int, seed: int) -> np.ndarray:
        """float32 (count, 2); changes nothing."""
        noise = tf.random.stateless_normal((count, NOISE), (seed, 0))
        return np.asarray(self.maker(noise, training=False))


def load(inputs: Any, params: Any, context: Any) -> Points:
    context.check()
    return Points(read_table(inputs["data"].folder, 2, 10), params)


def build(params: Any, assets: Assets, inputs: Any) -> Gan:
    return Gan()


def compile_args(params: Any, assets: Assets) -> dict[str, Any]:
    return {}


def compile(model: Gan, params: Any, assets: Assets, total_steps: int, xla: bool) -> None:
    model.compile(params.learning_rate, jit_compile=xla)


def evaluate(model: Gan, data: Points, look: Any) -> dict[str, float]:
    """How far means and spreads are apart."""
    made = model.points(200, 7)
    look(1)
    apart = np.abs(made.mean(0) - data.held.mean(0)).sum() + np.abs(made.std(0) - data.held.std(0)).sum()
    return {"val_distance": float(apart)}


def sample(model: Gan, params: Any, assets: Assets, *, seed: int, context: Any, files: Any) -> list[Any]:
    grid = np.full((32, 32), 255, np.uint8)
    places = np.clip((model.points(50, seed) * 6 + 16).astype(int), 0, 31)
    grid[places[:, 1], places[:, 0]] = 0
    Image.fromarray(grid).save(files.path("points.png"))
    return [Picture(title="Points", file="points.png")]


def report(model: Gan, data: Points, params: Any, context: Any, files: Any, stages: Any) -> Report:
    context.check()
    return Report({"test_distance": evaluate(model, data, lambda batches: None)["val_distance"]})


class Drawer:
    def __init__(self, model: Gan):
        self.model = model

    def generate(self, params: Any, context: Any, files: Any) -> list[Any]:
        context.check()
        points = self.model.points(params.count, params.seed)
        return [Table(title="Points", columns=["x", "y"], rows=points.astype(float).tolist(), count=len(points))]


def open_generator(model: Gan, params: Any, assets: Assets) -> Drawer:
    return Drawer(model)
