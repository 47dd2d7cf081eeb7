"""Makes small clean pictures for tests of restorers: smooth light with sharp shapes on it, and damaged copies beside them."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.support.tiny_pictures import png


def clean_scene(number: int, *, height: int = 36, width: int = 44, channels: int = 3) -> np.ndarray:
    """uint8 (height, width, channels)."""
    rng = np.random.default_rng([number, 5])
    y, x = np.mgrid[:height, :width]
    found = np.empty((height, width, channels), np.float64)
    turn, length = rng.uniform(0, np.pi), rng.uniform(6, 14)
    waves = np.sin((x * np.cos(turn) + y * np.sin(turn)) * 2 * np.pi / length)
    disc = (y - rng.uniform(0, height)) ** 2 + (x - rng.uniform(0, width)) ** 2 < rng.uniform(5, 12) ** 2
    for channel in range(channels):
        found[..., channel] = 120 + 40 * waves + rng.uniform(-30, 30) + disc * rng.uniform(-60, 60)
    return np.clip(np.rint(found), 0, 255).astype(np.uint8)


def clean_files(count: int, part: str = "", start: int = 0, **shape) -> list[tuple[str, bytes]]:
    lead = f"{part}/" if part else ""
    return [(f"{lead}{n:03d}.png", png(clean_scene(n, **shape))) for n in range(start, start + count)]


def pair_files(
    count: int, damage: Callable[[np.ndarray], np.ndarray], part: str = "", start: int = 0, **shape
) -> list[tuple[str, bytes]]:
    """noisy/000.png and clean/000.png, and so on; damage: from a clean picture to the one that is given."""
    lead, found = f"{part}/" if part else "", list[tuple[str, bytes]]()
    for n in range(start, start + count):
        scene = clean_scene(n, **shape)
        found += [(f"{lead}noisy/{n:03d}.png", png(damage(scene))), (f"{lead}clean/{n:03d}.png", png(scene))]
    return found


def saved(image: Image.Image, form: str, **how) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **how)
    return out.getvalue()
