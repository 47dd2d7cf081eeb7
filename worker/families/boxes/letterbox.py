"""Brings a picture of any size and shape to the one the network sees, and boxes back: scaled as a whole, the rest is grey."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from worker.families.boxes.geometry import STRIDES

SIDE = 320  # pixels of the longer side when image_size is 0. A guess at what a CPU bears
GREY = 114  # of the rest, as YOLO has it
_MULTIPLE = STRIDES[-1]
_MOST_OF = 0.95  # pictures that decide the shape; of the others some are scaled a little smaller


def network_shape(sizes: Sequence[tuple[int, int]], image_size: int) -> tuple[int, int]:
    """(height, width) in which pictures of these sizes, (width, height) each, leave little grey; multiples of 32.

    image_size: the longer side, 0: that of the largest picture, at most SIDE.
    """
    wide = np.array(sizes, np.float64)
    longest = wide.max(1)
    side = _up(image_size or min(SIDE, int(longest.max())))
    scaled = np.sort(wide * (side / longest)[:, None], 0)[max(0, int(np.ceil(_MOST_OF * len(wide))) - 1)]
    width, height = (min(side, _up(float(value))) for value in scaled)
    return height, width


def _up(value: float) -> int:
    return max(1, -(-int(np.ceil(value - 1e-6)) // _MULTIPLE)) * _MULTIPLE


def fitted(size: tuple[int, int], shape: Sequence[int]) -> tuple[int, int]:
    """(width, height) that a picture of this size, (width, height), takes of a shape (height, width)."""
    share = min(shape[1] / size[0], shape[0] / size[1])
    return min(shape[1], max(1, round(size[0] * share))), min(shape[0], max(1, round(size[1] * share)))


def letterboxed(image: Image.Image, shape: Sequence[int]) -> np.ndarray:
    """An upright picture ("L" or "RGB") as uint8 of a shape (height, width, channels), in its top left corner."""
    image = image.convert("RGB" if shape[2] == 3 else "L")
    width, height = fitted(image.size, shape)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    pixels = np.full(tuple(shape), GREY, np.uint8)
    pixels[:height, :width] = np.asarray(image, np.uint8).reshape(height, width, shape[2])
    return pixels


def scales(size: tuple[int, int], shape: Sequence[int]) -> np.ndarray:
    """Pixels the network sees for one of the picture's, float64 (4,): across, down, across, down."""
    width, height = fitted(size, shape)
    return np.array([width / size[0], height / size[1]] * 2)
