"""Simple answers beside an autoencoder: each pixel by itself, and principal components, as many as it has latent numbers."""

import numpy as np
from sklearn.decomposition import PCA

from worker.context import Context
from worker.families.images.baselines import compared_on, spread
from worker.families.images.pixels import Pixels
from worker.families.making.data import MakingData
from worker.recipe import Baseline

_LEARNT = 10_000  # pictures
_MOST_VALUES = 50_000_000  # of the pictures learnt from, as float32: 200 MB
_CHUNK = 256
_SMOOTHING = 0.5  # of a count, for values never seen: Krichevsky, Trofimov 1981


def vae_baselines(data: MakingData, likelihood: str, latent: int, seed: int, context: Context) -> list[Baseline]:
    """Measured on the part that is compared on. Predictions: mean squared error of each picture in steps of 0..255, float (n,)."""
    part, judged = compared_on(data)
    if not part:
        return []
    pixels = data.pixels
    train = data.places["train"]
    most = max(2, min(_LEARNT, _MOST_VALUES // int(np.prod(pixels.shape))))
    learnt = _values(pixels, train[spread(len(train), most)], context)
    bounded = f" ({len(learnt):,} of {len(train):,} learnt from)" if len(learnt) < len(train) else ""
    mean = learnt.mean(0)
    found = [_each_by_itself(pixels, learnt, mean, judged, likelihood, part, bounded, context)]
    components = min(latent, len(learnt) - 1, learnt.shape[1])
    if components > 0:
        pca = PCA(components, svd_solver="randomized", random_state=seed).fit(learnt)
        squared = [
            ((pca.inverse_transform(pca.transform(x)).clip(0, 255) - x) ** 2).mean(1)
            for x in _chunks(pixels, judged, context)
        ]
        name = f"{components} principal components{bounded}"
        found.append(_baseline(name, np.concatenate(squared), part))
    return found


def _baseline(name: str, squared: np.ndarray, part: str, **more: float) -> Baseline:
    return Baseline(name, {f"{part}_pixel_rmse": float(np.sqrt(squared.mean())), **more}, squared.astype(np.float64))


def _each_by_itself(
    pixels: Pixels, learnt: np.ndarray, mean: np.ndarray, judged: np.ndarray, likelihood: str, part: str, bounded: str,
    context: Context,
) -> Baseline:  # fmt: skip
    """The mean picture, and the exact log-likelihood where every value has its own distribution and nothing to do with others."""
    squared, nats = list[np.ndarray](), list[np.ndarray]()
    white = ((mean / 255) * len(learnt) + _SMOOTHING) / (len(learnt) + 2 * _SMOOTHING)
    logs = None if likelihood == "bernoulli" else _histograms(learnt)
    for x in _chunks(pixels, judged, context):
        squared.append(((x - mean) ** 2).mean(1))
        if logs is None:
            nats.append((x / 255 * np.log(white) + (1 - x / 255) * np.log(1 - white)).sum(1))
        else:
            nats.append(logs[np.arange(x.shape[1]), x.astype(np.int64)].sum(1))
    elbo = float(np.concatenate(nats).mean())
    return _baseline(f"each pixel by itself{bounded}", np.concatenate(squared), part, **{f"{part}_elbo": elbo})


def _histograms(learnt: np.ndarray) -> np.ndarray:
    """Log-probability of each of 256 values at each place, float32 (places, 256)."""
    places = learnt.shape[1]
    counts = np.full((places, 256), _SMOOTHING, np.float32)
    at = np.arange(places)
    for row in learnt:
        counts[at, row.astype(np.int64)] += 1
    return np.log(counts / counts.sum(1, keepdims=True))


def _chunks(pixels: Pixels, numbers: np.ndarray, context: Context):
    for start in range(0, len(numbers), _CHUNK):
        context.look(start, len(numbers))
        yield pixels.rows(numbers[start : start + _CHUNK]).reshape(-1, int(np.prod(pixels.shape))).astype(np.float32)


def _values(pixels: Pixels, numbers: np.ndarray, context: Context) -> np.ndarray:
    """float32 (n, values of a picture), 0..255."""
    return np.concatenate(list(_chunks(pixels, numbers, context)))
