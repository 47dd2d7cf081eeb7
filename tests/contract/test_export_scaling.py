"""What is taken away scales pictures to the very numbers that the service gives its networks."""

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from PIL import Image  # noqa: E402

from worker.families.images.exporting import resize  # noqa: E402
from worker.families.images.pixels import to_pixels  # noqa: E402

SIZES = [(12, 12), (5, 30), (64, 64), (49, 200), (300, 301), (97, 33), (131, 64), (1, 1), (13, 700)]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pictures_are_scaled_to_the_same_numbers_as_by_the_service(mode):
    rng = np.random.default_rng(0)
    for height, width in SIZES:
        pixels = rng.integers(0, 256, (height, width, len(mode)), dtype=np.uint8)
        picture = Image.fromarray(pixels[..., 0] if mode == "L" else pixels)
        for size in ((28, 28), (12, 40)):
            scaled = resize(tf.constant(pixels[None], tf.float64), size)[0].numpy()
            np.testing.assert_array_equal(
                scaled, to_pixels(picture, (*size, len(mode))), f"{height} x {width} to {size}"
            )
