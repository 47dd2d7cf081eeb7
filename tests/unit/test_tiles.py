"""Answers put together from tiles are those of the whole picture, without a seam."""

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from tests.support.tiny_scenes import clean_scene
from worker.families.images.tiles import _fade, tiled
from worker.families.restoring.networks import restorer
from worker.families.restoring.using import Restoring, whole_numbers
from worker.recipe import Assets


@pytest.mark.parametrize("count", [1, 2, 5])
def test_where_tiles_meet_one_fades_out_as_the_other_fades_in_without_a_step(count):
    length, overlap = 32, 8
    fades = _fade(tf.range(count), tf.constant(count), length, overlap).numpy()
    total = np.zeros((count, overlap + count * (length - overlap)))
    for number, fade in enumerate(fades):
        start = number * (length - overlap)
        total[number, start : start + length] = fade
    np.testing.assert_allclose(total.sum(0), 1.0, rtol=1e-6)
    assert np.abs(np.diff(total)).max(initial=0) <= 1 / overlap + 1e-6


@pytest.mark.parametrize("scale", [1, 3])
def test_a_picture_of_many_tiles_is_one_picture_to_a_network_that_looks_at_single_pixels(scale):
    rng = np.random.default_rng(0)
    for size in ((67, 131), (1, 1), (16, 32), (17, 5), (40, 32)):
        picture = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        found = tiled(
            lambda tiles: 255 - tf.repeat(tf.repeat(tiles, scale, 1), scale, 2),
            tf.constant(picture), (16, 32), 3, whole_numbers, finished=(tf.uint8, 3), scale=scale,
        )  # fmt: skip
        assert np.array_equal(found, 255 - picture.repeat(scale, 0).repeat(scale, 1))


def test_where_tiles_meet_no_seam_is_seen():
    rng = np.random.default_rng(0)
    network = restorer("residual", 1, scale=2, holes=False, width=6, depth=2)
    last = network.get_layer("difference")
    last.set_weights([rng.normal(0, 0.1, weight.shape) for weight in last.get_weights()])
    scene = clean_scene(2, height=150, width=170, channels=1)
    assets = {"task": "super_resolution", "channels": 1, "scale": 2, "levels": None}
    small, whole = (
        Restoring(network, Assets(assets | {"tile": tile})).restored(scene, lambda: None).astype(int)
        for tile in (64, 256)
    )
    inner = (slice(40, -40), slice(40, -40))  # at its edges a picture is padded in another place
    change = np.abs(whole - np.asarray(scene.repeat(2, 0).repeat(2, 1)).astype(int))[inner]
    seam = np.abs(small - whole)[inner]
    assert change.mean() > 2  # the network does something
    assert seam.mean() < 0.02 * change.mean() and seam.max() < 0.15 * change.max()
