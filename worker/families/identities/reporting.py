"""How well a matcher tells people apart whom it never saw, beside eigenfaces and bare pixels; whom it takes for each other."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from shared.outputs import Output, Picture
from worker.artifacts import Files
from worker.context import Context
from worker.families.identities.data import IdentityData
from worker.families.identities.measuring import curve, equal_error, figures, matching_judge, pairs_of
from worker.families.identities.networks import vectors_model
from worker.families.images.baselines import spread
from worker.families.images.drawing import beside
from worker.recipe import Assets, Baseline, Report

JUDGED = 300  # pictures that the verdict draws anew, so that its time is bounded
AT_ONCE = 64
_LEARNT = 2_000  # pictures that eigenfaces are made of
_FACES = 100  # of them
_WORST = 6
Vectors = Callable[[np.ndarray], np.ndarray]


def vectors_of(model: Any, check: Callable[[], None] = lambda: None) -> Vectors:
    """uint8 pictures (n, height, width, channels) to float32 vectors (n, width) of length 1, by a model of vectors."""

    def of(pixels: np.ndarray) -> np.ndarray:
        found = []
        for start in range(0, len(pixels), AT_ONCE):
            check()
            found.append(np.asarray(model(pixels[start : start + AT_ONCE].astype(np.float32), training=False)))
        return np.concatenate(found) if found else np.zeros((0, model.output_shape[-1]), np.float32)

    return of


def evaluate_identities(model: Any, data: IdentityData, look: Callable[[int], None]) -> dict[str, float] | None:
    """Figures of the people held out; None where there are none."""
    places = data.measured("val")
    if not len(places):
        return None
    looks = iter(range(1, 1 << 60))
    vectors = vectors_of(vectors_model(model), lambda: look(next(looks)))(data.pixels.rows(places))
    found = figures(vectors @ vectors.T, data.people[places], None)
    return {f"val_{name}": found.get(name, 0.5 if name == "eer" else 0.0) for name in ("eer", "auc", "rank_1")}


def threshold_of(of: Vectors, assets: Assets) -> float:
    """The likeness at which both errors are alike, on the pictures of people held out that go with a model."""
    vectors = of(assets.arrays["held"])
    found = equal_error(*pairs_of(vectors @ vectors.T, np.array(assets["held"])))
    return 0.5 if found is None else found[1]


def judged_part(data: IdentityData) -> str:
    """The part that models are compared on; "" where everybody was learnt from."""
    return next((part for part in ("test", "val") if len(data.places[part])), "")


def report_identities(
    model: Any, data: IdentityData, context: Context, files: Files, stages: list[dict[str, float]]
) -> Report:
    """Figures of everybody held out, the curve of both errors, whom it took for each other; the threshold goes into the assets."""
    of, part = vectors_of(vectors_model(model), context.check), judged_part(data) or "train"
    threshold = threshold_of(of, data.assets)
    metrics = {"threshold": threshold}
    outputs, kept, near = list[Output](), np.zeros(0, np.int64), np.zeros((0, 0))
    for one in dict.fromkeys(("val", part)):
        places = data.measured(one)
        if not len(places):
            continue
        vectors = of(data.pixels.rows(places))
        all_near = vectors @ vectors.T
        metrics |= {f"{one}_{name}": value for name, value in figures(all_near, data.people[places], threshold).items()}
        if one == part:
            pairs = pairs_of(all_near, data.people[places])
            if pairs[1].any() and not pairs[1].all():
                title = f"People of the {part} part, each picture with each other: {int(pairs[1].sum()):,} pairs of the same"
                outputs.append(curve(title, {"the model": pairs}))
            outputs += _worst(data, places, all_near, files)
            kept = places[spread(len(places), JUDGED)]
            some = np.searchsorted(places, kept)
            near = all_near[np.ix_(some, some)]
    if not judged_part(data):
        return Report(metrics, outputs)
    return Report(metrics, outputs, near, matching_judge(data.people[kept]), len(kept))


def _worst(data: IdentityData, places: np.ndarray, near: np.ndarray, files: Files) -> list[Output]:
    """Pictures whose nearest other is of somebody else, beside it, the likest first."""
    others = near.copy()
    np.fill_diagonal(others, -np.inf)
    first = others.argmax(1)
    people = data.people[places]
    counts = np.bincount(people)[people]
    wrong = np.flatnonzero((people != people[first]) & (counts > 1))
    wrong = wrong[np.argsort(-others[wrong, first[wrong]], kind="stable")][:_WORST]
    found: list[Output] = []
    for number, at in enumerate(wrong.tolist(), 1):
        pair = data.pixels.rows(places[[at, first[at]]])
        names = [data.people_names[people[one]] for one in (at, first[at])]
        title = f"{names[0]}, taken for {names[1]} ({others[at, first[at]]:.2f})"
        found.append(Picture(title=title, file=files.write(f"mistaken_{number}.png", beside(list(pair)))))
    return found


def shown_pairs(model: Any, assets: Assets, context: Context, files: Files) -> list[Output]:
    """Two pictures each of some people held out: how like they are, and the likest other person."""
    pixels, names = assets.arrays["shown"], assets["shown"]
    vectors = vectors_of(vectors_model(model), context.check)(pixels)
    near, found = vectors @ vectors.T, list[Output]()
    for at in range(len(names) - 1):
        if names[at] != names[at + 1]:
            continue
        other = max((near[at, i] for i in range(len(names)) if names[i] != names[at]), default=float("nan"))
        title = f"{names[at]}: {near[at, at + 1]:.2f} to the own picture, {other:.2f} to the likest other"
        drawn = beside([pixels[at], pixels[at + 1]])
        found.append(Picture(title=title, file=files.write(f"shown_{at}.png", drawn)))
    return found


def identity_baselines(data: IdentityData, context: Context) -> list[Baseline]:
    """Cosines of bare pixels, and of eigenfaces made of the people learnt from. Source: Turk, Pentland 1991."""
    part = judged_part(data)
    if not part:
        return []
    places = data.measured(part)
    train = data.places["train"]
    learnt = _flat(data, train[spread(len(train), _LEARNT)], context)
    asked = _flat(data, places, context)
    mean = learnt.mean(0)
    faces = PCA(min(_FACES, len(learnt) - 1, learnt.shape[1]), whiten=True, random_state=0, svd_solver="randomized")
    context.check()
    faces.fit(learnt)
    found = {
        "bare pixels, cosine": asked - mean,
        f"eigenfaces (PCA, {faces.n_components_}), cosine": faces.transform(asked),
    }
    some = np.searchsorted(places, places[spread(len(places), JUDGED)])
    told = []
    for name, vectors in found.items():
        context.check()
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        near = vectors @ vectors.T
        equal = equal_error(*pairs_of(near, data.people[places]))
        metrics = figures(near, data.people[places], None if equal is None else equal[1])
        told.append(
            Baseline(name, {f"{part}_{key}": value for key, value in metrics.items()}, near[np.ix_(some, some)])
        )
    return told


def _flat(data: IdentityData, places: np.ndarray, context: Context) -> np.ndarray:
    """float32 (n, pixels), 0..1."""
    found = []
    for start in range(0, len(places), 256):
        context.check()
        rows = data.pixels.rows(places[start : start + 256])
        found.append(rows.reshape(len(rows), -1).astype(np.float32) / 255)
    return np.concatenate(found)
