"""Boxes move as their pictures do, go into the network's picture and back unchanged, and are measured as COCO measures them."""

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("pycocotools")

from PIL import Image  # noqa: E402

from worker.families.boxes.augment import Moves, Source, mosaic, piece  # noqa: E402
from worker.families.boxes.letterbox import GREY, fitted, letterboxed, network_shape, scales  # noqa: E402
from worker.families.boxes.measuring import map50, measured  # noqa: E402

HOW = Moves(flip_horizontal=True, flip_vertical=True, zoom=0.5, mosaic=1.0)


def scene(seed, height=60, width=80):
    """A black picture with one bright rectangle for each class, and its boxes."""
    rng = np.random.default_rng(seed)
    pixels, boxes = np.zeros((height, width, 3), np.uint8), []
    for label in range(2):
        x, y = int(rng.integers(0, width - 30)), int(rng.integers(0, height - 24))
        pixels[y : y + 22, x : x + 28, label] = 250
        boxes.append((x, y, x + 28, y + 22, label))
    return Source(pixels, np.array(boxes, np.float32))


def holds_what_it_says(pixels, boxes):
    """Where a box is, its class's colour is, nearly everywhere; and hardly outside of all boxes of the class."""
    for label in range(2):
        bright, within = (pixels[..., label] > 125) & (pixels[..., 2] < 60), np.zeros(pixels.shape[:2], bool)
        for x0, y0, x1, y1, _ in boxes[boxes[:, 4] == label]:
            inner = bright[int(np.ceil(y0)) : int(y1), int(np.ceil(x0)) : int(x1)]
            assert inner.size and inner.mean() > 0.85
            within[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = True
        edge = bright & ~within
        assert edge.sum() <= 0.25 * 28 * 22 * 2.25 * 4  # what was cut down to less than a quarter is no box


@pytest.mark.parametrize("seed", range(12))
def test_boxes_move_as_their_picture_does(seed):
    source = scene(seed)
    pixels, boxes = piece(source, (64, 96), np.random.default_rng(seed), HOW)
    assert pixels.shape == (64, 96, 3) and pixels.dtype == np.uint8
    holds_what_it_says(pixels, boxes)
    again = piece(source, (64, 96), np.random.default_rng(seed), HOW)
    assert np.array_equal(again[0], pixels) and np.array_equal(again[1], boxes)
    assert np.array_equal(source.boxes, scene(seed).boxes)  # nothing was changed in its place


def test_a_picture_that_is_not_moved_stays_as_it_is():
    source = scene(3)
    pixels, boxes = piece(source, (60, 80), np.random.default_rng(0), Moves())
    assert np.array_equal(pixels, source.pixels) and np.array_equal(boxes, source.boxes)


@pytest.mark.parametrize("seed", range(6))
def test_a_mosaic_holds_the_boxes_of_four_pictures_each_in_its_own_piece(seed):
    pixels, boxes = mosaic([scene(10 * seed + n) for n in range(4)], (128, 160), np.random.default_rng(seed), HOW)
    assert pixels.shape == (128, 160, 3) and len(boxes) >= 2
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 2] <= 160).all() and (boxes[:, 3] <= 128).all()
    holds_what_it_says(pixels, boxes)


def test_a_picture_without_boxes_and_one_of_a_single_pixel_are_moved_too():
    for size in ((60, 80), (1, 1), (1, 50)):
        source = Source(np.full((*size, 1), 9, np.uint8), np.zeros((0, 5), np.float32))
        pixels, boxes = piece(source, (32, 64), np.random.default_rng(1), HOW)
        assert boxes.shape == (0, 5) and set(np.unique(pixels)) <= {9, GREY} and (pixels == 9).any()


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1, 1), (5000, 3), (33, 32), (301, 299)])
def test_boxes_go_into_the_network_s_picture_and_back(size):
    shape = (256, 320, 3)
    width, height = fitted(size, shape)
    assert 1 <= width <= 320 and 1 <= height <= 256 and (width == 320 or height == 256)
    pixels = letterboxed(Image.new("RGB", size, "white"), shape)
    assert (pixels[:height, :width] == 255).all() and (pixels == 255).all(-1).sum() == width * height
    whole = np.array([0, 0, *size]) * scales(size, shape)
    assert whole == pytest.approx([0, 0, width, height])
    assert whole / scales(size, shape) == pytest.approx([0, 0, *size])


