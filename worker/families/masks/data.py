"""Turns pairs of pictures and masks into the batches of a training, each a function of the seed and its step alone.

A batch is crops at drawn places. Validation looks at every pixel once: a picture that is larger than a crop is cut into several.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from shared.bases.backbone import BackboneConfig
from shared.datasets.pairs.storing import NOTHING
from shared.errors import DatasetInvalid, Problem
from worker.context import Context
from worker.families.images.augment import Augmentation
from worker.families.images.backbone import said_of
from worker.families.images.epochs import READERS_OF_LARGE, batches_by_epoch, plain
from worker.families.images.splitting import split_pictures
from worker.families.images.strength import Strength
from worker.families.masks.augment import augment_pairs
from worker.families.masks.networks import STEM_FROM, multiple_of
from worker.families.masks.pairs import MaskPairs, prepare_pairs
from worker.recipe import Assets, Data, Inputs, OpenInput

AUTO_STEPS = 2_000, (10, 100)  # a guess: what small networks here need to settle; epochs
AUTO_UPON_BACKBONE = 600, (5, 60)  # a guess: what has learnt to see already needs less
TILE = 256  # pixels of a crop's side when tile is 0
EVALUATION_BATCH = 8
SHOWN = 6  # validation pictures kept in the assets to show predictions on
_SHOWN_SIDE = 512  # pixels: of larger ones the middle is kept


class MaskData(Data):
    """Batches are (float32 pixels 0..255, uint8 masks; NOTHING is no class).

    places: numbers of the pairs of each part. classes: (name, colour) of those that are learnt. tile: (height, width) of a crop.
    counts: int64 (pairs, classes), pixels of each. remap: uint8 (256,), a class by the value of a stored mask.
    """

    def __init__(self, pairs: MaskPairs, params: Any, base: OpenInput | None):
        self._params, self.pairs = params, pairs
        self.remap, self.classes = _learnt(pairs.classes, params.ignore)
        self.counts = np.stack([pairs.counts[:, self.remap == c].sum(1) for c in range(len(self.classes))], 1)
        same = np.zeros(len(pairs), np.int64)
        divided = split_pictures(pairs.parts, same, pairs.digests, params.validation_fraction, params.seed)
        self.places = {"train": divided.train, "val": divided.val, "test": divided.test}
        self.split = {part: len(places) for part, places in self.places.items()}
        totals = self.counts[divided.train].sum(0)
        _refuse_unusable([name for name, _ in self.classes], totals)
        self.tile, self.halved = tile_of(params, pairs.sizes[divided.train], base.base.backbone if base else None)
        self.batch_size = min(params.batch_size, len(divided.train))
        self.steps_per_epoch = len(divided.train) // self.batch_size
        steps, (low, high) = AUTO_UPON_BACKBONE if base else AUTO_STEPS
        epochs = params.epochs or min(max(round(steps / self.steps_per_epoch), low), high)
        self.total_steps = epochs * self.steps_per_epoch
        self.notes = list(divided.notes)
        if missing := [name for (name, _), total in zip(self.classes, totals, strict=True) if not total]:
            self.notes.append(f"nothing to learn from about {', '.join(missing[:8])}: no training mask shows it")
        if divided.val_is_test:
            self.notes.append("the test part is also watched during training; its final figure is slightly optimistic")
        self.augmentation = Augmentation(
            flip_horizontal=params.flip in ("horizontal", "both"),
            flip_vertical=params.flip == "both",
            rotation=params.rotation,
            zoom=params.zoom,
        )
        self.steering = self._strength = Strength(params.augmentation, "mean_iou", watched=len(self.places["val"]) > 0)
        self.assets = self._assets(class_weights(totals) if params.class_weights == "balanced" else None)

    def _assets(self, weights: np.ndarray | None) -> Assets:
        mean, std = self.pairs.moments(self.places["train"])
        rng = np.random.default_rng([self._params.seed, 2])
        shown = np.sort(rng.permutation(self.places["val"])[:SHOWN])
        json = {
            "classes": [name for name, _ in self.classes],
            "colours": [colour for _, colour in self.classes],
            "tile": list(self.tile),
            "halved": self.halved,
            "channels": self.pairs.channels,
            "image_size": self._params.image_size,
            "mean": mean,
            "std": std,
            "class_weights": None if weights is None else [round(float(weight), 6) for weight in weights],
            "shown": [self.pairs.names[i] for i in shown],
        }
        arrays = {}
        for number, place in enumerate(shown.tolist()):
            picture, mask = self.pairs.whole(place)
            top, left = (max(0, (side - _SHOWN_SIDE) // 2) for side in mask.shape)
            within = slice(top, top + _SHOWN_SIDE), slice(left, left + _SHOWN_SIDE)
            arrays[f"shown_{number}"] = np.ascontiguousarray(picture[within])
            arrays[f"true_{number}"] = self.remap[mask[within]]
        return Assets(json, arrays)

    def _crops(self, numbers: np.ndarray, tops: np.ndarray, lefts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 pixels (n, height, width, channels) and masks (n, height, width)."""
        places = zip(numbers.tolist(), tops.tolist(), lefts.tolist(), strict=True)
        both = np.stack([self.pairs.crop(number, top, left, self.tile) for number, top, left in places])
        return both[..., :-1], self.remap[both[..., -1]]

    def _read(self, numbers: Any, tops: Any, lefts: Any) -> tuple[Any, Any]:
        """Inside a pipeline: float32 pixels and uint8 masks of crops."""
        x, y = tf.numpy_function(self._crops, [numbers, tops, lefts], (tf.uint8, tf.uint8))
        x, y = tf.ensure_shape(x, (None, *self.tile, self.pairs.channels)), tf.ensure_shape(y, (None, *self.tile))
        return tf.cast(x, tf.float32), y

    def train(self, start_step: int) -> tf.data.Dataset:
        seed, batch = self._params.seed, self.batch_size
        sizes = tf.constant(self.pairs.sizes)
        share = self._strength.share
        augmentation, colour = self.augmentation.scaled(share), self._params.colour * share

        def make(step: Any, chosen: Any) -> Any:
            draws: Any = tf.random.stateless_uniform((2, batch), tf.stack([seed + 2, step]))
            room = tf.maximum(tf.gather(sizes, chosen) - tf.constant(self.tile, tf.int64), 0) + 1
            tops, lefts = (tf.cast(draws[i] * tf.cast(room[:, i], tf.float32), tf.int64) for i in (0, 1))
            x, y = self._read(chosen, tops, lefts)
            x, y = augment_pairs(x, y, tf.stack([seed + 1, step]), augmentation, colour)
            return tf.ensure_shape(x, (batch, *self.tile, self.pairs.channels)), tf.ensure_shape(y, (batch, *self.tile))

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
        chosen = self.places["val"]
        if not len(chosen):
            return None
        places = np.array(
            [
                (number, top, left)
                for number in chosen.tolist()
                for top in range(0, int(self.pairs.sizes[number, 0]), self.tile[0])
                for left in range(0, int(self.pairs.sizes[number, 1]), self.tile[1])
            ],
            np.int64,
        )

        @plain
        def make(part: Any) -> Any:
            return self._read(part[:, 0], part[:, 1], part[:, 2])

        batches = tf.data.Dataset.from_tensor_slices(places).batch(EVALUATION_BATCH)
        return batches.map(make, READERS_OF_LARGE, deterministic=True)


