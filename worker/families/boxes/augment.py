"""Pieces of pictures at a drawn place, size and side, and pictures made of four of them; boxes move as their picture does. NumPy.

All draws come from the generator that is passed in.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from worker.families.boxes.letterbox import GREY

_LEAST_SEEN = 0.25  # of a box's area: what is cut off further is not to be found. A guess; YOLO has 0.1
_LEAST_SIDE = 2.0  # pixels
_MIDDLE = (0.3, 0.7)  # where the four pieces of a mosaic may meet, shares of the sides


@dataclass(frozen=True)
class Moves:
    """How far pictures may be moved. zoom: share larger or smaller. mosaic: share of pictures made of four."""

    flip_horizontal: bool = False
    flip_vertical: bool = False
    zoom: float = 0.0
    mosaic: float = 0.0


@dataclass(frozen=True)
class Source:
    """A picture to cut from. pixels: uint8 (height, width, channels), no grey. boxes: float32 (k, 5), a class in the last place."""

    pixels: np.ndarray
    boxes: np.ndarray


def piece(
    source: Source, shape: tuple[int, int], rng: np.random.Generator, how: Moves
) -> tuple[np.ndarray, np.ndarray]:
    """A piece of a picture of a shape (height, width), grey where the picture ends; and the boxes left in it, float32 (k, 5)."""
    pixels, boxes = source.pixels, source.boxes.copy()
    height, width = pixels.shape[:2]
    draws = rng.random(5)
    if how.flip_horizontal and draws[0] < 0.5:
        pixels, boxes[:, [0, 2]] = pixels[:, ::-1], width - boxes[:, [2, 0]]
    if how.flip_vertical and draws[1] < 0.5:
        pixels, boxes[:, [1, 3]] = pixels[::-1], height - boxes[:, [3, 1]]
    times = (1 + how.zoom) ** (2 * draws[2] - 1)
    found = np.full((*shape, pixels.shape[2]), GREY, np.uint8)
    across = _window(width, shape[1], times, draws[3])
    down = _window(height, shape[0], times, draws[4])
    (x0, x1, left, right), (y0, y1, top, bottom) = across, down
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    scaled = image.resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    found[y0:y1, x0:x1] = np.asarray(scaled, np.uint8).reshape(y1 - y0, x1 - x0, -1)
    for axis, (begin, end, start, stop) in ((0, across), (1, down)):
        boxes[:, [axis, axis + 2]] = (boxes[:, [axis, axis + 2]] - start) * ((end - begin) / (stop - start)) + begin
    return found, _within(boxes, (x0, y0, x1, y1))


def _window(side: int, room: int, times: float, draw: float) -> tuple[int, int, float, float]:
    """Along one axis: from where to where of the room a picture is put, and which stretch of it is seen there.

    side: of the picture. times: how much larger it is made. draw: 0 to 1, the place.
    """
    whole = side * times
    if whole <= room:
        length = max(1, round(whole))
        begin = round(draw * (room - length))
        return begin, begin + length, 0.0, float(side)
    seen = room / times
    start = draw * (side - seen)
    return 0, room, start, min(start + seen, float(side))


def _within(boxes: np.ndarray, frame: tuple[int, int, int, int]) -> np.ndarray:
    """Boxes cut at a frame; those of which too little is left are gone."""
    cut = boxes.copy()
    cut[:, [0, 2]] = boxes[:, [0, 2]].clip(frame[0], frame[2])
    cut[:, [1, 3]] = boxes[:, [1, 3]].clip(frame[1], frame[3])
    before, after = (np.prod(part[:, 2:4] - part[:, :2], axis=1) for part in (boxes, cut))
    sides = (cut[:, 2:4] - cut[:, :2]).min(1, initial=np.inf)
    return cut[
        (after >= _LEAST_SEEN * before)
        & (sides >= np.minimum(_LEAST_SIDE, (boxes[:, 2:4] - boxes[:, :2]).min(1, initial=np.inf)))
    ]


def mosaic(
    sources: list[Source], shape: tuple[int, int], rng: np.random.Generator, how: Moves
) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of four pictures around a drawn point. As piece(). Source: Bochkovskiy et al. 2020 (YOLOv4), arXiv:2004.10934."""
    low, high = _MIDDLE
    y, x = (round(side * (low + (high - low) * draw)) for side, draw in zip(shape, rng.random(2), strict=True))
    found, boxes = np.empty((*shape, sources[0].pixels.shape[2]), np.uint8), []
    frames = ((0, 0, x, y), (x, 0, shape[1], y), (0, y, x, shape[0]), (x, y, shape[1], shape[0]))
    for source, (left, top, right, bottom) in zip(sources, frames, strict=True):
        found[top:bottom, left:right], seen = piece(source, (bottom - top, right - left), rng, how)
        seen[:, :4] += (left, top, left, top)
        boxes.append(seen)
    return found, np.concatenate(boxes)
