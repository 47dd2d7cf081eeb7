"""Pictures of few pixels with a text each: a shape of some colour at some place, said in words."""

from collections.abc import Iterable

import numpy as np

from tests.support.tiny_pictures import png

COLOURS = {"red": (200, 40, 40), "green": (40, 170, 60), "blue": (40, 60, 200), "yellow": (220, 200, 40)}
SHAPES = ("square", "bar", "cross")
PLACES = {"left": 4, "right": 12}


def drawn(number: int, side: int = 20) -> tuple[np.ndarray, str]:
    """(uint8 (side, side, 3), what it shows); another for each of the first 24 numbers, then with other noise."""
    colour = list(COLOURS)[number % 4]
    shape = SHAPES[number // 4 % 3]
    place = list(PLACES)[number // 12 % 2]
    pixels = np.full((side, side, 3), 240, np.int64)
    x, y = PLACES[place] * side // 20, 8 * side // 20
    half, ink = side // 5, COLOURS[colour]
    if shape in ("square", "cross"):
        pixels[y - half // 2 : y + half, x - half // 2 : x + half // 2] = ink
    if shape in ("bar", "cross"):
        pixels[y : y + half // 2, x - half : x + half] = ink
    noise = np.random.default_rng(number).integers(-12, 13, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8), f"a {colour} {shape} on the {place}"


def caption_files(numbers: Iterable[int], folder: str = "", *, side: int = 20) -> list[tuple[str, bytes]]:
    """PNGs and a captions.tsv of the columns file and text; every fourth picture has a second text."""
    files, lines = [], ["file\ttext"]
    for number in numbers:
        pixels, text = drawn(number, side)
        name = f"{number:03}.png"
        files.append((f"{folder}{name}", png(pixels)))
        lines.append(f"{name}\t{text}, number {number}")
        if number % 4 == 0:
            lines.append(f"{name}\tnumber {number} shows {text}")
    return [*files, (f"{folder}captions.tsv", ("\n".join(lines) + "\n").encode())]