def tile_of(params: Any, sizes: np.ndarray, backbone: BackboneConfig | None) -> tuple[tuple[int, int], bool]:
    """(height, width) of a crop, and whether the network halves it at once.

    No larger than the largest picture needs, multiples of what the network halves. sizes: int (n, 2), height and width of pictures.
    """
    wanted = [min(params.tile or TILE, int(side)) for side in sizes.max(0)]
    halved = backbone is None and max(wanted) >= STEM_FROM
    times = multiple_of(params.architecture, params.depth, halved, backbone)
    height, width = (-(-side // times) * times for side in wanted)
    return (height, width), halved


def class_weights(totals: np.ndarray) -> np.ndarray:
    """How much a pixel of each class counts, 1 in the mean over all pixels; rare ones up to 35 times as much as common ones.

    Source: 1 / ln(1.02 + share), Paszke et al. 2016 (ENet), arXiv:1606.02147.
    """
    shares = totals / totals.sum()
    weights = 1 / np.log(1.02 + shares)
    return weights / (weights * shares).sum()


def _learnt(classes: list[tuple[str, str]], ignore: list[str]) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """(class by value of a stored mask, what is learnt): those to be ignored are NOTHING."""
    remap, learnt = np.full(256, NOTHING, np.uint8), list[tuple[str, str]]()
    for value, (name, colour) in enumerate(classes):
        if name not in ignore:
            remap[value] = len(learnt)
            learnt.append((name, colour))
    return remap, learnt


def _refuse_unusable(names: list[str], totals: np.ndarray) -> None:
    shown = [name for name, total in zip(names, totals, strict=True) if total]
    if len(shown) < 2:
        there = f"one class only ({shown[0]})" if shown else "no class"
        message = f"the masks to train with show {there}; needs two at least"
        raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])


def load_masks(inputs: Inputs, params: Any, context: Context) -> MaskData:
    """Read and split the dataset of pairs in the role "data"."""
    base = inputs.get("base")
    data = MaskData(prepare_pairs(inputs["data"], params.image_size, context), params, base)
    data.assets.json.update(said_of(base))
    data.assets.json["levels"] = inputs["data"].dataset.report.facts.get("levels")
    return data
