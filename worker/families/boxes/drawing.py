"""Boxes as outputs show them, and drawn into their pictures for a zip. Pillow only."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from shared.outputs import Box, Boxes
from worker.families.images.drawing import drawable

# Of the classes in turn, as far apart as ten colours are that stand out from most pictures
_COLOURS = (
    "#d62728",
    "#1f5fd6",
    "#118a3c",
    "#c77700",
    "#8a3fc4",
    "#0b8f8f",
    "#c2338f",
    "#6b5a00",
    "#3d4fb0",
    "#7a2e12",
)


def boxes_output(title: str, picture: str, size: tuple[int, int], boxes: np.ndarray, names: Sequence[str]) -> Boxes:
    """boxes: float (k, 5) true ones or (k, 6) said ones, class last, in pixels of the picture of this size, (width, height)."""
    found = [
        Box(
            x0=round(box[0], 2),
            y0=round(box[1], 2),
            x1=round(box[2], 2),
            y1=round(box[3], 2),
            label=names[int(box[-1])],
            score=round(box[4], 4) if len(box) == 6 else 1.0,
        )
        for box in np.asarray(boxes, np.float64).tolist()
    ]
    return Boxes(title=title, picture=picture, size=size, boxes=found)


def jpeg_bytes(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def drawn(image: Image.Image, boxes: np.ndarray, names: Sequence[str]) -> Image.Image:
    """A picture with boxes float (k, 6) drawn in, the surest on top. Classes that Pillow's font cannot draw stand as numbers."""
    found = image.convert("RGB")
    draw = ImageDraw.Draw(found)
    longest = max(found.size)
    line, font = max(1, round(longest / 400)), ImageFont.load_default(max(10, round(longest / 50)))
    for x0, y0, x1, y1, score, number in np.asarray(boxes, np.float64)[::-1].tolist():
        colour, said = _COLOURS[int(number) % len(_COLOURS)], f"{drawable(names[int(number)], int(number))} {score:.0%}"
        draw.rectangle((x0, y0, max(x0, x1), max(y0, y1)), outline=colour, width=line)
        left, top, right, bottom = draw.textbbox((0, 0), said, font)
        at = (min(x0, max(0, found.width - right - 4)), y0 - bottom - 2 if y0 >= bottom + 2 else y0)
        draw.rectangle((at[0], at[1], at[0] + right + 4, at[1] + bottom + 2), fill=colour)
        draw.text((at[0] + 2 - min(0, left), at[1] - min(0, top)), said, "white", font)
    return found
