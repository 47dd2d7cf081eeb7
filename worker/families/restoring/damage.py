"""Damage made on purpose: noise, holes, and pictures made smaller. Each a function of its generator, or of the picture, alone.

Everything ends as whole numbers 0..255: what a network is given at work comes from files of 8 bits too.
"""

from functools import cache

import numpy as np

from worker.families.restoring.networks import HOLE

_STROKES, _WIDEST = 5, 0.12  # of a hole drawn as by a brush; the widest stroke as a share of the side
_RECTANGLES = 0.35  # share of holes that are rectangles


def noisy(pixels: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Add white Gaussian noise, cut off at 0 and 255: uint8. pixels: uint8, any shape. sigma: standard deviation."""
    noise = rng.standard_normal(pixels.shape, np.float32) * np.float32(sigma)
    return np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)


def smaller(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Make pictures smaller by bicubic interpolation as Pillow does (a = -0.5, stretched by scale), but not at their edges.

    pixels: uint8 (n, height, width, channels), sides multiples of scale. Beyond the edges the outermost pixels are repeated.
    Source: Keys 1981; what Pillow's resize and MATLAB's imresize both do.
    """
    across = _weights(pixels.shape[2], scale)
    rows = _weights(pixels.shape[1], scale)
    found = np.einsum("nhwc,vw->nhvc", pixels.astype(np.float32), across, optimize=True)
    found = np.clip(np.rint(found), 0, 255)  # between the two passes too, as Pillow does
    found = np.einsum("nhvc,uh->nuvc", found, rows, optimize=True)
    return np.clip(np.rint(found), 0, 255).astype(np.uint8)


@cache
def _weights(length: int, scale: int) -> np.ndarray:
    """float32 (length / scale, length)."""
    centre = (np.arange(length // scale) + 0.5) * scale
    place = np.arange(-2 * scale, length + 2 * scale)
    x = np.abs((place[None] + 0.5 - centre[:, None]) / scale)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    weight = np.where(x < 1, near, np.where(x < 2, far, 0.0))
    weight /= weight.sum(1, keepdims=True)
    found = np.zeros((length // scale, length))
    for column, at in enumerate(np.clip(place, 0, length - 1).tolist()):
        found[:, at] += weight[:, column]
    return found.astype(np.float32)


def drawn_hole(shape: tuple[int, int], share: float, rng: np.random.Generator) -> np.ndarray:
    """What is missing, bool (height, width): a rectangle, or strokes of a brush; at most about `share` of all, never nothing."""
    height, width = shape
    hole = np.zeros(shape, bool)
    wanted = share * rng.uniform(0.2, 1.0) * height * width
    if rng.random() < _RECTANGLES:
        tall = int(np.clip(round(np.sqrt(wanted) * rng.uniform(0.5, 2.0)), 1, height))
        wide = int(np.clip(round(wanted / tall), 1, width))
        top, left = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
        hole[top : top + tall, left : left + wide] = True
        return hole
    y, x = np.mgrid[:height, :width]
    for _ in range(int(rng.integers(1, _STROKES + 1))):
        radius = max(0.5, rng.uniform(0.02, _WIDEST) * min(shape) / 2)
        (y0, x0), (y1, x1) = rng.uniform(0, 1, (2, 2)) * [height, width]
        along, across = y1 - y0, x1 - x0
        at = np.clip(((y - y0) * along + (x - x0) * across) / max(along**2 + across**2, 1e-9), 0, 1)
        stroke = (y - y0 - at * along) ** 2 + (x - x0 - at * across) ** 2 <= radius**2
        if hole.any() and (hole | stroke).sum() > wanted:
            break
        hole |= stroke
    if not hole.any():
        hole[int(rng.integers(height)), int(rng.integers(width))] = True
    return hole


def with_hole(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """A picture as a network of holes is given it, uint8 (height, width, channels + 1). hole: bool (height, width)."""
    given = np.where(hole[..., None], np.uint8(HOLE), pixels)
    return np.concatenate([given, np.where(hole, np.uint8(255), np.uint8(0))[..., None]], -1)
