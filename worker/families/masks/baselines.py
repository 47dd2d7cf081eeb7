"""Simple answers beside a segmenter: the commonest class, the commonest at each place, a forest on colours and place.

All say a class for blocks of pixels, so that their time is bounded; what they said is counted pixel by pixel, as of the model.
"""

import math

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from shared.datasets.pairs.storing import NOTHING
from worker.context import Context
from worker.families.images.baselines import spread
from worker.families.masks.data import MaskData
from worker.families.masks.measuring import counted, mask_metrics
from worker.recipe import Baseline

JUDGED = 300  # pictures compared on, so that time is bounded
LEARNT = 200  # training pictures looked at
_POINTS = 40_000  # the forest learns from
_BLOCKS = 400_000  # the forest says a class for, of all pictures together
_TREES, _DEPTH = 30, 14
_GRID = 24  # places down and across
_AROUND = (5, 15)  # pixels of the squares whose mean and spread the forest sees


def compared_on(data: MaskData) -> tuple[str, np.ndarray]:
    """The part that models are compared on and the numbers of its pairs, at most JUDGED; ("", none) where all were learnt from."""
    part = next((part for part in ("test", "val") if len(data.places[part])), "")
    places = data.places.get(part, np.empty(0, np.int64))
    return part, places[spread(len(places), JUDGED)] if part else places


def mask_baselines(data: MaskData, seed: int, context: Context) -> list[Baseline]:
    """Measure the three on the part that is compared on. Predictions: int64 (pictures, classes, classes)."""
    part, judged = compared_on(data)
    if not part:
        return []
    classes, train = len(data.classes), data.places["train"]
    common = int(data.counts[train].sum(0).argmax())
    learnt = train[spread(len(train), LEARNT)]
    by_place, forest = _learn(data, learnt, seed, context)
    block = max(1, math.ceil(math.sqrt(data.pairs.sizes[judged].prod(1).sum() / _BLOCKS)))
    found = {name: np.zeros((len(judged), classes, classes), np.int64) for name in ("common", "place", "forest")}
    for at, number in enumerate(judged.tolist()):
        context.look(at, len(judged))
        picture, mask = data.pairs.whole(number)
        truth = data.remap[mask]
        rows, columns = _grid(truth.shape[0], block), _grid(truth.shape[1], block)
        place = by_place[rows[:, None] * _GRID // truth.shape[0], columns[None] * _GRID // truth.shape[1]]
        said = forest.predict(_features(picture)[rows][:, columns].reshape(-1, _width(picture))).reshape(place.shape)
        for name, blocks in (("common", np.full_like(place, common)), ("place", place), ("forest", said)):
            whole = np.repeat(np.repeat(blocks, block, 0), block, 1)[: truth.shape[0], : truth.shape[1]]
            found[name][at] = counted(truth, whole.astype(np.uint8), classes)
    blocks = f", in blocks of {block} pixels" if block > 1 else ""
    titles = {
        "common": f"always {data.classes[common][0]!r}",
        "place": "the commonest class at each place",
        "forest": f"a random forest on colours, their surroundings and place{blocks}",
    }
    return [
        Baseline(
            titles[name], {f"{part}_{metric}": value for metric, value in mask_metrics(counts.sum(0)).items()}, counts
        )
        for name, counts in found.items()
    ]


def _grid(length: int, block: int) -> np.ndarray:
    """The middle pixel of each block along a side."""
    return np.minimum(np.arange(0, length, block) + block // 2, length - 1)


def _learn(
    data: MaskData, learnt: np.ndarray, seed: int, context: Context
) -> tuple[np.ndarray, RandomForestClassifier]:
    """The commonest class by place, int (_GRID, _GRID), and a forest."""
    rng, classes = np.random.default_rng([seed, 5]), len(data.classes)
    each = max(1, _POINTS // len(learnt))
    places, points, labels = np.zeros((_GRID, _GRID, classes), np.int64), [], []
    for at, number in enumerate(learnt.tolist()):
        context.look(at, 2 * len(learnt))
        picture, mask = data.pairs.whole(number)
        truth = data.remap[mask]
        known = np.flatnonzero(truth != NOTHING)
        if not len(known):
            continue
        drawn = known[rng.integers(len(known), size=each)]
        rows, columns = np.divmod(drawn, truth.shape[1])
        points.append(_features(picture)[rows, columns])
        labels.append(truth[rows, columns])
        np.add.at(places, (rows * _GRID // truth.shape[0], columns * _GRID // truth.shape[1], labels[-1]), 1)
    forest = RandomForestClassifier(_TREES, max_depth=_DEPTH, min_samples_leaf=5, random_state=seed, n_jobs=1)
    context.check()
    forest.fit(np.concatenate(points), np.concatenate(labels))
    places = np.where(places.sum(-1, keepdims=True) > 0, places, places.sum((0, 1)))
    return places.argmax(-1), forest


def _width(picture: np.ndarray) -> int:
    return 2 + picture.shape[-1] * (1 + 2 * len(_AROUND))


def _features(picture: np.ndarray) -> np.ndarray:
    """float32 (height, width, features): place, colour, and mean and spread of the colour in squares around."""
    height, width = picture.shape[:2]
    pixels = picture.astype(np.float32) / 255
    place = np.stack(np.meshgrid(np.arange(height) / height, np.arange(width) / width, indexing="ij"), -1)
    parts = [place.astype(np.float32), pixels]
    for side in _AROUND:
        mean, squares = _box_mean(pixels, side), _box_mean(pixels**2, side)
        parts += [mean, np.sqrt(np.maximum(squares - mean**2, 0))]
    return np.concatenate(parts, -1)


def _box_mean(pixels: np.ndarray, side: int) -> np.ndarray:
    """Means of squares around each pixel; beyond the edges the outermost are repeated."""
    half = side // 2
    padded = np.pad(pixels.astype(np.float64), ((half, half), (half, half), (0, 0)), mode="edge")
    sums = np.pad(padded.cumsum(0).cumsum(1), ((1, 0), (1, 0), (0, 0)))
    height, width = pixels.shape[:2]
    total = (
        sums[side : side + height, side : side + width]
        - sums[:height, side : side + width]
        - sums[side : side + height, :width]
        + sums[:height, :width]
    )
    return (total / side**2).astype(np.float32)
