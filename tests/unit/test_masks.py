"""Masks: figures against those counted by hand, pairs read by number whether they are kept or decoded, what a crop holds."""

import numpy as np
import pytest

from shared.datasets.pairs.storing import NOTHING
from shared.errors import DatasetInvalid
from shared.outputs import Matrix, Table
from shared.recipes.image_segmenter import ImageSegmenterTrain, check
from tests.support.tiny_datasets import imported
from tests.support.tiny_masks import CLASSES, VOID, tiny_pairs, tiny_scene
from worker.context import Context
from worker.families.masks.measuring import by_class, counted, mask_judge, mask_metrics, mask_outputs
from worker.families.masks.pairs import MaskPairs, prepare_pairs, scaled_size

TRUE = np.array([[0, 0, 1, 1], [0, 0, 1, NOTHING]], np.uint8)
SAID = np.array([[0, 1, 1, 1], [0, 0, 0, 2]], np.uint8)


def test_pixels_are_counted_by_true_and_said_class_but_those_of_no_class():
    assert counted(TRUE, SAID, 3).tolist() == [[3, 1, 0], [1, 2, 0], [0, 0, 0]]


def test_figures_are_those_of_the_field():
    counts = counted(TRUE, SAID, 3)
    each, found = by_class(counts), mask_metrics(counts)
    assert each["iou"][:2].tolist() == [3 / 5, 2 / 4] and np.isnan(each["iou"][2])
    assert each["dice"][:2].tolist() == [6 / 8, 4 / 6]
    assert found["mean_iou"] == pytest.approx((3 / 5 + 1 / 2) / 2)
    assert found["mean_dice"] == pytest.approx((6 / 8 + 4 / 6) / 2)
    assert found["pixel_accuracy"] == 5 / 7
    assert found["mean_accuracy"] == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert mask_metrics(np.zeros((3, 3), int)) == {}


def test_a_class_said_where_the_truth_has_none_costs_those_that_are_there():
    counts = counted(np.zeros((2, 4), np.uint8), SAID, 3)
    assert mask_metrics(counts)["mean_iou"] == 4 / 8


def test_models_are_compared_over_the_pixels_of_all_pictures_drawn():
    each = np.stack([counted(TRUE, SAID, 3), counted(TRUE, np.where(TRUE == NOTHING, 0, TRUE), 3)])
    judge = mask_judge()
    assert judge.score(each, np.array([1, 1])) == 1.0
    assert judge.score(each, np.array([0, 1])) == mask_metrics(each.sum(0))["mean_iou"]


def test_outputs_name_every_class_and_leave_blank_what_is_not_defined():
    table, matrix = mask_outputs(counted(TRUE, SAID, 3), ["路", "sky", "none"], "test part")
    assert isinstance(table, Table) and isinstance(matrix, Matrix)
    assert [row[0] for row in table.rows] == ["路", "sky", "none"] and table.rows[2][2] is None
    assert matrix.counts[0] == [750, 250, 0]


def test_larger_pictures_are_scaled_down_and_smaller_ones_never_up():
    assert scaled_size((2_048, 1_000), 0) == (1_024, 500)
    assert scaled_size((100, 50), 0) == (100, 50)
    assert scaled_size((100, 50), 20) == (20, 10)
    assert scaled_size((5_000, 1), 64) == (64, 1)


@pytest.fixture(params=[10**9, 0], ids=["kept", "decoded"])
def pairs(request, tmp_path):
    inputs = imported(tmp_path, tiny_pairs(5), "picture_pairs")
    return prepare_pairs(inputs["data"], 0, Context(max_cache_bytes=request.param))


def test_pairs_are_read_by_number_with_what_is_measured_of_them(pairs: MaskPairs):
    assert [name for name, _ in pairs.classes] == [*CLASSES, "void"] and len(pairs) == 5
    pixels, mask = tiny_scene(3)
    found, values = pairs.whole(3)
    assert np.array_equal(found, pixels) and np.array_equal(values, np.where(mask == VOID, 3, mask))
    assert pairs.counts[3, :4].tolist() == [np.sum(mask == value) for value in (0, 1, 2, VOID)]
    every = np.stack([tiny_scene(i)[0] for i in range(5)]) / 255
    mean, std = pairs.moments(np.arange(5))
    np.testing.assert_allclose(mean, every.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(std, every.std((0, 1, 2)), rtol=1e-6)


def test_a_crop_is_a_piece_and_beyond_the_edges_of_no_class(pairs: MaskPairs):
    pixels, values = pairs.whole(2)
    piece = pairs.crop(2, 4, 6, (8, 8))
    assert np.array_equal(piece[..., :-1], pixels[4:12, 6:14]) and np.array_equal(piece[..., -1], values[4:12, 6:14])
    over = pairs.crop(2, 20, 0, (8, 40))
    assert np.array_equal(over[:4, :32, :-1], pixels[20:]) and np.array_equal(over[:4, :32, -1], values[20:])
    assert (over[4:, :, -1] == NOTHING).all() and (over[:, 32:, -1] == NOTHING).all()
    assert np.array_equal(over[5, 35, :-1], pixels[23, 31])


def test_every_pair_that_cannot_be_read_is_named(tmp_path):
    inputs = imported(tmp_path, tiny_pairs(4), "picture_pairs")
    root = inputs["data"].folder / "files"
    (root / "left" / "001.png").write_bytes(b"damaged")
    (root / "right" / "002.png").write_bytes(b"damaged")
    with pytest.raises(DatasetInvalid) as caught:
        prepare_pairs(inputs["data"], 0, Context())
    assert [problem.file for problem in caught.value.problems] == ["left/001.png", "left/002.png"]
    assert "right/002.png" in caught.value.problems[1].message


def test_classes_to_be_ignored_must_be_there_and_two_must_be_left(tmp_path):
    datasets = {"data": imported(tmp_path, tiny_pairs(4), "picture_pairs")["data"].dataset}

    def wrong(*ignore):
        return [p.message for p in check(ImageSegmenterTrain.model_validate({"ignore": list(ignore)}), datasets)]

    assert wrong("void") == []
    (told,) = wrong("Void")
    assert "no class 'Void'; did you mean 'void'?" in told
    (told,) = wrong("void", "ground", "stripe")
    assert told == "has one class (圆盘); a segmenter needs at least two"
