"""Damage made on purpose, figures of restored pictures, and simple answers: by hand, and by other programs' numbers."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from PIL import Image

from shared.datasets.report import DatasetReport
from shared.recipes.image_to_image import ImageToImageTrain, check
from worker.families.restoring.baselines import from_the_edge, mean_colour
from worker.families.restoring.damage import drawn_hole, noisy, smaller, with_hole
from worker.families.restoring.losses import Charbonnier, Psnr
from worker.families.restoring.measuring import compared, luma, psnr, ssim
from worker.families.restoring.networks import HOLE, restorer


def test_brightness_is_that_of_bt_601():
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [10, 200, 90], [0, 0, 0]]], np.uint8)
    # scikit-image 0.25: rgb2ycbcr
    assert luma(colours)[0] == pytest.approx([81.481, 144.553, 40.966, 235, 128.20529412, 16])
    assert luma(np.full((2, 3, 1), 7, np.uint8)).tolist() == [[7.0] * 3] * 2


def test_psnr_and_ssim_are_those_of_other_programs_and_of_hand():
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:40, :52]
    scene = 128 + 60 * np.sin(x / 5) + 40 * np.cos(y / 7) + rng.normal(0, 5, (40, 52))
    one = np.clip(scene, 0, 255).astype(np.uint8)
    other = np.clip(one + rng.normal(0, 15, one.shape), 0, 255).astype(np.uint8)
    # scikit-image 0.25: structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255)
    assert ssim(one, other) == pytest.approx(0.6541365080512219, abs=1e-9)
    assert psnr(one, other) == pytest.approx(24.66147472973379, abs=1e-9)
    flat = np.full((11, 11), 100.0), np.full((11, 11), 120.0)
    c1 = (0.01 * 255) ** 2
    assert ssim(*flat) == pytest.approx((2 * 100 * 120 + c1) / (100**2 + 120**2 + c1))
    assert psnr(*flat) == pytest.approx(20 * np.log10(255 / 20))
    assert ssim(one, one) == pytest.approx(1) and psnr(one, one) == 100
    assert ssim(one[:10], other[:10]) is None


def test_a_border_and_what_is_no_hole_do_not_count():
    truth = np.full((20, 24, 1), 50, np.uint8)
    said = truth.copy()
    said[:2], said[:, -2:] = 255, 0
    assert compared(truth, said, border=2)[0] == 100
    assert compared(truth, said)[0] < 20
    hole = np.zeros((20, 24), bool)
    hole[10, 10], said[10, 10] = True, 60
    assert compared(truth, said, hole=hole)[0] == pytest.approx(20 * np.log10(255 / 10))
    assert compared(truth[:3, :3], said[:3, :3], border=2)[0] < 20  # too small for a border: all of it counts


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_picture_is_made_smaller_as_pillow_does(scale):
    rng = np.random.default_rng(scale)
    picture = rng.integers(0, 256, (1, 24 * scale, 30 * scale, 3), dtype=np.uint8)
    mine = smaller(picture, scale)[0].astype(int)
    theirs = np.asarray(Image.fromarray(picture[0]).resize((30, 24), Image.Resampling.BICUBIC)).astype(int)
    inner = np.abs(mine - theirs)[2:-2, 2:-2]
    assert mine.shape == theirs.shape and inner.max() <= 1 and (inner == 0).mean() > 0.97
    assert (smaller(np.full((1, 8 * scale, 8 * scale, 1), 77, np.uint8), scale) == 77).all()


def test_noise_has_its_spread_and_comes_again_from_its_seed():
    grey = np.full((200, 200, 1), 128, np.uint8)
    found = noisy(grey, 25, np.random.default_rng(0))
    assert found.dtype == np.uint8 and found.astype(float).std() == pytest.approx(25, rel=0.02)
    assert np.array_equal(found, noisy(grey, 25, np.random.default_rng(0)))
    assert noisy(grey * 0 + 250, 25, np.random.default_rng(0)).max() == 255


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (48, 40)])
def test_a_hole_is_never_nothing_and_seldom_more_than_wanted(shape):
    shares = [drawn_hole(shape, 0.2, np.random.default_rng(n)).mean() for n in range(60)]
    assert min(shares) > 0
    if shape == (48, 40):
        assert np.mean(np.array(shares) <= 0.22) > 0.9 and np.mean(shares) > 0.03
    one, other = (drawn_hole((9, 9), 0.3, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one, other)


def test_losses_and_the_metric_count_what_counts():
    rng = np.random.default_rng(0)
    truth, said = rng.integers(0, 256, (2, 2, 5, 6, 3)).astype(np.float32)
    counts = (rng.uniform(size=(2, 5, 6, 1)) < 0.5).astype(np.float32) * 255
    loss: Any = Charbonnier()
    both, known = np.concatenate([truth, counts], -1), counts[..., 0] > 0
    difference = ((said - truth) / 255)[known]
    assert float(loss(both, said)) == pytest.approx(np.sqrt(difference**2 + 1e-6).mean(), rel=1e-5)
    metric = Psnr()
    metric.update_state(both, said)
    each = [psnr(truth[i], said[i], known[i]) for i in range(2)]
    assert float(metric.result()) == pytest.approx(np.mean(each), rel=1e-5)
    both[..., -1] = 0
    assert float(loss(both, said)) == 0
    metric.update_state(both, said)
    assert float(metric.result()) == pytest.approx(np.mean(each), rel=1e-5)


@pytest.mark.parametrize("network", ["residual", "unet"])
def test_a_network_begins_with_what_is_given(network):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (2, 12, 20, 3)).astype(np.float32)
    same = restorer(network, 3, scale=1, holes=False, width=5, depth=2)
    assert np.array_equal(same(x), x)
    larger = restorer(network, 3, scale=3, holes=False, width=5, depth=2)
    assert larger(x).shape == (2, 36, 60, 3)
    flat = np.full((1, 8, 8, 3), 90, np.float32)
    np.testing.assert_allclose(larger(flat), np.full((1, 24, 24, 3), 90), atol=1e-3)


def test_a_network_of_holes_changes_nothing_else():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (16, 16, 1), dtype=np.uint8)
    hole = np.zeros((16, 16), bool)
    hole[4:9, 5:8] = True
    given = with_hole(pixels, hole)
    assert given.shape == (16, 16, 2) and (given[hole] == [HOLE, 255]).all() and (given[~hole][:, 1] == 0).all()
    network = restorer("unet", 1, scale=1, holes=True, width=4, depth=2)
    last = network.get_layer("difference")
    last.set_weights([rng.normal(size=weight.shape) for weight in last.get_weights()])
    said = np.asarray(network(given[None].astype(np.float32)))[0]
    assert np.array_equal(said[~hole], pixels[~hole]) and not np.allclose(said[hole], HOLE)


def test_a_hole_is_filled_from_its_edge_inwards():
    picture = np.array([[10, 10, 10, 10], [10, 0, 0, 50], [10, 10, 10, 50]], np.uint8)[..., None]
    hole = np.zeros((3, 4), bool)
    hole[1, 1:3] = True
    filled = from_the_edge(with_hole(picture, hole))[..., 0]
    assert filled[1, 1] == 10 and filled[1, 2] == round((5 * 10 + 2 * 50) / 7)
    assert (filled[~hole] == picture[..., 0][~hole]).all()
    assert mean_colour(with_hole(picture, hole))[1, 1, 0] == round(180 / 10)
    assert (from_the_edge(with_hole(picture, np.ones((3, 4), bool))) == 128).all()


def _dataset(format, **facts):
    return {"data": SimpleNamespace(format=format, report=DatasetReport(rows=4, unit="pairs", facts=facts))}


@pytest.mark.parametrize(
    ("params", "format", "facts", "said"),
    [
        ({"task": "pairs"}, "pictures", {}, "needs pairs of pictures"),
        ({"task": "denoise"}, "picture_pairs", {"kind": "picture", "factor": [1, 1]}, "learns with task pairs"),
        ({"task": "pairs"}, "picture_pairs", {"kind": "mask"}, "are masks"),
        ({"task": "pairs"}, "picture_pairs", {"kind": "picture", "factor": [1, 2]}, "one factor only"),
        ({"task": "pairs"}, "picture_pairs", {"kind": "picture", "factor": [8, 8]}, "4 times at most"),
        ({"task": "pairs", "image_size": 9}, "picture_pairs", {"kind": "picture", "factor": [1, 1]}, "image_size at 0"),
    ],
)
def test_what_does_not_go_together_is_told_before_it_is_queued(params, format, facts, said):
    (problem,) = check(ImageToImageTrain(**params), _dataset(format, **facts))
    assert said in problem.message


def test_what_goes_together_is_let_through():
    assert check(ImageToImageTrain(), _dataset("pictures")) == []
    assert check(ImageToImageTrain(task="pairs"), _dataset("picture_pairs", kind="picture", factor=[2, 2])) == []


def test_set5_made_large_by_bicubic_interpolation_has_the_figure_of_the_papers(data_sets):
    found = []
    for path in sorted((data_sets / "set5_sr" / "Set5" / "x2").glob("*_LR.png")):
        with Image.open(path) as small, Image.open(str(path).replace("_LR", "_HR")) as large:
            said = small.convert("RGB").resize(large.size, Image.Resampling.BICUBIC)
            found.append(compared(np.asarray(large.convert("RGB")), np.asarray(said), border=2))
    assert np.mean([one for one, _ in found]) == pytest.approx(33.66, abs=0.05)
    assert np.mean([one for _, one in found if one is not None]) == pytest.approx(0.9299, abs=0.002)
