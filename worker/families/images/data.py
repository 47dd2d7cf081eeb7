"""Turns pictures into the batches of a training, each a function of the seed and its step alone.

Pixels are read as they are needed; in memory are a label, a digest and two sums of each picture, and a few batches.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from shared.datasets.pictures.reading import PictureList
from shared.errors import DatasetInvalid, Problem
from worker.context import Context
from worker.families.classification import balanced_class_weights
from worker.families.images.augment import Augmentation, augment
from worker.families.images.backbone import said_of, side_upon
from worker.families.images.epochs import READERS, batches_by_epoch, plain
from worker.families.images.pixels import Pixels, prepare
from worker.families.images.splitting import split_pictures
from worker.families.images.strength import Strength
from worker.recipe import Assets, Data, Inputs, OpenInput

AUTO_STEPS, AUTO_EPOCHS = 3_000, (8, 100)  # benchmarks/RESULTS.md, image_classifier
AUTO_UPON_BACKBONE = 300, (3, 30)  # guess: what has learnt to see already needs less
EVALUATION_BATCH = 256
SHOWN = 12  # validation pictures kept in the assets to show predictions on


class PictureData(Data):
    """Batches are (float32 pixels 0..255, smoothed one-hot labels[, weights]).

    places: numbers of the pictures of each part. labels: int64 (pictures,). classes: their names.
    """

    def __init__(self, pictures: PictureList, pixels: Pixels, params: Any, base: OpenInput | None = None):
        self._params, self.pixels = params, pixels
        self.names, self.classes = pictures.names, pictures.classes
        self.labels = _labels(pictures)
        divided = split_pictures(pictures.parts, self.labels, pixels.digests, params.validation_fraction, params.seed)
        self.places = {"train": divided.train, "val": divided.val, "test": divided.test}
        self.split = {part: len(places) for part, places in self.places.items()}
        counts = np.bincount(self.labels[divided.train], minlength=len(self.classes))
        _refuse_unusable(self.classes, counts)
        self.batch_size = min(params.batch_size, len(divided.train))
        self.steps_per_epoch = len(divided.train) // self.batch_size  # what is left over differs from epoch to epoch
        steps, (low, high) = AUTO_UPON_BACKBONE if base else (AUTO_STEPS, AUTO_EPOCHS)
        epochs = params.epochs or min(max(round(steps / self.steps_per_epoch), low), high)
        self.total_steps = epochs * self.steps_per_epoch
        self.notes = list(divided.notes)
        if divided.val_is_test:
            self.notes.append("the test part is also watched during training; its final figure is slightly optimistic")
        self._weights = balanced_class_weights(counts.tolist()) if params.class_weights == "balanced" else None
        self.augmentation = augmentation_of(params, colour=pixels.shape[-1] == 3)
        self.steering = self._strength = Strength(params.augmentation, "accuracy", watched=len(self.places["val"]) > 0)
        self.assets = self._assets()

    def _assets(self) -> Assets:
        mean, std = self.pixels.moments(self.places["train"])
        rng = np.random.default_rng([self._params.seed, 2])
        shown = np.sort(rng.permutation(self.places["val"])[:SHOWN])
        return Assets(
            {
                "classes": self.classes,
                "shape": list(self.pixels.shape),
                "mean": mean,
                "std": std,
                "shown_labels": self.labels[shown].tolist(),
            },
            {"shown": self.pixels.rows(shown)},
        )

    def _read(self, chosen: Any) -> Any:
        """Inside a pipeline: float32 pixels of the pictures chosen, int64 (n,)."""
        x = tf.numpy_function(self.pixels.rows, [chosen], tf.uint8)
        return tf.cast(tf.ensure_shape(x, (None, *self.pixels.shape)), tf.float32)

    def train(self, start_step: int) -> tf.data.Dataset:
        seed, batch = self._params.seed, self.batch_size
        all_labels = tf.constant(self.labels)
        classes, smoothing = len(self.classes), self._params.label_smoothing
        weights = None if self._weights is None else tf.constant(self._weights, tf.float32)
        augmentation = self.augmentation.scaled(self._strength.share)

        def make(step: Any, chosen: Any) -> Any:
            x = augment(self._read(chosen), tf.stack([seed + 1, step]), augmentation)
            labels = tf.gather(all_labels, chosen)
            y = tf.one_hot(labels, classes) * (1.0 - smoothing) + smoothing / classes
            x = tf.ensure_shape(x, (batch, *self.pixels.shape))
            return (x, y) if weights is None else (x, y, tf.gather(weights, labels))

        return batches_by_epoch(
            self.places["train"],
            make,
            batch=batch,
            steps=self.steps_per_epoch,
            total_steps=self.total_steps,
            seed=seed,
            start_step=start_step,
        )

    def validation(self) -> tf.data.Dataset | None:
        chosen = self.places["val"]
        if not len(chosen):
            return None
        classes, all_labels = len(self.classes), tf.constant(self.labels)

        @plain
        def make(part: Any) -> Any:
            return self._read(part), tf.one_hot(tf.gather(all_labels, part), classes)

        batches = tf.data.Dataset.from_tensor_slices(chosen).batch(EVALUATION_BATCH)
        return batches.map(make, READERS, deterministic=True)


def augmentation_of(params: Any, *, colour: bool) -> Augmentation:
    """Read a recipe's flip, rotation (degrees), translation and zoom."""
    flip = ("horizontal" if colour else "none") if params.flip == "auto" else params.flip
    sideways, upside_down = flip in ("horizontal", "both"), flip == "both"
    return Augmentation(sideways, upside_down, params.rotation, params.translation, params.zoom)


def _labels(pictures: PictureList) -> np.ndarray:
    """int64 (n,). Raises DatasetInvalid where pictures have no class."""
    without = [name for name, label in zip(pictures.names, pictures.labels, strict=True) if label is None]
    if without:
        message = (
            f"{len(without)} pictures have no class, first {without[0]}: put each into a folder named after its class"
        )
        raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message, file=without[0])])
    return np.array(pictures.labels, dtype=np.int64)


def _refuse_unusable(classes: list[str], counts: np.ndarray) -> None:
    problems = []
    if len(classes) < 2:
        problems.append(Problem(field="inputs.data", message=f"one class only ({classes[0]}); needs two at least"))
    for name, count in zip(classes, counts, strict=True):
        if not count:
            problems.append(Problem(field="inputs.data", message=f"class {name!r} has no picture to train on"))
    if problems:
        raise DatasetInvalid("; ".join(p.message for p in problems[:5]), problems=problems)


def load_pictures(inputs: Inputs, params: Any, context: Context) -> PictureData:
    """Read, deduplicate and split the dataset of format "pictures" or "idx" in the role "data"."""
    base = inputs.get("base")
    pictures, pixels = prepare(inputs["data"], side_upon(base, params.image_size), context)
    data = PictureData(pictures, pixels, params, base)
    data.assets.json.update(said_of(base))
    # Pictures of more than 8 bits: those sent to the model later are scaled as these were.
    data.assets.json["levels"] = inputs["data"].dataset.report.facts.get("levels")
    return data
