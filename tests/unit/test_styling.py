"""What style and content losses say, colours kept and moved, pictures of odd sizes brought to what a network takes and back."""

import pytest

np = pytest.importorskip("numpy")

from worker.families.styling.colours import colours_transferred, finished, in_own_colours  # noqa: E402

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (24, 36, 3), np.uint8)


def test_a_picture_in_its_own_colours_has_the_brightness_of_the_other():
    grey = np.array([0.299, 0.587, 0.114])
    given = np.full((8, 9, 3), (90, 120, 140), np.uint8)
    other = np.clip(given.astype(int) + RNG.integers(-20, 20, (8, 9, 1)), 0, 255).astype(np.uint8)
    kept = in_own_colours(other, given)
    assert np.abs(kept @ grey - other @ grey).max() < 1.5
    assert np.abs((kept[..., 0].astype(int) - kept[..., 2]) - (given[..., 0].astype(int) - given[..., 2])).max() <= 2


def test_strength_mixes_and_none_of_it_is_the_picture_as_it_was():
    other = 255 - PICTURE
    assert (finished(other, PICTURE, keep_colour=False, strength=0.0) == PICTURE).all()
    assert (finished(other, PICTURE, keep_colour=False, strength=1.0) == other).all()
    half = finished(other, PICTURE, keep_colour=False, strength=0.5)
    assert np.abs(half.astype(int) - 127.5).max() <= 1


def test_colours_that_are_moved_have_the_means_of_the_style():
    dark = (RNG.integers(0, 256, (30, 20, 3)) * (0.2, 0.3, 0.6)).astype(np.uint8)
    smooth = (np.linspace(80, 160, 24 * 36).reshape(24, 36, 1) * (1.0, 0.9, 0.8)).astype(np.uint8)
    moved = colours_transferred(smooth, [dark])
    assert moved.shape == smooth.shape
    assert (
        np.abs(moved.mean((0, 1)) - dark.mean((0, 1))).max()
        < 25
        < np.abs(smooth.mean((0, 1)) - dark.mean((0, 1))).max()
    )


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_colours_of_one_colour_are_moved_to_a_number(colour):
    plain = np.full((5, 4, 3), colour, np.uint8)
    assert colours_transferred(plain, [PICTURE]).shape == plain.shape
    assert (colours_transferred(PICTURE, [plain]).std((0, 1)) < 3).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (31, 33), (32, 36), (50, 7)])
def test_pictures_of_any_size_come_back_at_their_own(size):
    pytest.importorskip("tensorflow")
    from worker.families.styling.pictures import stylised

    picture, seen = RNG.integers(0, 256, (*size, 3), np.uint8), []

    def same(wide):
        seen.append(wide.shape)
        return wide

    assert (stylised(picture, same) == picture).all()
    assert all(side >= 32 and side % 4 == 0 for side in seen[0][:2])
