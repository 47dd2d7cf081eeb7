"""The distance of features against numbers reckoned by hand, against scipy's matrix root, and what it must keep to."""

import numpy as np
import pytest
import scipy.linalg

from worker.families.making.distance import Moments, fid, frechet_distance, moments_of, spread_of


def test_of_one_feature_it_is_the_distance_of_means_and_of_spreads():
    a, b = Moments(np.array([1.0]), np.array([[4.0]])), Moments(np.array([4.0]), np.array([[9.0]]))
    assert frechet_distance(a, b) == pytest.approx((1 - 4) ** 2 + (2 - 3) ** 2)


def test_of_features_that_have_nothing_to_do_with_each_other_it_is_their_sum():
    a = Moments(np.array([0.0, 1.0]), np.diag([1.0, 4.0]))
    b = Moments(np.array([2.0, 1.0]), np.diag([9.0, 0.25]))
    assert frechet_distance(a, b) == pytest.approx(4 + 0 + (1 - 3) ** 2 + (2 - 0.5) ** 2)


def test_it_is_what_scipys_root_of_the_product_gives():
    rng = np.random.default_rng(0)
    a, b = (moments_of(rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6)) + rng.normal(size=6)) for _ in range(2))
    root = np.real(scipy.linalg.sqrtm(a.covariance @ b.covariance))
    apart = a.mean - b.mean
    wanted = apart @ apart + np.trace(a.covariance + b.covariance - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(wanted, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(wanted, rel=1e-6)


def test_it_is_none_to_itself_also_where_features_are_all_alike_or_turned():
    rows = np.random.default_rng(1).normal(size=(50, 4))
    rows[:, 3] = 2.0  # a feature that never changes
    assert fid(moments_of(rows), rows) == pytest.approx(0, abs=1e-9)
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(4, 4)))
    other = rows + 1
    assert fid(moments_of(rows @ turn), other @ turn) == pytest.approx(fid(moments_of(rows), other))
    assert fid(moments_of(rows), rows[:1]) > 1, "one picture over and over is far from many"


def test_moments_are_those_of_numpy():
    rows = np.random.default_rng(3).normal(size=(30, 5)).astype(np.float32)
    found = moments_of(rows)
    np.testing.assert_allclose(found.covariance, np.cov(rows, rowvar=False), atol=1e-6)
    assert moments_of(rows[:1]).covariance.any() == np.False_


def test_the_spread_is_the_mean_over_pairs_of_the_same_group():
    rows, groups = np.array([[0.0], [2.0], [10.0], [11.0], [50.0]]), np.array([0, 0, 1, 1, 2])
    assert spread_of(rows, groups) == pytest.approx((4 + 1) / 2)
    assert spread_of(np.ones((4, 3)), np.zeros(4, int)) == 0
    assert spread_of(rows, np.arange(5)) == 0
