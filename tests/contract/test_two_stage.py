"""What the second stage of a detector pools, corrects, learns by and finds, beside hand counts."""

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from worker.families.boxes.geometry import BINS, places  # noqa: E402
from worker.families.boxes.networks import detector  # noqa: E402
from worker.families.boxes.two_stage import (  # noqa: E402
    FIRST_CHANNELS,
    LOOKED_AT,
    Pooling,
    Surest,
    TwoStageLoss,
    corrected,
    corrected_by,
    find_two_stage,
    said_channels,
)

SHAPE, CLASSES = (64, 96), 3


def said(boxes, corrections, logits):
    """What a network would say whose first stage sees nothing. Lists, one for each box looked at."""
    rows = len(places(SHAPE)[0])
    found = np.zeros((1, rows + LOOKED_AT, said_channels(CLASSES)), np.float32)
    found[0, :rows, 4 * BINS] = -9
    for number, (box, correction, scores) in enumerate(zip(boxes, corrections, logits, strict=True)):
        found[0, rows + number, : 8 + CLASSES + 1] = [*box, *correction, *scores]
    return tf.constant(found)


def test_a_box_is_pooled_as_means_over_its_parts():
    values = np.arange(8 * 12, dtype=np.float32).reshape(1, 8, 12, 1)
    boxes = np.array(
        [[[16, 8, 16 + 7 * 8, 8 + 7 * 8], [0, 0, 14 * 4, 7 * 8], [0, 0, 0, 0], [8, 8, 10, 10]]], np.float32
    )
    pooled = Pooling(8)([tf.constant(boxes), tf.constant(values)]).numpy()[0, ..., 0]
    np.testing.assert_allclose(pooled[0], values[0, 1:8, 2:9, 0], rtol=1e-4)  # parts are places
    np.testing.assert_allclose(pooled[1], values[0, 0:7, 0:7, 0], rtol=1e-4)
    np.testing.assert_allclose(pooled[3], np.full((7, 7), values[0, 1, 1, 0]), rtol=1e-3)  # all within one place
    half = Pooling(8)([tf.constant([[[4.0, 0, 4 + 56, 56]]]), tf.constant(values)]).numpy()[0, 0, ..., 0]
    np.testing.assert_allclose(half, (values[0, :7, 0:7, 0] + values[0, :7, 1:8, 0]) / 2, rtol=1e-4)


def test_corrections_lead_from_a_box_to_the_true_one():
    boxes, truth = tf.constant([[10.0, 10, 30, 50], [0, 0, 0, 0]]), tf.constant([[12.0, 4, 50, 44], [1, 1, 9, 9]])
    moved = corrected_by(boxes, truth)
    assert corrected(boxes[:1], moved[:1]).numpy()[0] == pytest.approx([12, 4, 50, 44], abs=1e-3)
    assert moved.numpy()[1].tolist() == [0] * 4 and np.isfinite(corrected(boxes, moved + 99).numpy()).all()


def test_boxes_are_corrected_named_and_thinned_out_and_nothing_is_no_class():
    boxes = [[10, 10, 30, 30], [11, 10, 31, 30], [50, 20, 90, 60], [60, 5, 90, 20]]
    shift = corrected_by(tf.constant([boxes[2]], tf.float32), tf.constant([[40.0, 10, 110, 70]])).numpy()[0]
    logits = [[0, 5, 0, 0], [0, 4, 0, 0], [6, 0, 0, 0], [0, 0, 0, 9]]
    found = find_two_stage(said(boxes, [[0] * 4, [0] * 4, shift, [0] * 4], logits), SHAPE, CLASSES, 0.25, 0.6)
    corners, scores, classes, counts = (part.numpy() for part in found)
    assert counts.tolist() == [2] and classes[0, :2].tolist() == [0, 1]
    assert corners[0, 0] == pytest.approx([40, 10, 96, 64], abs=1e-2), "cut off at the edge of the picture"
    assert corners[0, 1] == pytest.approx(boxes[0]) and scores[0, 1] == pytest.approx(np.exp(5) / (np.exp(5) + 3))


def test_the_loss_asks_for_the_class_where_a_box_lies_on_a_true_one_and_for_nothing_elsewhere():
    truth = np.array([[[10, 10, 30, 30, 1], [-1] * 5]], np.float32)
    boxes, loss = [[11, 10, 31, 30], [60, 5, 90, 20]], TwoStageLoss(SHAPE, CLASSES)
    right = corrected_by(tf.constant([boxes[0]], tf.float32), tf.constant(truth[0, :1, :4])).numpy()[0]

    def value(corrections, *logits):
        return float(loss.call(truth, said(boxes, [corrections, [9] * 4], logits)))

    good = value(right, [0, 9, 0, 0], [0, 0, 0, 9])
    assert value(right, [9, 0, 0, 0], [0, 0, 0, 9]) > good + 8, "another class"
    assert value(right, [0, 9, 0, 0], [0, 9, 0, 0]) > good + 8, "a class where nothing is"
    assert value(right + 3, [0, 9, 0, 0], [0, 0, 0, 9]) == pytest.approx(good + 2 * 4 * 2.5 / 2, rel=1e-3), (
        "a box beside it"
    )
    bare = float(loss.call(np.full((1, 1, 5), -1, np.float32), said([], [], [])))
    assert np.isfinite(bare)


@pytest.mark.parametrize("classes", [1, 80])
def test_a_network_of_any_number_of_classes_answers_in_one_tensor_and_learns_in_both_stages(classes):
    keras.utils.set_random_seed(0)
    model = detector((*SHAPE, 3), classes, width=4, depth=1, mean=[0.5] * 3, std=[0.2] * 3, two_stage=True)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, *SHAPE, 3)).astype(np.float32)
    truth = np.array([[[10, 10, 40, 40, 0]], [[20, 8, 60, 50, classes - 1]]], np.float32)
    with tf.GradientTape() as tape:
        answer = model(pixels, training=True)
        value = TwoStageLoss(SHAPE, classes).call(truth, answer)
    assert answer.shape == (2, len(places(SHAPE)[0]) + LOOKED_AT, max(FIRST_CHANNELS, classes + 9))
    gradients = tape.gradient(value, model.trainable_variables)
    assert all(each is not None and np.isfinite(tf.convert_to_tensor(each)).all() for each in gradients)
    assert (answer.numpy()[:, -LOOKED_AT:, :4].max((1, 2)) > 0).all(), (
        "some boxes are looked at before anything is learnt"
    )


def test_the_surest_boxes_are_within_the_picture_and_not_twice_the_same():
    rng = np.random.default_rng(1)
    first = rng.normal(0, 2, (1, len(places(SHAPE)[0]), FIRST_CHANNELS)).astype(np.float32)
    boxes = Surest(SHAPE)(first).numpy()[0]
    boxes = boxes[(boxes[:, 2:] > boxes[:, :2]).all(1)]
    assert len(boxes) > 10 and boxes.min() >= 0 and (boxes.max(0) <= [96, 64, 96, 64]).all()
    assert len(np.unique(boxes, axis=0)) == len(boxes)
