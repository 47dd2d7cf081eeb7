"""Simple answers beside an image classifier: the commonest class, the nearest class mean, the nearest pictures, a plain network.

Pictures are scaled down by means of areas: what stands in a small area counts, not the single pixel.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from worker.context import Context
from worker.families.evaluation.classes import class_metrics
from worker.families.images.data import PictureData
from worker.families.images.pixels import Pixels
from worker.families.images.plain_network import MOST_BYTES, plain_network
from worker.families.images.plain_network import SIDE as PLAIN_SIDE
from worker.recipe import Baseline

LEARNT = 5_000  # pictures that means and neighbours are taken from: with JUDGED a second of one core (measured)
JUDGED = 10_000  # pictures compared on, so that memory and time are bounded
NEIGHBOURS = 5
SIDE = 16  # pixels that means and neighbours are taken over
_CHUNK = 256
_SAID_ONLY = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")  # of an answer without probabilities


class Parted(Protocol):
    """Data whose pictures are in parts. places: numbers of the pictures of each part, int64."""

    @property
    def places(self) -> Mapping[str, np.ndarray]: ...


def compared_on(data: Parted) -> tuple[str, np.ndarray]:
    """The part that models are compared on and the numbers of its pictures, at most JUDGED spread evenly.

    The test part, else validation; ("", none) where every picture was learnt from: nothing can be compared there.
    """
    part = next((part for part in ("test", "val") if len(data.places[part])), "")
    return part, data.places[part][spread(len(data.places[part]), JUDGED)] if part else np.empty(0, np.int64)


def spread(count: int, most: int) -> np.ndarray:
    """Numbers 0..count, at most `most` of them, at even distances: int (n,)."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.int64)


def picture_baselines(data: PictureData, seed: int, context: Context) -> list[Baseline]:
    """Measure the four on the part that is compared on. Predictions: probabilities float32 (pictures, classes)."""
    part, judged = compared_on(data)
    if not part:
        return []
    labels, classes = data.labels[judged], len(data.classes)
    train = data.places["train"]
    counts = np.bincount(data.labels[train], minlength=classes)
    always = np.tile((counts / counts.sum()).astype(np.float32), (len(judged), 1))
    learnt = np.sort(np.random.default_rng([seed, 5]).permutation(train)[:LEARNT])
    known, known_labels = _scaled(data.pixels, learnt, context), data.labels[learnt]
    asked = _scaled(data.pixels, judged, context)
    bounded = _bounded(data, part, len(learnt), len(judged))
    found = [
        (f"always {data.classes[int(counts.argmax())]!r}", always, ()),
        (f"nearest class mean on pixels{bounded}", _nearest_mean(known, known_labels, classes, asked), _SAID_ONLY),
        (f"{NEIGHBOURS}-NN on pixels{bounded}", nearest(known, known_labels, classes, asked, context), ()),
    ]
    beside = [
        Baseline(name, _figures(part, labels, probabilities, only), probabilities)
        for name, probabilities, only in found
    ]
    return [*beside, _plain(data, part, judged, seed, context)]


