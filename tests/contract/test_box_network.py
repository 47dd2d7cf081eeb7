"""Boxes are read off a network's logits, assigned to its places, learnt and thinned out as the papers have it."""

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from worker.families.boxes.assigning import assign  # noqa: E402
from worker.families.boxes.finding import find  # noqa: E402
from worker.families.boxes.geometry import BINS, boxes_of, complete_overlaps, overlaps, places  # noqa: E402
from worker.families.boxes.losses import BoxLoss  # noqa: E402
from worker.families.boxes.networks import detector  # noqa: E402


def test_boxes_are_read_off_the_logits_as_distances_in_strides():
    at, strides = places((64, 96))
    assert len(at) == 12 * 8 + 6 * 4 + 3 * 2 and at[0].tolist() == [4, 4] and at[-1].tolist() == [80, 48]
    logits = np.full((1, len(at), 4, BINS), -60, np.float32)
    for side, distance in enumerate((1, 2, 3, 15)):
        logits[..., side, distance] = 60
    logits[0, 0, 0] = -60
    logits[0, 0, 0, [4, 5]] = 60  # both alike: between them
    boxes = boxes_of(logits.reshape(1, -1, 4 * BINS), at, strides).numpy()[0]
    assert boxes[0] == pytest.approx([4 - 4.5 * 8, 4 - 2 * 8, 4 + 3 * 8, 4 + 15 * 8], abs=1e-3)
    assert boxes[-1] == pytest.approx([80 - 32, 48 - 64, 80 + 96, 48 + 480], abs=1e-3)


def test_overlaps_are_those_of_hand_counts():
    one = tf.constant([[0.0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10], [5, 5, 5, 5]])
    other = tf.constant([[0.0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [5, 5, 5, 5]])
    assert overlaps(one, other).numpy() == pytest.approx([1, 1 / 3, 0, 0])
    complete = complete_overlaps(one, other).numpy()
    assert complete[:3] == pytest.approx([1, 1 / 3 - 25 / 325, -800 / 1800]) and np.isfinite(complete).all()
    flat = complete_overlaps(tf.constant([0.0, 0, 20, 10]), tf.constant([5.0, -5, 15, 15]))
    shape = 4 / np.pi**2 * (np.arctan(2) - np.arctan(0.5)) ** 2
    iou = 100 / 300
    assert float(flat) == pytest.approx(iou - shape / (1 - iou + shape) * shape, rel=1e-5)


def test_every_box_has_a_place_however_small_and_a_place_belongs_to_one_box_alone():
    shape = (64, 96)
    at, _ = places(shape)
    truth = np.array([[[1, 1, 3, 3], [10, 10, 60, 50], [12, 12, 58, 52], [70, 5, 90, 60], [0, 0, 0, 0]]], np.float32)
    labels = np.array([[0, 1, 1, 2, -1]], np.int32)
    rng = np.random.default_rng(0)
    said = np.concatenate([at - rng.uniform(4, 30, (len(at), 2)), at + rng.uniform(4, 30, (len(at), 2))], 1)[
        None
    ].astype(np.float32)
    shares = rng.uniform(0.01, 0.05, (1, len(at), 3)).astype(np.float32)
    target = assign(tf.constant(said), tf.constant(shares), tf.constant(truth), tf.constant(labels), tf.constant(at))
    weights, boxes, scores = (part.numpy()[0] for part in (target.weights, target.boxes, target.scores))
    for box, label in zip(truth[0][:4], labels[0], strict=False):
        own = (weights > 0) & (boxes == box).all(1)
        assert 1 <= own.sum() <= 10
        assert (scores[own].argmax(1) == label).all() and scores[own].sum(1) == pytest.approx(weights[own])
        inside = np.abs(at[own] - (box[:2] + box[2:]) / 2) <= np.maximum((box[2:] - box[:2]) / 2, 4)
        assert inside.all()
        best = float(tf.reduce_max(overlaps(tf.constant(box), tf.constant(said[0][own]))))
        assert weights[own].max() == pytest.approx(best, rel=1e-5)  # the best place of a box has its best overlap
    assert (scores[weights == 0] == 0).all()


def test_the_loss_falls_to_what_is_left_when_the_boxes_are_right():
    shape = (64, 96)
    at, strides = places(shape)
    truth = np.array([[[16, 8, 48, 40, 1], [-1] * 5]], np.float32)
    right, wrong = (np.full((1, len(at), 4 * BINS + 2), -9, np.float32) for _ in range(2))
    distances = np.concatenate([at - truth[0, 0, :2], truth[0, 0, 2:4] - at], 1) / strides[:, None]
    inside = (distances >= 0).all(1)
    for place in np.flatnonzero(inside):
        for side, distance in enumerate(distances[place]):
            low = int(distance)
            values = right[0, place, side * BINS : (side + 1) * BINS]
            values[:] = -30
            values[low], values[low + 1] = (np.log(max(share, 1e-9)) for share in (1 - distance % 1, distance % 1))
    right[0, inside, 4 * BINS + 1] = 9
    wrong[0, :, 4 * BINS] = 9
    good, bad = (float(BoxLoss(shape).call(truth, logits)) for logits in (right, wrong))
    assert (
        good < 1.5 < 5 < bad
    )  # left: the entropy of sides between two bins, and places beside the ten that say it too
    assert np.isfinite(float(BoxLoss(shape).call(np.full((1, 2, 5), -1, np.float32), right)))


def test_of_boxes_of_a_class_that_lie_on_each_other_the_surest_stays():
    shape = (32, 64)
    at, strides = places(shape)
    logits = np.full((1, len(at), 4 * BINS + 2), -30, np.float32)
    near = np.flatnonzero((np.abs(at - [24, 16]) <= 4.1).all(1) & (strides == 8))
    assert len(near) == 4
    for rank, place in enumerate(near):
        distances = np.concatenate([at[place] - [8, 8], [32, 24] - at[place]]) / 8
        for side, distance in enumerate(distances):
            low = int(distance)
            logits[0, place, side * BINS + low : side * BINS + low + 2] = np.log(
                [1 - distance % 1 + 1e-9, distance % 1 + 1e-9]
            )
        logits[0, place, 4 * BINS] = 1 + rank
    logits[0, near[0], 4 * BINS + 1] = 3  # another class at the same place stays as well
    boxes, scores, classes, counts = (part.numpy() for part in find(tf.constant(logits), shape, 0.25, 0.6))
    assert counts.tolist() == [2] and classes[0, :2].tolist() == [0, 1]
    assert scores[0, :2] == pytest.approx([1 / (1 + np.exp(-4)), 1 / (1 + np.exp(-3))])
    assert boxes[0, 0] == pytest.approx([8, 8, 32, 24], abs=0.1)


@pytest.mark.parametrize("shape", [(32, 32, 1), (64, 96, 3)])
def test_a_network_of_any_shape_says_nothing_surely_before_it_has_learnt(shape):
    keras.utils.set_random_seed(0)
    model = detector(shape, 3, width=5, depth=2, mean=[0.5] * shape[2], std=[0.2] * shape[2])
    pixels = np.random.default_rng(0).uniform(0, 255, (2, *shape)).astype(np.float32)
    logits = model(pixels, training=True)  # normalised by the batch: moving averages have seen nothing yet
    assert logits.shape == (2, len(places(shape[:2])[0]), 4 * BINS + 3) and logits.dtype == tf.float32
    assert float(tf.reduce_mean(tf.sigmoid(logits[..., 4 * BINS :]))) < 0.1
