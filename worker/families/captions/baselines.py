"""Simple answers to the same task: chance, the texts of pictures that look alike, and linear maps from pixels to TF-IDF.

Pictures are described by a small copy and a histogram of their colours; texts by TF-IDF over words and pieces of them.
"""

from typing import Any

import numpy as np
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_union
from sklearn.preprocessing import StandardScaler, normalize

from worker.context import Context
from worker.families.captions.data import CaptionData
from worker.families.captions.measuring import Ranks, chance, figures, ranks_of, reciprocals
from worker.families.captions.reporting import Asked, asked_of, judged_part
from worker.families.images.baselines import spread
from worker.families.scripts import UNPARTED
from worker.recipe import Baseline

_LEARNT = 3_000  # pictures that are learnt from
_SIDE, _LEVELS = 12, 4  # of the small copy; of each colour in the histogram
_PICTURE_PARTS, _TEXT_PARTS = 64, 128  # that are left of each
_NEIGHBOURS = 10
_RIDGE = 10.0
_WORDS = rf"[^\W{UNPARTED}]{{2,}}|[{UNPARTED}]"


def caption_baselines(data: CaptionData, context: Context) -> list[Baseline]:
    """Measured on the part that is judged, the same pictures and texts as the report's."""
    part = judged_part(data)
    asked = asked_of(data, part)
    train = data.places["train"]
    train = train[spread(len(train), _LEARNT)]
    learnt_texts = [_all_texts(data, [i]) for i in train.tolist()]
    fields: Any = make_union(
        TfidfVectorizer(token_pattern=_WORDS, sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True, min_df=2 if len(train) > 50 else 1),
    )
    context.check()
    known_texts: Any = normalize(fields.fit_transform(learnt_texts))
    asked_texts: Any = normalize(fields.transform([data.texts[i] for i in asked.texts.tolist()]))
    context.check()
    known, seen = _looks(data, train, context), _looks(data, asked.pictures, context)
    scaler = StandardScaler().fit(known)
    parts = PCA(min(_PICTURE_PARTS, *known.shape), random_state=0, svd_solver="randomized")
    known = parts.fit_transform(scaler.transform(known))
    seen = parts.transform(scaler.transform(seen))
    context.check()
    neighbours = _neighbours(known, seen)
    by_neighbours = np.asarray((neighbours @ known_texts) @ asked_texts.T)
    context.check()
    found: dict[str, np.ndarray] = {"texts of the pictures most alike (10-NN on pixels)": by_neighbours}
    count = min(_TEXT_PARTS, known_texts.shape[1] - 1, len(train) - 1)
    if count >= 2:
        svd = TruncatedSVD(count, random_state=0)
        meanings = normalize(svd.fit_transform(known_texts))
        context.check()
        told = Ridge(_RIDGE).fit(known, meanings).predict(seen)
        wanted: Any = normalize(svd.transform(asked_texts))
        found["ridge regression from pixels to TF-IDF"] = normalize(told) @ wanted.T
    ranked = {name: _ranked(scores, asked, context) for name, scores in found.items()}
    any_ranks = next(iter(ranked.values()))
    told_of = [Baseline("chance", {f"{part}_{name}": value for name, value in chance(any_ranks).items()})]
    for name, ranks in ranked.items():
        metrics = {f"{part}_{key}": value for key, value in figures(ranks).items()}
        told_of.append(Baseline(name, metrics, reciprocals(ranks)))
    return told_of


def _ranked(scores: np.ndarray, asked: Asked, context: Context) -> Ranks:
    return ranks_of(scores, asked.right, asked.owner, context.check)


def _all_texts(data: CaptionData, pictures: list[int]) -> str:
    return " ".join(data.texts[i] for i in data.belonging.texts_of(np.array(pictures)).tolist())


def _looks(data: CaptionData, places: np.ndarray, context: Context) -> np.ndarray:
    """float32 (n, features): a copy of _SIDE by _SIDE means and a histogram of colours."""
    found = []
    for start in range(0, len(places), 256):
        context.check()
        rows = data.pixels.rows(places[start : start + 256])
        small = rows.astype(np.float32) / 255
        for axis in (1, 2):
            borders = np.unique(np.arange(_SIDE) * small.shape[axis] // _SIDE)
            sizes = np.diff(np.append(borders, small.shape[axis])).astype(np.float32)
            shape = [1, 1, 1, 1]
            shape[axis] = len(borders)
            small = np.add.reduceat(small, borders, axis=axis) / sizes.reshape(shape)
        levels = (rows.astype(np.int64) * _LEVELS // 256).reshape(len(rows), -1, rows.shape[-1])
        codes = levels @ (_LEVELS ** np.arange(rows.shape[-1]))
        bins = _LEVELS ** rows.shape[-1]
        shares = np.stack([np.bincount(row, minlength=bins) for row in codes]) / codes.shape[1]
        found.append(np.concatenate([small.reshape(len(rows), -1), np.sqrt(shares)], 1))
    return np.concatenate(found).astype(np.float32)


def _neighbours(known: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """float64 (seen, known): 1 / place of the nearest, 0 of all others."""
    far = (seen**2).sum(1)[:, None] - 2 * seen @ known.T + (known**2).sum(1)[None]
    count = min(_NEIGHBOURS, len(known))
    nearest = np.argsort(far, 1, kind="stable")[:, :count]
    found = np.zeros(far.shape)
    np.put_along_axis(found, nearest, np.broadcast_to(1 / (1 + np.arange(count)), nearest.shape), 1)
    return found