def _plain(data: PictureData, part: str, judged: np.ndarray, seed: int, context: Context) -> Baseline:
    """A plain network that has seen as many pictures as the model at most."""
    train = data.places["train"]
    height, width, channels = data.pixels.shape
    bytes_each = min(height, PLAIN_SIDE) * min(width, PLAIN_SIDE) * channels
    learnt = train[spread(len(train), MOST_BYTES // bytes_each)]
    known, asked = (_in_bytes(data.pixels, numbers, context) for numbers in (learnt, judged))
    seen, classes = data.total_steps * data.batch_size, len(data.classes)
    made = plain_network(known, data.labels[learnt], classes, asked, most_seen=seen, seed=seed, context=context)
    name = f"plain network of {made.weights:,} weights{_bounded(data, part, len(learnt), len(judged))}"
    return Baseline(name, _figures(part, data.labels[judged], made.probabilities, ()), made.probabilities, made.seconds)


def _in_bytes(pixels: Pixels, numbers: np.ndarray, context: Context) -> np.ndarray:
    """uint8 (n, height, width, channels): pictures by number, each at most PLAIN_SIDE by PLAIN_SIDE."""
    found = []
    for start in range(0, len(numbers), _CHUNK):
        context.check()
        pictures = _area_means(pixels.rows(numbers[start : start + _CHUNK]), PLAIN_SIDE)
        found.append(np.rint(pictures).astype(np.uint8))
    return np.concatenate(found)


def _bounded(data: PictureData, part: str, learnt: int, judged: int) -> str:
    """What of the pictures was used, where it was not all of them."""
    said = [
        f"{used:,} of {len(data.places[of]):,} {what}"
        for of, used, what in (("train", learnt, "learnt from"), (part, judged, "judged"))
        if used < len(data.places[of])
    ]
    return f" ({', '.join(said)})" if said else ""


def _figures(part: str, labels: np.ndarray, probabilities: np.ndarray, only: Sequence[str]) -> dict[str, float]:
    found = class_metrics(labels, probabilities)
    return {f"{part}_{name}": value for name, value in found.items() if not only or name in only}


def _scaled(pixels: Pixels, numbers: np.ndarray, context: Context) -> np.ndarray:
    """float32 (n, features): pictures by number, each at most SIDE by SIDE."""
    found = []
    for start in range(0, len(numbers), _CHUNK):
        context.check()
        pictures = _area_means(pixels.rows(numbers[start : start + _CHUNK]), SIDE)
        found.append(pictures.reshape(len(pictures), -1) / 255)
    return np.concatenate(found)


def _area_means(pictures: np.ndarray, most: int) -> np.ndarray:
    """uint8 (n, height, width, channels) to float32 of at most `most` by `most` pixels, 0..255."""
    rows = pictures.astype(np.float32)
    for axis in (1, 2):
        length = rows.shape[axis]
        if length > most:
            borders = np.arange(most) * length // most
            shape = [1, 1, 1, 1]
            shape[axis] = most
            sizes = np.diff(np.append(borders, length)).astype(np.float32)
            rows = np.add.reduceat(rows, borders, axis=axis) / sizes.reshape(shape)
    return rows


def _nearest_mean(known: np.ndarray, labels: np.ndarray, classes: int, asked: np.ndarray) -> np.ndarray:
    """float32 (n, classes): 1 for the class whose mean is nearest. A class of which none was taken is never said."""
    said = np.zeros((len(asked), classes), np.float32)
    there = np.unique(labels)
    means = np.stack([known[labels == c].mean(0) for c in there])
    said[np.arange(len(asked)), there[_distances(asked, means).argmin(1)]] = 1
    return said


def nearest(known: np.ndarray, labels: np.ndarray, classes: int, asked: np.ndarray, context: Context) -> np.ndarray:
    """Shares of the classes among the NEIGHBOURS nearest of the known, float32 (n, classes).

    Each class has one part in a hundred beforehand, so that none has probability 0. Where classes have as many neighbours, the
    nearer ones win by a little.
    """
    k = min(NEIGHBOURS, len(known))
    worth = np.linspace(1.02, 0.98, k, dtype=np.float32)
    shares = np.full((len(asked), classes), 0.01 * k / classes, np.float32)
    for start in range(0, len(asked), _CHUNK):
        context.check()
        far = _distances(asked[start : start + _CHUNK], known)
        near = np.argpartition(far, k - 1, axis=1)[:, :k]
        near = np.take_along_axis(near, np.take_along_axis(far, near, 1).argsort(1, kind="stable"), 1)
        for place in range(k):
            shares[np.arange(start, start + len(near)), labels[near[:, place]]] += worth[place]
    return shares / shares.sum(1, keepdims=True)


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances float32 (n, m) of rows, but for what all of a row have in common."""
    return (b**2).sum(1) - 2 * a @ b.T
