"""Pictures that a maker learns from, as batches that are functions of the seed and their step alone.

Pixels are read as they are needed; see worker/families/images/pixels.py.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from shared.datasets.pictures.reading import PictureList
from shared.errors import DatasetInvalid, Problem
from shared.recipes.making import FEWEST
from worker.context import Context
from worker.families.images.epochs import READERS, batches_by_epoch, plain
from worker.families.images.pixels import Pixels, prepare
from worker.families.images.splitting import split_pictures
from worker.recipe import Assets, Data, Inputs

EVALUATION_BATCH = 256
MOST_EVALUATIONS = 50  # of a training that has more epochs
SHOWN = 64  # pictures held out that the assets keep, to show and to order latent numbers by


class MakingData(Data):
    """Batches are (float32 pixels 0..255,), with by_class (pixels, int32 numbers of classes).

    places: numbers of the pictures of each part. classes: their names, [] where not every picture has one of two or more; labels:
    int64 (pictures,), 0 where there are none. auto: (steps, fewest epochs, most epochs) where the params leave it open.
    """

    def __init__(
        self, pictures: PictureList, pixels: Pixels, params: Any, *, auto: tuple[int, int, int], by_class: bool = False
    ):
        self._params, self.pixels, self.seed = params, pixels, params.seed
        self.judging: dict[str, Any] = {}  # by part: judging.py
        self.names = pictures.names
        known = len(pictures.classes) > 1 and None not in pictures.labels
        self.classes = pictures.classes if known else []
        self.by_class = by_class and known
        self.labels = np.array(pictures.labels if known else [0] * len(pictures), np.int64)
        alike = np.zeros(len(pictures), np.int64)  # no class is held out from by itself: some have one picture
        divided = split_pictures(pictures.parts, alike, pixels.digests, params.validation_fraction, params.seed)
        self.places = {"train": divided.train, "val": divided.val, "test": divided.test}
        self.split = {part: len(places) for part, places in self.places.items()}
        if len(divided.train) < FEWEST - 1 or sum(self.split.values()) < FEWEST:
            message = (
                f"{sum(self.split.values())} picture is left without duplicates; needs {FEWEST} different ones at least"
            )
            raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])
        self.notes = list(divided.notes)
        if divided.val_is_test:
            self.notes.append("the test part is also watched during training; its final figure is slightly optimistic")
        self.batch_size = min(params.batch_size, len(divided.train))
        self.steps_per_epoch = len(divided.train) // self.batch_size  # what is left over differs from epoch to epoch
        steps, low, high = auto
        epochs = params.epochs or min(max(round(steps / self.steps_per_epoch), low), high)
        self.total_steps = epochs * self.steps_per_epoch
        self.eval_every = -(-epochs // MOST_EVALUATIONS) * self.steps_per_epoch if epochs > MOST_EVALUATIONS else 0
        mean, std = pixels.moments(self.places["train"])
        rng = np.random.default_rng([params.seed, 2])
        held = self.places["val"] if len(self.places["val"]) else self.places["train"]
        self.shown = np.sort(rng.permutation(held)[:SHOWN])
        self.assets = Assets(
            {"shape": list(pixels.shape), "mean": mean, "std": std}, {"shown": pixels.rows(self.shown)}
        )

    def _read(self, chosen: Any) -> Any:
        x = tf.numpy_function(self.pixels.rows, [chosen], tf.uint8)
        return tf.cast(tf.ensure_shape(x, (None, *self.pixels.shape)), tf.float32)

    def _element(self, x: Any, chosen: Any) -> Any:
        return (x, tf.cast(tf.gather(tf.constant(self.labels), chosen), tf.int32)) if self.by_class else (x,)

    def train(self, start_step: int) -> tf.data.Dataset:
        seed, batch = self._params.seed, self.batch_size
        mirrored = self._params.flip == "horizontal"

        def make(step: Any, chosen: Any) -> Any:
            x = tf.ensure_shape(self._read(chosen), (batch, *self.pixels.shape))
            if mirrored:
                draws: Any = tf.random.stateless_uniform((batch, 1, 1, 1), tf.stack([seed + 1, step]))
                x = tf.where(draws < 0.5, tf.reverse(x, [2]), x)
            return self._element(x, chosen)

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

        @plain
        def make(part: Any) -> Any:
            return self._element(self._read(part), part)

        batches = tf.data.Dataset.from_tensor_slices(chosen).batch(EVALUATION_BATCH)
        return batches.map(make, READERS, deterministic=True)


def load_making(inputs: Inputs, params: Any, context: Context, **how: Any) -> MakingData:
    """Read, deduplicate and split the dataset of format "pictures" or "idx" in the role "data". how: of MakingData."""
    pictures, pixels = prepare(inputs["data"], params.image_size, context)
    data = MakingData(pictures, pixels, params, **how)
    # Pictures of more than 8 bits: those sent to the model later are scaled as these were.
    data.assets.json["levels"] = inputs["data"].dataset.report.facts.get("levels")
    return data
