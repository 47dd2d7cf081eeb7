"""The plain network beside an image classifier: it learns, answers alike each time, and can be stopped."""

import numpy as np
import pytest

from shared.errors import Cancelled
from worker.context import Context
from worker.families.images.plain_network import plain_network


def bars(count, side, channels=1, seed=0):
    """Pictures with a bright bar across (class 0) or upright (class 1), in noise: uint8 (count, side, side, channels), int64."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 120, (count, side, side, channels)).astype(np.uint8)
    labels = np.arange(count) % 2
    for picture, label, place in zip(pixels, labels, rng.integers(0, side, count), strict=True):
        (picture.swapaxes(0, 1) if label else picture)[place] = 220
    return pixels, labels


def learnt(known, labels, asked, **more):
    how = {"most_seen": 4_000, "seed": 3, "context": Context()} | more
    return plain_network(known, labels, 2, asked, **how)


@pytest.mark.parametrize(("side", "channels"), [(1, 1), (3, 3), (28, 1)])
def test_it_answers_for_pictures_of_every_size(side, channels):
    known, labels = bars(20, side, channels)
    found = learnt(known, labels, known[:7], most_seen=40)
    assert found.probabilities.shape == (7, 2) and np.allclose(found.probabilities.sum(1), 1, atol=1e-5)


def test_it_has_the_weights_of_its_source_for_28_grey_pixels_and_ten_classes():
    known, labels = np.zeros((10, 28, 28, 1), np.uint8), np.arange(10)
    assert plain_network(known, labels, 10, known, most_seen=1, seed=0, context=Context()).weights == 34_826


def test_it_tells_unseen_pictures_apart_and_the_same_again():
    (known, labels), (asked, truth) = bars(200, 12), bars(100, 12, seed=1)
    one, other = learnt(known, labels, asked), learnt(known, labels, asked)
    assert (one.probabilities.argmax(1) == truth).mean() > 0.9
    assert np.array_equal(one.probabilities, other.probabilities) and one.seconds > 0


def test_it_stops_when_it_is_asked_to():
    class Stopped(Context):
        def check(self):
            raise Cancelled("asked to stop")

    known, labels = bars(10, 8)
    with pytest.raises(Cancelled):
        learnt(known, labels, known, context=Stopped())
