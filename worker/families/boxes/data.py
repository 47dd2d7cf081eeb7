"""Turns pictures with boxes into the batches of a training, each a function of the seed and its step alone."""

from typing import Any

import numpy as np
import tensorflow as tf

from shared.errors import DatasetInvalid, Problem
from worker.context import Context
from worker.families.boxes.augment import Moves, Source, mosaic, piece
from worker.families.boxes.pictures import Boxed, prepare_boxes
from worker.families.images.augment import recoloured
from worker.families.images.backbone import said_of
from worker.families.images.epochs import READERS_OF_LARGE, batches_by_epoch
from worker.families.images.splitting import split_pictures
from worker.recipe import Assets, Data, Inputs

AUTO_STEPS = 4_000, (10, 300)  # a guess: what small networks here need to settle; epochs
AUTO_UPON_BACKBONE = 1_500, (5, 100)  # a guess: what has learnt to see already needs less
EVALUATIONS = 40  # of a training, at most: each finds the boxes of the whole validation part
SHOWN = 6  # validation pictures kept in the assets to show predictions on
MOST_BOXES = 300  # of a picture that are learnt from, the largest ones
_WITHOUT_MOSAIC = 6  # the last one of so many parts of a training sees pictures as they are


class BoxData(Data):
    """Batches are (float32 pixels 0..255, float32 (batch, boxes, 5)): boxes in pixels and the number of their class, -1 for none.

    places: numbers of the pictures of each part. counts: int64 (pictures, classes), boxes of each.
    """

    def __init__(self, boxed: Boxed, params: Any, upon_backbone: bool):
        self._params, self.boxed = params, boxed
        self.shape, self.classes = boxed.pixels.shape, boxed.classes
        labels = [boxes[:, 4].astype(np.int64) for boxes in boxed.boxes]
        self.counts = np.stack([np.bincount(of, minlength=len(self.classes)) for of in labels])
        rarest = np.array([int(of.max(initial=-1)) for of in labels])  # classes are numbered from the most frequent on
        divided = split_pictures(boxed.parts, rarest, boxed.pixels.digests, params.validation_fraction, params.seed)
        self.places = {"train": divided.train, "val": divided.val, "test": divided.test}
        self.split = {part: len(places) for part, places in self.places.items()}
        totals = self.counts[divided.train].sum(0)
        if not totals.sum():
            message = "no picture to train with has a box"
            raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])
        self.watched = bool(self.counts[divided.val].sum())
        self.batch_size = min(params.batch_size, len(divided.train))
        self.steps_per_epoch = len(divided.train) // self.batch_size
        steps, (low, high) = AUTO_UPON_BACKBONE if upon_backbone else AUTO_STEPS
        epochs = params.epochs or min(max(round(steps / self.steps_per_epoch), low), high)
        self.total_steps = epochs * self.steps_per_epoch
        self.eval_every = self.steps_per_epoch * -(-epochs // EVALUATIONS)
        each = np.sort(self.counts[divided.train].sum(1))
        self.room = int(max(1, min(each[-4:].sum() if params.mosaic else each[-1], MOST_BOXES)))
        sideways, upside_down = params.flip in ("horizontal", "both"), params.flip == "both"
        self.moves = Moves(sideways, upside_down, params.zoom, params.mosaic)
        self.notes = [*divided.notes, *self._notes(totals, each, divided.val_is_test)]
        self.assets = self._assets()

    def _notes(self, totals: np.ndarray, each: np.ndarray, val_is_test: bool) -> list[str]:
        notes = []
        if missing := [name for name, total in zip(self.classes, totals, strict=True) if not total]:
            notes.append(f"nothing to learn from about {', '.join(missing[:8])}: no training picture has such a box")
        if few := [name for name, total in zip(self.classes, totals, strict=True) if 0 < total < 10]:
            notes.append(f"hardly anything to learn from about {', '.join(few[:8])}: fewer than 10 boxes in training")
        if (bare := int((each == 0).sum())) > 0:
            notes.append(f"{bare:,} training pictures have no box: learnt from as holding nothing to find")
        if each[-1] > MOST_BOXES:
            notes.append(f"of pictures with more than {MOST_BOXES} boxes the {MOST_BOXES} largest are learnt from")
        if len(self.places["val"]) and not self.watched:
            notes.append("no validation picture has a box: progress is not watched, and the last state is kept")
        if val_is_test:
            notes.append("the test part is also watched during training; its final figure is slightly optimistic")
        return notes

    def _assets(self) -> Assets:
        mean, std = self.boxed.pixels.moments(self.places["train"])
        rng = np.random.default_rng([self._params.seed, 2])
        shown = np.sort(rng.permutation(self.places["val"])[:SHOWN])
        json = {
            "classes": self.classes,
            "shape": list(self.shape),
            "head": self._params.head,
            "mean": mean,
            "std": std,
            "shown": [self.boxed.names[number] for number in shown.tolist()],
            "shown_fitted": self.boxed.fitted[shown].tolist(),
        }
        return Assets(json, {"shown_pixels": self.boxed.pixels.rows(shown)} if len(shown) else {})

    def source(self, number: int) -> Source:
        """A picture without the grey beside it. number: of the picture."""
        width, height = self.boxed.fitted[number]
        return Source(self.boxed.pixels.rows(np.array([number]))[0, :height, :width], self.boxed.boxes[number])

    def made(self, step: int, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 pixels and boxes of a batch of training pictures, moved as the seed and the step say."""
        train, shape = self.places["train"], self.shape[:2]
        pixels, found = (
            np.empty((len(chosen), *self.shape), np.uint8),
            np.full((len(chosen), self.room, 5), -1, np.float32),
        )
        late = step >= self.total_steps - self.total_steps // _WITHOUT_MOSAIC
        for row, number in enumerate(chosen.tolist()):
            rng = np.random.default_rng([self._params.seed, 3, step, row])
            if rng.random() < self.moves.mosaic and not late:
                others = rng.choice(train, 3).tolist()
                pixels[row], boxes = mosaic([self.source(n) for n in (number, *others)], shape, rng, self.moves)
            else:
                pixels[row], boxes = piece(self.source(number), shape, rng, self.moves)
            if len(boxes) > self.room:
                sizes = np.prod(boxes[:, 2:4] - boxes[:, :2], axis=1)
                boxes = boxes[np.argsort(-sizes, kind="stable")[: self.room]]
            found[row, : len(boxes)] = boxes
        return pixels, found

    def train(self, start_step: int) -> tf.data.Dataset:
        seed, batch = self._params.seed, self.batch_size
        colour = self._params.colour

        def make(step: Any, chosen: Any) -> Any:
            x, y = tf.numpy_function(self.made, [step, chosen], (tf.uint8, tf.float32))
            x = tf.cast(tf.ensure_shape(x, (batch, *self.shape)), tf.float32)
            x = recoloured(x, tf.stack([seed + 1, step]), colour) if colour else x
            return x, tf.ensure_shape(y, (batch, self.room, 5))

        return batches_by_epoch(
            self.places["train"],
            make,
            batch=batch,
            steps=self.steps_per_epoch,
            total_steps=self.total_steps,
            seed=seed,
            start_step=start_step,
            readers=READERS_OF_LARGE,
        )

    def validation(self) -> tf.data.Dataset | None:
        """Nothing: finding boxes is no pass of Keras' own. See measuring.evaluate_boxes."""
        return None


def load_boxes(inputs: Inputs, params: Any, context: Context) -> BoxData:
    """Read and split the dataset of boxes in the role "data"."""
    base = inputs.get("base")
    data = BoxData(prepare_boxes(inputs["data"], params.image_size, params.ignore, context), params, base is not None)
    data.assets.json.update(said_of(base))
    data.assets.json["levels"] = inputs["data"].dataset.report.facts.get("levels")
    return data
