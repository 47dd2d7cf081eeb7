"""Masks as outputs show them: a picture, over it a PNG in the classes' colours. Pillow only."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from shared.datasets.pairs.storing import NOTHING
from shared.outputs import Mask, MaskClass
from worker.artifacts import Files
from worker.families.images.drawing import picture_png, png_bytes


def mask_image(values: np.ndarray, colours: Sequence[str]) -> Image.Image:
    """Classes uint8 (height, width) as a picture with a palette; NOTHING is transparent."""
    image = Image.frombytes("P", values.shape[::-1], np.ascontiguousarray(values).tobytes())
    palette = [int(colour[at : at + 2], 16) for colour in colours for at in (1, 3, 5)]
    image.putpalette(palette + [0] * (768 - len(palette)))
    image.info["transparency"] = NOTHING
    return image


def mask_png(values: np.ndarray, colours: Sequence[str]) -> bytes:
    return png_bytes(mask_image(values, colours))


def shares_of(values: np.ndarray, classes: int) -> np.ndarray:
    """How much of a picture each class covers, float (classes,)."""
    return np.bincount(values.ravel(), minlength=256)[:classes] / values.size


def mask_output(
    title: str, picture: str, mask: str, values: np.ndarray, names: Sequence[str], colours: Sequence[str]
) -> Mask:
    """The output of a mask that is written already. values: uint8 (height, width)."""
    shares = shares_of(values, len(names))
    classes = [
        MaskClass(name=names[c], colour=colours[c], share=float(shares[c])) for c in range(len(names)) if shares[c]
    ]
    return Mask(title=title, picture=picture, mask=mask, classes=classes)


def drawn_mask(
    title: str,
    lead: str,
    pixels: np.ndarray,
    values: np.ndarray,
    names: Sequence[str],
    colours: Sequence[str],
    files: Files,
) -> Mask:
    """Write picture and mask as <lead>.png and <lead>_mask.png. pixels: uint8 (height, width, 1 or 3)."""
    picture = files.write(f"{lead}.png", picture_png(pixels))
    mask = files.write(f"{lead}_mask.png", mask_png(values, colours))
    return mask_output(title, picture, mask, values, names, colours)
