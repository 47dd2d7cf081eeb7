"""Turns pictures in memory into the batches of a training, each a function of the seed and its step alone."""

import base64
from typing import Any

import numpy as np
import tensorflow as tf

from shared.errors import DatasetInvalid, Problem
from worker.families.classification import balanced_class_weights
from worker.families.images.augment import Augmentation, augment
from worker.families.images.reading import Pictures
from worker.families.images.splitting import Split
from worker.recipe import Data

AUTO_STEPS, AUTO_EPOCHS = 1_500, (5, 100)  # guess: what small networks here need to settle
EVALUATION_BATCH = 256
shuffle = tf.random.experimental.stateless_shuffle  # pyright: ignore[reportAttributeAccessIssue]
plain = tf.autograph.experimental.do_not_convert  # AutoGraph leaves files behind in a process that is killed
SHOWN = 12  # validation pictures kept in the assets to show predictions on


class PictureData(Data):
    """A PictureData's batches are (float32 pixels 0..255, smoothed one-hot labels[, weights])."""

    def __init__(self, pictures: Pictures, split: Split, params: Any):
        self.pictures, self.split, self._params = pictures, split, params
        classes = len(pictures.classes)
        counts = np.bincount(pictures.labels[split.train], minlength=classes)
        _refuse_unusable(pictures.classes, counts)
        self.batch_size = min(params.batch_size, len(split.train))
        self.steps_per_epoch = len(split.train) // self.batch_size  # what is left over differs from epoch to epoch
        low, high = AUTO_EPOCHS
        epochs = params.epochs or min(max(round(AUTO_STEPS / self.steps_per_epoch), low), high)
        self.total_steps = epochs * self.steps_per_epoch
        self.notes = list(split.notes)
        if split.val_is_test:
            self.notes.append("the test part is also watched during training; its final figure is slightly optimistic")
        self._weights = balanced_class_weights(counts.tolist()) if params.class_weights == "balanced" else None
        self.augmentation = augmentation_of(params, colour=pictures.pixels.shape[-1] == 3)
        self.assets = self._assets(counts, epochs)
        with tf.device("/cpu:0"):  # held once, beside the GPU rather than on it; pipelines capture it without a copy
            self._pixels = tf.constant(pictures.pixels)
            self._labels = tf.constant(pictures.labels)

    def _assets(self, counts: np.ndarray, epochs: int) -> dict[str, Any]:
        pixels, split = self.pictures.pixels, self.split
        mean, std = pixel_moments(pixels[split.train])
        rng = np.random.default_rng([self._params.seed, 2])
        shown = np.sort(rng.permutation(split.val)[:SHOWN])
        return {
            "classes": self.pictures.classes,
            "shape": list(pixels.shape[1:]),
            "mean": mean,
            "std": std,
            "pictures": {"train": len(split.train), "val": len(split.val), "test": len(split.test)},
            "per_class": counts.tolist(),
            "epochs": epochs,
            "batch_size": self.batch_size,
            "shown": {
                "pixels": base64.b64encode(pixels[shown].tobytes()).decode(),  # raw: PNG bytes vary with zlib's version
                "labels": self.pictures.labels[shown].tolist(),
            },
        }

    def train(self, start_step: int) -> tf.data.Dataset:
        seed, batch, steps = self._params.seed, self.batch_size, self.steps_per_epoch
        indices = tf.constant(self.split.train)
        classes, smoothing = len(self.pictures.classes), self._params.label_smoothing
        weights = None if self._weights is None else tf.constant(self._weights, tf.float32)

        @plain
        def epoch(number: Any) -> tf.data.Dataset:
            order = shuffle(indices, seed=tf.stack([seed, number]))
            return tf.data.Dataset.from_tensor_slices(tf.reshape(order[: steps * batch], (steps, batch)))

        @plain
        def make(step: Any, chosen: Any) -> Any:
            x = tf.cast(tf.gather(self._pixels, chosen), tf.float32)
            x = augment(x, tf.stack([seed + 1, step]), self.augmentation)
            labels = tf.gather(self._labels, chosen)
            y = tf.one_hot(labels, classes) * (1.0 - smoothing) + smoothing / classes
            x = tf.ensure_shape(x, (batch, *self.pictures.pixels.shape[1:]))
            return (x, y) if weights is None else (x, y, tf.gather(weights, labels))

        first, skipped = divmod(start_step, steps)
        epochs = tf.data.Dataset.range(first, self.total_steps // steps)
        batches = epochs.flat_map(epoch).skip(skipped).enumerate(start_step)
        return batches.map(make, tf.data.AUTOTUNE, deterministic=True)

    def validation(self) -> tf.data.Dataset | None:
        chosen = self.split.val
        if not len(chosen):
            return None
        classes = len(self.pictures.classes)

        @plain
        def make(part: Any) -> Any:
            x = tf.cast(tf.gather(self._pixels, part), tf.float32)
            return x, tf.one_hot(tf.gather(self._labels, part), classes)

        batches = tf.data.Dataset.from_tensor_slices(chosen).batch(EVALUATION_BATCH)
        return batches.map(make, tf.data.AUTOTUNE, deterministic=True)


def augmentation_of(params: Any, *, colour: bool) -> Augmentation:
    """Read a recipe's flip, rotation (degrees), translation and zoom."""
    flip = ("horizontal" if colour else "none") if params.flip == "auto" else params.flip
    sideways, upside_down = flip in ("horizontal", "both"), flip == "both"
    return Augmentation(sideways, upside_down, params.rotation, params.translation, params.zoom)


def pixel_moments(pixels: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation per channel, of values 0..1. pixels: uint8 (n, h, w, channels)."""
    mean, std = [], []
    for channel in range(pixels.shape[-1]):
        histogram = np.bincount(pixels[..., channel].ravel(), minlength=256)  # exact, and needs no float copy
        values = np.arange(256) / 255
        middle = float((histogram * values).sum() / histogram.sum())
        spread = float(np.sqrt((histogram * (values - middle) ** 2).sum() / histogram.sum()))
        mean.append(middle)
        std.append(max(spread, 1e-3))
    return mean, std


def _refuse_unusable(classes: list[str], counts: np.ndarray) -> None:
    problems = []
    if len(classes) < 2:
        problems.append(Problem(field="dataset_id", message=f"one class only ({classes[0]}); needs two at least"))
    for name, count in zip(classes, counts, strict=True):
        if not count:
            problems.append(Problem(field="dataset_id", message=f"class {name!r} has no picture to train on"))
    if problems:
        raise DatasetInvalid("; ".join(p.message for p in problems[:5]), problems=problems)
