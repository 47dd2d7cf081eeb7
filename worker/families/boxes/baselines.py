"""Simple answers beside a detector: boxes where they usually are, and blobs of the colours that a class has."""

import math
from typing import Any

import numpy as np
from scipy import ndimage
from sklearn.cluster import KMeans

from worker.context import Context
from worker.families.boxes.data import BoxData
from worker.families.boxes.measuring import map50, measured
from worker.families.images.baselines import spread
from worker.recipe import Baseline

JUDGED = 300  # pictures compared on, so that time is bounded
LEARNT = 200  # training pictures looked at
_TUNED = 24  # training pictures that the threshold of blobs is chosen on
_CLASSES = 20  # most frequent classes that are looked for
_USUAL = 30  # boxes of a class in a picture, at most
_LEVELS = 16  # of each colour
_SHARES = (0.3, 0.45, 0.6, 0.75)  # how likely a pixel of a blob must belong to its class
_PRIOR = 20  # pixels that a colour nobody has seen is taken to have


def compared_on(data: BoxData) -> tuple[str, np.ndarray]:
    """The part that models are compared on and the numbers of its pictures, at most JUDGED; ("", none): none has a box."""
    part = next((part for part in ("test", "val") if data.counts[data.places[part]].sum()), "")
    places = data.places.get(part, np.empty(0, np.int64))
    return part, places[spread(len(places), JUDGED)] if part else places


def box_baselines(data: BoxData, seed: int, context: Context) -> list[Baseline]:
    """Measure both on the part that is compared on. Predictions: Matches."""
    part, judged = compared_on(data)
    if not part:
        return []
    train = data.places["train"]
    learnt = train[spread(len(train), LEARNT)]
    usual, blobs = _Usual(data, learnt, seed, context), _Blobs(data, learnt, context)
    truth = [data.boxed.boxes[number] for number in judged.tolist()]
    found = []
    for name, by in (("boxes at their usual places", usual), ("blobs of the colours of a class", blobs)):
        said = []
        for at, number in enumerate(judged.tolist()):
            context.look(at, len(judged))
            said.append(by.boxes(number))
        result = measured(truth, said, len(data.classes))
        figures = {f"{part}_{metric}": value for metric, value in result.metrics().items()}
        found.append(Baseline(name, figures, result.matches))
    return found


class _Usual:
    """As many boxes of each class as a picture has on average, where most of them are."""

    def __init__(self, data: BoxData, learnt: np.ndarray, seed: int, context: Context):
        self._data = data
        rows = [data.boxed.boxes[number] / _unit(data, number) for number in learnt.tolist()]
        boxes, found = np.concatenate(rows), []
        for number in range(min(len(data.classes), _CLASSES)):
            context.check()
            of = boxes[boxes[:, 4] == number][:, :4]
            if len(of):
                count = min(max(1, round(len(of) / len(learnt))), _USUAL, len(np.unique(of, axis=0)))
                groups = KMeans(count, random_state=seed)
                shares = np.bincount(groups.fit_predict(of), minlength=count) / len(learnt)
                found.append(np.column_stack([groups.cluster_centers_, np.minimum(shares, 1), np.full(count, number)]))
        self._found = np.concatenate(found)

    def boxes(self, number: int) -> np.ndarray:
        return self._found * np.insert(_unit(self._data, number), 4, 1)


def _unit(data: BoxData, number: int) -> np.ndarray:
    """What boxes are divided by so that a picture is 1 wide and 1 high, float (5,)."""
    width, height = data.boxed.fitted[number]
    return np.array([width, height, width, height, 1.0])


class _Blobs:
    """Pixels of the colours that lie in a class's boxes, joined where they touch."""

    def __init__(self, data: BoxData, learnt: np.ndarray, context: Context):
        self._data, classes = data, min(len(data.classes), _CLASSES)
        inside = np.zeros((classes, _LEVELS ** data.shape[2]))
        everywhere = np.zeros(inside.shape[1])
        areas: list[list[float]] = [[] for _ in range(classes)]
        for at, number in enumerate(learnt.tolist()):
            context.look(at, 2 * len(learnt))
            source = data.source(number)
            colours = _colours(source.pixels)
            everywhere += np.bincount(colours.ravel(), minlength=len(everywhere))
            for x0, y0, x1, y1, label in source.boxes.tolist():
                if label < classes:
                    part = colours[math.floor(y0) : math.ceil(y1), math.floor(x0) : math.ceil(x1)]
                    inside[int(label)] += np.bincount(part.ravel(), minlength=len(everywhere))
                    areas[int(label)].append((x1 - x0) * (y1 - y0))
        self._share = np.minimum(inside / (everywhere + _PRIOR), 1)
        self._least = [min(of) / 2 if of else math.inf for of in areas]
        self._most = [2 * max(of) if of else 0.0 for of in areas]
        self._tuned = self._tune(learnt[spread(len(learnt), _TUNED)], context)

    def _tune(self, numbers: np.ndarray, context: Context) -> list[float]:
        """The share of each class with the largest average precision."""
        truth = [self._data.boxed.boxes[number] for number in numbers.tolist()]
        maps = [self._likely(number) for number in numbers.tolist()]
        best = []
        for label in range(len(self._share)):
            context.check()
            own = [boxes[boxes[:, 4] == label] * [1, 1, 1, 1, 0] for boxes in truth]
            scored = []
            for share in _SHARES:
                said = [self._of_class(of[label], label, share) * [1, 1, 1, 1, 1, 0] for of in maps]
                scored.append(map50(measured(own, said, 1).matches, np.arange(len(numbers))) or 0.0)
            best.append(_SHARES[int(np.argmax(scored))])
        return best

    def _likely(self, number: int) -> np.ndarray:
        """How likely each pixel belongs to each class, float (classes, height, width); smoothed over 3 by 3 pixels."""
        shares = self._share[:, _colours(self._data.source(number).pixels)]
        return ndimage.uniform_filter1d(ndimage.uniform_filter1d(shares, 3, 1), 3, 2)

    def _of_class(self, likely: np.ndarray, label: int, share: float) -> np.ndarray:
        marked: Any = ndimage.label(likely >= share)
        marked = marked[0]
        found = []
        for place, slices in enumerate(ndimage.find_objects(marked), 1):
            rows, columns = slices
            area = (rows.stop - rows.start) * (columns.stop - columns.start)
            if self._least[label] <= area <= self._most[label]:
                score = likely[slices][marked[slices] == place].mean()
                found.append([columns.start, rows.start, columns.stop, rows.stop, min(float(score), 1.0), label])
        return np.array(found, np.float64).reshape(-1, 6)

    def boxes(self, number: int) -> np.ndarray:
        likely = self._likely(number)
        return np.concatenate([self._of_class(likely[n], n, share) for n, share in enumerate(self._tuned)])


def _colours(pixels: np.ndarray) -> Any:
    """A number for the colour of each pixel, int (height, width). pixels: uint8 (height, width, 1 or 3)."""
    levels = pixels.astype(np.int64) * _LEVELS // 256
    return levels @ (_LEVELS ** np.arange(pixels.shape[2]))
