"""The nearest of many vectors, doubles, groups and their names, ranks and their figures."""

import numpy as np
import pytest

from worker.families.matching.grouping import as_many_as, doubles, groups, named
from worker.families.matching.nearest import nearest
from worker.families.matching.ranking import figures, ranking_judge, ranks


def _unit(rows: int, width: int = 8, seed: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.parametrize(("rows", "count"), [(1, 3), (5, 5), (300, 7), (20_000, 10)])
def test_the_nearest_are_those_of_a_full_sort_over_borders_of_blocks(rows: int, count: int) -> None:
    vectors, asked = _unit(rows), _unit(260, seed=1)
    places, cosines = nearest(vectors, asked, count)
    products = asked @ vectors.T
    right = np.argsort(-products, axis=1, kind="stable")[:, :count]
    assert places.shape == (260, min(rows, count))
    np.testing.assert_allclose(cosines, np.take_along_axis(products, right, 1), atol=1e-6)
    assert (places == right).mean() > 0.999  # numbers that differ by rounding alone may change places


def test_a_text_is_not_its_own_nearest_and_the_first_of_equal_ones_comes_first() -> None:
    vectors = np.repeat(_unit(3), 2, axis=0)
    places, cosines = nearest(vectors, vectors, 2, apart=np.arange(6))
    assert places[:, 0].tolist() == [1, 0, 3, 2, 5, 4]
    assert cosines[:, 0] == pytest.approx(np.ones(6), abs=1e-6)
    assert nearest(vectors, vectors[:1], 2)[0].tolist() == [[0, 1]]
    assert nearest(vectors[:1], vectors[:1], 2, apart=np.zeros(1, np.int64))[0].shape == (1, 0)
    assert nearest(vectors[:0], vectors[:1], 2)[0].shape == (1, 0)


def test_doubles_of_doubles_are_doubles_of_the_first() -> None:
    angles = np.array([0.0, 0.2, 0.4, 2.0, 0.6, 2.1])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    places, cosines = nearest(vectors, vectors, 3, apart=np.arange(6))
    assert doubles(places, cosines, float(np.cos(0.25))).tolist() == [-1, 0, 0, -1, 0, 3]
    assert doubles(places, cosines, 0.9999).tolist() == [-1] * 6


def test_groups_are_found_the_largest_first_and_named_by_their_words() -> None:
    centres = np.eye(8, dtype=np.float32)[:2]
    vectors = np.concatenate([centres[:1] + 0.01 * _unit(20), centres[1:] + 0.01 * _unit(30, seed=2)])
    found = groups(vectors, 2, seed=0)
    assert found.tolist() == [1] * 20 + [0] * 30
    texts = [
        (1, "the cat and the mouse"),
        (1, "a cat"),
        (0, "the stock market"),
        (0, "market of 天气 today"),
        (0, "天气 market"),
    ]
    first, second = named([texts], 2, lambda: None)
    assert first.startswith("market") and "天气" in first and second.startswith("cat")
    assert named([[(0, "12 3")]], 1, lambda: None) == ["no words"]
    assert groups(np.ones((4, 2), np.float32), 3, seed=0).tolist() == [0] * 4
    assert [as_many_as(texts) for texts in (1, 2, 200, 10**6)] == [1, 1, 10, 50]


def test_ranks_share_equal_places_and_other_right_answers_are_no_rivals() -> None:
    likeness = np.array([[0.9, 0.5, 0.5, 0.1], [0.2, 0.8, 0.9, 0.1], [0.0, 0.0, 0.0, 0.0]])
    found = ranks(
        lambda begin, end: likeness[begin:end],
        np.array([1, 1, 3]),
        {0: np.array([1]), 1: np.array([1, 2]), 2: np.array([3])},
        np.array([0, 1, 2]),
        lambda: None,
    )
    assert found.tolist() == [2.5, 1.0, 2.5]
    said = figures(np.array([1.0, 2.0, 11.0]))
    assert said["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 11) / 3)
    assert said["ndcg_at_10"] == pytest.approx((1 + 1 / np.log2(3)) / 3)
    assert (said["recall_at_1"], said["recall_at_10"]) == pytest.approx((1 / 3, 2 / 3))
    assert ranking_judge().score(np.array([1.0, 2.0]), np.array([1, 1])) == 0.5