def test_the_network_s_shape_follows_the_pictures_and_one_odd_one_does_not_spoil_it():
    assert network_shape([(640, 480)] * 9, 0) == (256, 320)
    assert network_shape([(640, 480)] * 60 + [(480, 640)], 0) == (256, 320)
    assert network_shape([(640, 480), (480, 640)] * 9, 0) == (320, 320)
    assert network_shape([(20, 10)], 0) == (32, 32) and network_shape([(64, 20)], 100) == (64, 128)
    assert network_shape([(1, 1)], 0) == (32, 32)


def made_up(seed, pictures=12, classes=3):
    """True boxes, and said ones of which some are near a true one, some of another class, some nowhere."""
    rng = np.random.default_rng(seed)
    truth, said = [], []
    for _ in range(pictures):
        count = int(rng.integers(0, 6))
        at, side = rng.uniform(0, 80, (count, 2)), rng.uniform(10, 40, (count, 2))
        truth.append(np.column_stack([at, at + side, rng.integers(0, classes, count)]))
        near = truth[-1][rng.random(count) < 0.8]
        near = np.column_stack([near[:, :4] + rng.normal(0, 3, (len(near), 4)), rng.random(len(near)), near[:, 4]])
        corner = rng.uniform(0, 80, (4, 2))
        far = np.column_stack([corner, corner + 20, rng.random(4) * 0.7, rng.integers(0, classes, 4)])
        said.append(np.concatenate([near, far]))
    return truth, said


def test_average_precision_is_that_of_hand_counts():
    box = [0.0, 0.0, 10.0, 10.0]
    truth = [np.array([[*box, 0]]), np.array([[*box, 0]])]
    said = [np.array([[*box, 0.9, 0], [50, 50, 60, 60, 0.8, 0]]), np.array([[*box, 0.7, 0]])]
    found = measured(truth, said, 2)
    # right, wrong, right: precision 1 up to a recall of 0.5 (51 of 101 recalls), then 2/3; class 1 has no box and does not count
    assert found.metrics()["map50"] == pytest.approx((51 + 50 * 2 / 3) / 101, abs=1e-6)
    assert found.there.tolist() == [True, False]
    off = [
        np.array([[0, 0, 10, 7.0, 0.9, 0]]),
        np.array([[0, 0, 10, 7.0, 0.9, 0]]),
    ]  # overlap 0.7: right at 5 of 10 thresholds
    assert measured(truth, off, 1).metrics() == pytest.approx({"map50": 1.0, "map50_95": 0.5})


@pytest.mark.parametrize("seed", range(4))
def test_what_the_verdict_compares_by_is_what_pycocotools_says(seed):
    truth, said = made_up(seed)
    found = measured(truth, said, 3)
    assert map50(found.matches, np.arange(len(truth))) == pytest.approx(found.metrics()["map50"], abs=1e-9)
    rows = np.random.default_rng(seed).integers(0, len(truth), len(truth))
    again = measured([truth[row] for row in rows], [said[row] for row in rows], 3)
    assert map50(found.matches, rows) == pytest.approx(
        again.metrics()["map50"], abs=0.02
    )  # equal scores may come in another order


def test_nothing_said_is_nought_and_nothing_true_is_not_measured():
    nothing = [np.zeros((0, 6))]
    assert measured([np.array([[0, 0, 5, 5, 0.0]])], nothing, 1).metrics() == {"map50": 0.0, "map50_95": 0.0}
    without = measured([np.zeros((0, 5))], [np.array([[0, 0, 5, 5, 0.5, 0.0]])], 1)
    assert without.metrics() == {} and map50(without.matches, np.array([0])) is None
