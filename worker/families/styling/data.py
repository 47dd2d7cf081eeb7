"""Pictures as batches of squares, mirrored at random, each a function of the seed and its step alone; and the style they learn."""

from typing import Any

import numpy as np
import tensorflow as tf

from shared.datasets.pictures.reading import PictureList
from shared.recipes.style_transfer import StyleTransferTrain
from worker.context import Context
from worker.families.images.baselines import spread
from worker.families.images.epochs import READERS_OF_LARGE, plain
from worker.families.images.pixels import Pixels, prepare
from worker.families.images.splitting import split_pictures
from worker.families.styling.features import Features, features_of
from worker.families.styling.losses import style_of
from worker.families.styling.pictures import style_pictures
from worker.recipe import Assets, Data, Inputs

AUTO_EVALUATIONS = 20
SHOWN = 3  # validation pictures kept in the assets to show stylised
_VALIDATED, _EVALUATION_BATCH = 16, 4  # pictures of an evaluation, so that its time is bounded


class StylingData(Data):
    """Batches are float32 pixels 0..255 (batch, side, side, 3). places: numbers of the pictures of each part.

    styles: uint8 (height, width, 3) each. features, style: what they are seen by, and as.
    """

    def __init__(
        self,
        pictures: PictureList,
        pixels: Pixels,
        styles: list[np.ndarray],
        features: Features,
        params: StyleTransferTrain,
    ):
        self._params, self.pixels, self.styles, self.names = params, pixels, styles, pictures.names
        self.features, self.style = features, style_of(features, styles)
        same = np.zeros(len(pictures.names), np.int64)
        divided = split_pictures(pictures.parts, same, pixels.digests, params.validation_fraction, params.seed)
        self.places = {"train": divided.train, "val": divided.val, "test": divided.test}
        self.split = {part: len(places) for part, places in self.places.items()}
        self.notes = list(divided.notes)
        self.total_steps = params.steps
        self.eval_every = params.eval_every or max(params.steps // AUTO_EVALUATIONS, 1)

    def measured(self, part: str) -> np.ndarray:
        """Numbers of a part's pictures that are measured, all or some of them evenly."""
        return self.places[part][spread(len(self.places[part]), _VALIDATED)]

    def rows(self, numbers: np.ndarray) -> np.ndarray:
        """uint8 (n, side, side, 3); grey pictures as colour ones."""
        found = self.pixels.rows(numbers)
        return found if found.shape[-1] == 3 else np.repeat(found, 3, -1)

    def _draw(self, step: np.int64) -> np.ndarray:
        rng = np.random.default_rng([self._params.seed, 1, int(step)])
        train, batch = self.places["train"], self._params.batch_size
        found = self.rows(train[rng.integers(0, len(train), batch)])
        mirrored = rng.integers(0, 2, batch) == 1
        found[mirrored] = found[mirrored, :, ::-1]
        return found

    def _shaped(self, pixels: Any, count: int | None) -> Any:
        return tf.cast(tf.ensure_shape(pixels, (count, *self.pixels.shape[:2], 3)), tf.float32)

    def train(self, start_step: int) -> tf.data.Dataset:
        @plain
        def make(step: Any) -> Any:
            return self._shaped(tf.numpy_function(self._draw, [step], tf.uint8), self._params.batch_size)

        steps = tf.data.Dataset.range(start_step, self.total_steps)
        return steps.map(make, READERS_OF_LARGE, deterministic=True).prefetch(2)

    def validation(self) -> tf.data.Dataset | None:
        places = self.measured("val")
        if not len(places):
            return None

        @plain
        def make(part: Any) -> Any:
            return self._shaped(tf.numpy_function(self.rows, [part], tf.uint8), None)

        return (
            tf.data.Dataset.from_tensor_slices(places)
            .batch(_EVALUATION_BATCH)
            .map(make, READERS_OF_LARGE, deterministic=True)
        )


def load_styling(inputs: Inputs, params: StyleTransferTrain, context: Context) -> StylingData:
    """Read and split the pictures, and see what the style is. Raises DatasetInvalid, RecipeFailed, InputMissing."""
    styles = style_pictures(params.style, params.style_size, context)
    pictures, pixels = prepare(inputs["data"], params.image_size, context)
    data = StylingData(pictures, pixels, styles, features_of(inputs["base"]), params)
    places = data.places["val"] if len(data.places["val"]) else data.places["train"]
    shown = places[spread(len(places), SHOWN)]
    json = {
        "levels": inputs["data"].dataset.report.facts.get("levels"),
        "styles": len(styles),
        "shown": [data.names[i] for i in shown.tolist()],
    }
    arrays = data.style.arrays() | {"shown": data.rows(shown)}
    data.assets = Assets(json, arrays | {f"painting_{i}": style for i, style in enumerate(styles)})
    return data
