"""How like real pictures those are that were made: the Frechet distance of their features (FID), and how much they differ.

Source: Heusel et al. 2017, arXiv:1706.08500, there with features of Inception on ImageNet. Here a small classifier of the very
pictures gives them (features.py): figures of one dataset can be compared with each other, and with no others.
"""

from typing import NamedTuple

import numpy as np


class Moments(NamedTuple):
    """Mean (features,) and covariance (features, features) of rows of features, float64."""

    mean: np.ndarray
    covariance: np.ndarray


def moments_of(features: np.ndarray) -> Moments:
    """features: float (n, features). Of one row the covariance is zero."""
    rows = np.asarray(features, np.float64)
    mean = rows.mean(0)
    apart = rows - mean
    return Moments(mean, apart.T @ apart / max(len(rows) - 1, 1))


def frechet_distance(a: Moments, b: Moments) -> float:
    """Squared Frechet (2-Wasserstein) distance of two normal distributions: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).

    The trace of the root is the sum of the roots of the eigenvalues of C1^(1/2) C2 C1^(1/2), which is symmetric.
    Source: Dowson, Landau 1982.
    """
    root = _root(a.covariance)
    values = np.linalg.eigvalsh(root @ b.covariance @ root)
    shared = np.sqrt(np.clip(values, 0, None)).sum()
    apart = a.mean - b.mean
    return max(float(apart @ apart + np.trace(a.covariance) + np.trace(b.covariance) - 2 * shared), 0.0)


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def fid(real: Moments, features: np.ndarray) -> float:
    """Distance of what was made from the real ones. features: float (n, features) of what was made."""
    return frechet_distance(real, moments_of(features))


def spread_of(features: np.ndarray, groups: np.ndarray) -> float:
    """Mean squared distance of two rows of the same group, over groups of two rows at least; 0 where there is none.

    features: float (n, features). groups: int (n,).
    """
    total, pairs = 0.0, 0
    for group in np.unique(groups):
        rows = np.asarray(features[groups == group], np.float64)
        count = len(rows)
        if count > 1:  # the mean over pairs is twice the variance
            total += 2 * rows.var(0, ddof=1).sum() * count * (count - 1)
            pairs += count * (count - 1)
    return total / pairs if pairs else 0.0
