"""Pictures that were made beside real ones of the same run: the distance of their features, a simple sampler, the verdict."""

from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from shared.outputs import Output, Table
from worker.context import Context
from worker.families.images.baselines import spread
from worker.families.making.data import MakingData
from worker.families.making.distance import Moments, fid, moments_of, spread_of
from worker.families.making.features import Features, Seen, learnt_features
from worker.families.making.grid import as_bytes
from worker.recipe import Baseline
from worker.verdict import Judge

COLLAPSED = 0.5  # of the differences between real pictures of a class: below it samples agree too much. A guess
_MOST_REAL = 5_000
FEWEST_JUDGED, MOST_JUDGED = 64, 500
_LEARNT, _COMPONENTS = 4_000, 64  # of the simple sampler
_FEWEST_OF_CLASS = 8  # pictures of a class that get a distribution of their own; of fewer all classes share one


class Judging:
    """Features of the real pictures of a part, and what is measured against them."""

    def __init__(self, data: MakingData, part: str, features: Features, seed: int, context: Context):
        self.data, self.part, self.features, self._seed = data, part, features, seed
        held = data.places[part]
        self.numbers = held[spread(len(held), _MOST_REAL)]
        self.real: Seen = self.features.over(data.pixels, self.numbers, context)
        self.moments: Moments = moments_of(self.real.features)

    def labels(self, count: int) -> np.ndarray:
        """Classes of pictures to be made: each in turn, int (count,)."""
        return np.arange(count) % max(len(self.data.classes), 1)

    def figures(self, seen: Seen, of: np.ndarray, *, asked: bool) -> dict[str, float]:
        """of: the classes that pictures were asked for, int (n,). asked: False where none was."""
        groups = of if asked else np.zeros(len(of), np.int64)
        real_groups = self.data.labels[self.numbers] if asked else np.zeros(len(self.numbers), np.int64)
        among_real = spread_of(self.real.features, real_groups)
        found = {f"{self.part}_fid": fid(self.moments, seen.features)}
        if among_real > 0:
            found[f"{self.part}_variety"] = float(spread_of(seen.features, groups) / among_real)
        if asked and self.features.by_class:
            found[f"{self.part}_right_class"] = float((seen.shares.argmax(1) == of).mean())
        return found

    def missing(self, seen: Seen) -> list[str]:
        """Classes seen in none of the pictures, made without asking for a class, where five or more were to be expected."""
        if not self.features.by_class:
            return []
        made = np.bincount(seen.shares.argmax(1), minlength=len(self.data.classes))
        real = (
            np.bincount(self.data.labels[self.numbers], minlength=len(self.data.classes))
            * len(seen.shares)
            / len(self.numbers)
        )
        return [name for name, n, m in zip(self.data.classes, made, real, strict=True) if not n and m >= 5]

    def judge(self) -> Judge:
        """Compares by the distance. Predictions: features of what was made, float (n, features)."""
        real = self.moments
        return Judge("FID", "min", lambda features, rows: fid(real, features[rows]), least=20)

    def baselines(self, count: int, context: Context) -> list[Baseline]:
        """A normal distribution of each class's principal components; and as many real pictures of the training part."""
        of = self.labels(count)
        simple = self.features.of(simple_samples(self.data, of, self._seed, context), context)
        found = [Baseline(SIMPLE, self.figures(simple, of, asked=bool(self.data.classes)), simple.features)]
        if self.part != "train":
            train = self.data.places["train"]
            chosen = train[spread(len(train), count)]
            real = self.features.over(self.data.pixels, chosen, context)
            figures = self.figures(real, self.data.labels[chosen], asked=bool(self.data.classes))
            found.append(Baseline(f"{len(chosen):,} real pictures of the training part", figures))
        return found

    def warn(self, metrics: dict[str, float], seen: Seen, context: Context, *, asked: bool) -> None:
        """Tell of samples that agree too much, and of classes that are missing."""
        variety = metrics.get(f"{self.part}_variety")
        if variety is not None and variety < COLLAPSED:
            message = (
                f"samples differ from each other {variety:.0%} as much as real pictures do: they agree too much (collapse). "
                "Train for longer, with a smaller learning rate, or with more pictures"
            )
            context.event("note", {"level": "warning", "message": message})
        missing = [] if asked else self.missing(seen)
        if missing:
            message = f"no sample looks like {', '.join(missing[:10])}: the model leaves out part of what it was shown"
            context.event("note", {"level": "warning", "message": message})


def compared_part(data: MakingData) -> str:
    """The part that what was made is compared with: the test part, or the best that there is."""
    return next(part for part in ("test", "val", "train") if len(data.places[part]))


def judging_of(data: MakingData, part: str, seed: int, context: Context) -> Judging:
    """The one of a training: made when it is first asked for, as it takes some time. All parts share the classifier."""
    known: dict[str, Judging] = data.judging
    if part not in known:
        features = next((one.features for one in known.values()), None) or learnt_features(data, seed, context)
        known[part] = Judging(data, part, features, seed, context)
    return known[part]


def samples_of(data: MakingData, part: str) -> int:
    """How many pictures are made to be judged: as many as there are real ones, within what a few minutes of two cores bear."""
    return min(max(len(data.places[part]), FEWEST_JUDGED), MOST_JUDGED)


SIMPLE = "normal distribution of principal components"


def simple_samples(data: MakingData, of: np.ndarray, seed: int, context: Context) -> np.ndarray:
    """uint8 (n, height, width, channels): drawn from the mean and covariance of each class's principal components."""
    train, shape = data.places["train"], data.pixels.shape
    chosen = train[spread(len(train), max(2, min(_LEARNT, 50_000_000 // int(np.prod(shape)))))]
    context.check()
    rows = data.pixels.rows(chosen).reshape(len(chosen), -1).astype(np.float32)
    pca = PCA(max(1, min(_COMPONENTS, len(rows) - 1, rows.shape[1])), svd_solver="randomized", random_state=seed).fit(
        rows
    )
    codes, labels = pca.transform(rows), data.labels[chosen]
    rng, made = np.random.default_rng([seed, 37]), np.empty((len(of), codes.shape[1]))
    for label in np.unique(of):
        context.check()
        own = codes[labels == label]
        moments = moments_of(own if len(own) >= _FEWEST_OF_CLASS else codes)
        values, vectors = np.linalg.eigh(moments.covariance)
        drawn = rng.normal(size=((of == label).sum(), len(values))) * np.sqrt(np.clip(values, 0, None))
        made[of == label] = moments.mean + drawn @ vectors.T
    return as_bytes(pca.inverse_transform(made)).reshape(len(of), *shape)


def class_table(classes: list[str], judging: Judging, seen: Seen, of: np.ndarray) -> list[Output]:
    """How often the classifier sees the class that was asked for; [] without classes."""
    if not judging.features.by_class:
        return []
    said = seen.shares.argmax(1)
    rows: list[list[Any]] = []
    for number, name in enumerate(classes):
        asked = of == number
        right = float((said[asked] == number).mean()) if asked.any() else None
        rows.append([name, int(asked.sum()), right])
    told = judging.features.accuracy
    sure = f"; of real pictures it tells {told:.1%} right" if told is not None else ""
    title = f"How often a small classifier sees the class that was asked for{sure}"
    return [Table(title=title, columns=["class", "samples", "right"], rows=rows[:100], count=len(rows))]
