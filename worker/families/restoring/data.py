"""Turns pictures into the batches of a training, each a function of the seed and its step alone.

A batch is pieces at drawn places, turned and mirrored, each damaged as it is drawn, with what it looked like before.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from worker.context import Context
from worker.families.images.baselines import spread
from worker.families.images.epochs import READERS_OF_LARGE, plain
from worker.families.images.splitting import split_pictures
from worker.families.restoring.damage import drawn_hole, noisy, smaller, with_hole
from worker.families.restoring.networks import multiple_of
from worker.families.restoring.pictures import Restorable, prepare_restorable
from worker.recipe import Assets, Data, Inputs

PATCH = {"residual": 40, "unet": 96}  # side of a piece when patch is 0
TILE = {"residual": 128, "unet": 256}  # side of a tile when tile is 0
AUTO_EVALUATIONS = 20
SHOWN = 6  # validation pictures kept in the assets to show answers for
MEASURED_SIDE = 1_024  # pixels of a wanted picture that is measured whole; of larger ones the middle is
_SHOWN_SIDE = 256
_VALIDATED = 64  # pieces of the validation part, so that an evaluation's time is bounded
_EVALUATION_BATCH = 8


class RestoringData(Data):
    """Batches are (float32 given 0..255, float32 wanted 0..255 and, as a further channel, how much each pixel counts, 0 or 255).

    places: numbers of the pictures of each part. scale: how many times as large as given the wanted is. patch: of given pixels.
    """

    def __init__(self, pictures: Restorable, params: Any, levels: Any):
        self._params, self.pictures, self.task = params, pictures, params.task
        self.scale = params.scale if self.task == "super_resolution" else pictures.scale
        same = np.zeros(len(pictures.names), np.int64)
        divided = split_pictures(pictures.parts, same, pictures.digests, params.validation_fraction, params.seed)
        self.places = {"train": divided.train, "val": divided.val, "test": divided.test}
        self.split = {part: len(places) for part, places in self.places.items()}
        self.sizes = np.maximum(pictures.wanted.sizes // self.scale, 1)  # of what is given
        network, times = network_of(params), multiple_of(network_of(params), params.depth)
        longest = int(self.sizes[divided.train].max())
        self.patch = -(-min(params.patch or PATCH[network], longest) // times) * times
        self.tile = -(-(params.tile or TILE[network]) // times) * times
        areas = self.sizes[divided.train].prod(1)
        self._drawn = np.cumsum(areas)
        self.total_steps = params.steps
        self.eval_every = params.eval_every or max(params.steps // AUTO_EVALUATIONS, 1)
        self.notes = list(divided.notes)
        if divided.val_is_test:
            self.notes.append("the test part is also watched during training; its final figure is slightly optimistic")
        if not len(divided.val):
            self.notes.append("nothing is held out to watch progress: the state after the last step is kept")
        small = int((self.sizes[divided.train].max(1) < self.patch).sum())
        if small and 2 * small > len(divided.train):
            self.notes.append(f"{small:,} pictures are smaller than a piece of {self.patch} pixels: edges are repeated")
        self.assets = self._assets(levels)

    def _assets(self, levels: Any) -> Assets:
        rng = np.random.default_rng([self._params.seed, 2])
        shown = np.sort(rng.permutation(self.places["val"])[:SHOWN])
        json = {
            "task": self.task,
            "channels": self.pictures.channels,
            "scale": self.scale,
            "tile": self.tile,
            "levels": levels,
            "shown": [self.pictures.names[i] for i in shown],
        }
        arrays = {}
        for number, place in enumerate(shown.tolist()):
            arrays[f"shown_{number}"], arrays[f"true_{number}"] = self.middle(place, _SHOWN_SIDE)
        return Assets(json, arrays)

    def piece(
        self, number: int, top: int, left: int, shape: tuple[int, int], sigma: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """What is given, uint8 (*shape, channels, and a hole's), and what is wanted, uint8 (scale * shape, channels + 1).

        top, left, shape: in given pixels; beyond a picture's edges the outermost pixels are repeated.
        """
        scale, counts = self.scale, None
        big, at = (shape[0] * scale, shape[1] * scale), (top * scale, left * scale)
        if self.task == "super_resolution":
            around = 2 * scale  # what the outermost pixels of the small piece are made of
            wide = self.pictures.wanted.crop(
                number, at[0] - around, at[1] - around, (big[0] + 2 * around, big[1] + 2 * around)
            )
            given, wanted = smaller(wide[None], scale)[0, 2:-2, 2:-2], wide[around:-around, around:-around]
        else:
            wanted = self.pictures.wanted.crop(number, *at, big)
            given = wanted
            if self.task == "denoise":
                given = noisy(wanted, sigma, rng)
            elif self.task == "inpaint":
                counts = drawn_hole(shape, self._params.hole, rng)
                given = with_hole(wanted, counts)
            elif self.pictures.given is not None:
                given = self.pictures.given.crop(number, top, left, shape)
        weight = np.full(big, 255, np.uint8) if counts is None else np.where(counts, np.uint8(255), np.uint8(0))
        return given, np.concatenate([wanted, weight[..., None]], -1)

    def middle(self, number: int, longest: int) -> tuple[np.ndarray, np.ndarray]:
        """A whole picture as piece() has it, damaged the same way every time; its middle where it would be larger than longest."""
        shape = np.minimum(self.sizes[number], max(longest // self.scale, 1))
        top, left = ((self.sizes[number] - shape) // 2).tolist()
        rng = np.random.default_rng([self._params.seed, 3, number])
        given, wanted = self.piece(number, top, left, tuple(shape.tolist()), self._params.sigma, rng)
        return np.ascontiguousarray(given), np.ascontiguousarray(wanted)

    def _batch(self, step: np.int64) -> tuple[np.ndarray, np.ndarray]:
        params, side = self._params, self.patch
        rng = np.random.default_rng([params.seed, 1, int(step)])
        given, wanted = [], []
        for _ in range(params.batch_size):
            at = int(np.searchsorted(self._drawn, rng.integers(self._drawn[-1]), side="right"))
            number = int(self.places["train"][at])
            top, left = (int(rng.integers(max(int(room) - side, 0) + 1)) for room in self.sizes[number])
            sigma = params.sigma * (rng.uniform() if params.noise == "up_to" else 1.0)
            pair = self.piece(number, top, left, (side, side), sigma, rng)
            turn, mirror = int(rng.integers(4)), bool(rng.integers(2))
            if params.turn == "horizontal":
                turn = 0
            if params.turn != "none":
                pair = tuple(np.rot90(one[:, ::-1] if mirror else one, turn) for one in pair)
            given.append(pair[0])
            wanted.append(pair[1])
        return np.stack(given), np.stack(wanted)

    def _shaped(self, x: Any, y: Any, count: int | None) -> tuple[Any, Any]:
        channels, side = self.pictures.channels, self.patch
        x = tf.ensure_shape(x, (count, side, side, channels + (self.task == "inpaint")))
        y = tf.ensure_shape(y, (count, side * self.scale, side * self.scale, channels + 1))
        return tf.cast(x, tf.float32), tf.cast(y, tf.float32)

    def train(self, start_step: int) -> tf.data.Dataset:
        @plain
        def make(step: Any) -> Any:
            x, y = tf.numpy_function(self._batch, [step], (tf.uint8, tf.uint8))
            return self._shaped(x, y, self._params.batch_size)

        steps = tf.data.Dataset.range(start_step, self.total_steps)
        return steps.map(make, READERS_OF_LARGE, deterministic=True).prefetch(2)

    def validation(self) -> tf.data.Dataset | None:
        """Pieces spread evenly over all of the part's pictures."""
        side, places = self.patch, []
        for number in self.places["val"].tolist():
            room = np.maximum(self.sizes[number] - side, 0)
            tops, lefts = (sorted({min(at, int(most)) for at in range(0, int(most) + side, side)}) for most in room)
            places += [(number, top, left) for top in tops for left in lefts]
        if not places:
            return None
        chosen = np.array(places, np.int64)[spread(len(places), _VALIDATED)]

        def read(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            pairs = []
            for number, top, left in part.tolist():
                rng = np.random.default_rng([self._params.seed, 4, number, top, left])
                pairs.append(self.piece(number, top, left, (side, side), self._params.sigma, rng))
            return np.stack([given for given, _ in pairs]), np.stack([wanted for _, wanted in pairs])

        @plain
        def make(part: Any) -> Any:
            x, y = tf.numpy_function(read, [part], (tf.uint8, tf.uint8))
            return self._shaped(x, y, None)

        batches = tf.data.Dataset.from_tensor_slices(chosen).batch(_EVALUATION_BATCH)
        return batches.map(make, READERS_OF_LARGE, deterministic=True)


def network_of(params: Any) -> str:
    """The network that "auto" means: holes need one that sees far."""
    if params.network != "auto":
        return params.network
    return "unet" if params.task == "inpaint" else "residual"


def load_restoring(inputs: Inputs, params: Any, context: Context) -> RestoringData:
    """Read and split the pictures in the role "data"."""
    opened = inputs["data"]
    pictures = prepare_restorable(opened, params.image_size, context)
    return RestoringData(pictures, params, opened.dataset.report.facts.get("levels"))
