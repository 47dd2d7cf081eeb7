"""The nearest pictures and class means beside an image classifier, against what can be told by hand."""

import pytest

np = pytest.importorskip("numpy")

from worker.context import Context  # noqa: E402
from worker.families.images import baselines  # noqa: E402
from worker.families.images.baselines import nearest, spread  # noqa: E402


def test_large_pictures_become_means_over_areas():
    picture = np.zeros((1, 33, 40, 3), np.uint8)
    picture[:, :, 20:] = 255
    small = baselines._area_means(picture, 16)
    assert small.shape == (1, 16, 16, 3) and small[0, :, :8].max() == 0 and small[0, :, 8:].min() == 255
    assert baselines._area_means(np.full((2, 8, 8, 1), 51, np.uint8), 16).shape == (2, 8, 8, 1)


def test_the_majority_of_the_nearest_wins_and_no_class_has_probability_0():
    known = np.array([[0.0], [0.1], [0.2], [1.0], [1.1], [9.0]], np.float32)
    shares = nearest(known, np.array([0, 0, 0, 1, 1, 2]), 3, np.array([[0.05], [1.2]], np.float32), Context())
    assert shares.argmax(1).tolist() == [0, 0] and shares.min() > 0
    assert shares.sum(1) == pytest.approx(1)


def test_of_as_many_neighbours_the_nearer_ones_win():
    known = np.array([[0.0], [0.1], [1.0], [1.1], [5.0]], np.float32)
    shares = nearest(known, np.array([0, 0, 1, 1, 2]), 3, np.array([[0.2], [0.9]], np.float32), Context())
    assert shares.argmax(1).tolist() == [0, 1]


def test_the_nearest_mean_never_says_a_class_that_it_has_not_seen():
    known = np.array([[0.0], [0.2], [1.0]], np.float32)
    said = baselines._nearest_mean(known, np.array([0, 0, 2]), 3, np.array([[0.3], [0.7]], np.float32))
    assert said.tolist() == [[1, 0, 0], [0, 0, 1]]


def test_what_is_taken_of_many_is_spread_over_all():
    assert spread(3, 5).tolist() == [0, 1, 2]
    assert spread(101, 3).tolist() == [0, 50, 100]
