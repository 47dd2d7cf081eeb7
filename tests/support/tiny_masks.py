"""Makes very small sets of pictures with masks for tests: a bright disc on dark noise, and a stripe of another colour."""

import io

import numpy as np
from PIL import Image

from tests.support.tiny_pictures import png

CLASSES = ("ground", "圆盘", "stripe")
VOID = 7  # value of a class that the legend calls void


def tiny_scene(number: int, *, side: int = 24, channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """uint8 picture (side, side + 8, channels) and mask (side, side + 8) of values 0, 1, 2 and, in a corner, VOID."""
    rng = np.random.default_rng(number)
    height, width = side, side + 8
    pixels = rng.integers(0, 60, (height, width, channels), dtype=np.uint8)
    mask = np.zeros((height, width), np.uint8)
    y, x = np.mgrid[:height, :width]
    disc = (y - rng.integers(6, height - 6)) ** 2 + (x - rng.integers(6, width - 6)) ** 2 < (side // 5) ** 2
    left = int(rng.integers(0, width - 4))
    mask[:, left : left + 4], mask[disc] = 2, 1
    pixels[mask == 1] += 170
    pixels[mask == 2, 0] += 120
    mask[:2, :2] = VOID
    return pixels, mask


def grey_png(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(values).save(out, "PNG")
    return out.getvalue()


def tiny_pairs(count: int = 20, part: str = "", start: int = 0, *, legend=True, **shape) -> list[tuple[str, bytes]]:
    """Entries of a zip of pairs, and a legend of their classes."""
    lead, found = f"{part}/" if part else "", list[tuple[str, bytes]]()
    for number in range(start, start + count):
        pixels, mask = tiny_scene(number, **shape)
        found += [
            (f"{lead}images/{number:03d}.png", png(pixels)),
            (f"{lead}masks/{number:03d}.png", grey_png(mask)),
        ]
    names = "".join(f"{value},{name}\n" for value, name in enumerate(CLASSES)) + f"{VOID},void\n"
    return [*found, ("classes.csv", names.encode())] if legend else found
