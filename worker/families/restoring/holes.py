"""Holes that people bring: pictures that are white where something is missing, or what is transparent in a picture itself."""

from pathlib import Path

import numpy as np
from PIL import Image

from shared.datasets.pictures.decoding import Unreadable as Unreadable
from shared.datasets.pictures.decoding import opened_picture, transpose_of, upright

_HALF = 128  # of 255: lighter is missing, and more transparent too


def hole_of(path: Path, size: tuple[int, int], called: str = "") -> np.ndarray:
    """bool (height, width), True where a mask is lighter than half. size: (width, height) of its picture.

    called: what an error begins with. Raises Unreadable where it is no picture, or one of another size.
    """
    try:
        with opened_picture(path) as image:
            mask = upright(image).convert("L")
    except Unreadable as err:
        raise Unreadable(f"{called}{err}") from err
    if mask.size != size:
        raise Unreadable(
            f"{called}is {mask.width} x {mask.height} pixels, the picture {size[0]} x {size[1]}: they must be alike"
        )
    return np.asarray(mask) >= _HALF


def transparent(image: Image.Image) -> np.ndarray | None:
    """What is more than half transparent in an opened picture, bool (height, width), turned upright; None where nothing is."""
    if "A" not in image.getbands() and "a" not in image.getbands() and "transparency" not in image.info:
        return None
    alpha = image.convert("RGBA").getchannel("A")
    turn = transpose_of(image)
    hole = np.asarray(alpha if turn is None else alpha.transpose(turn)) < _HALF
    return hole if hole.any() else None
