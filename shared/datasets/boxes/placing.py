"""Brings the boxes of an annotation into the pixels of its upright picture, and says which cannot be used."""

from dataclasses import dataclass, field
from pathlib import Path

from shared.datasets.archive import UNFIT
from shared.datasets.boxes.annotation import Annotation, BadAnnotation
from shared.datasets.boxes.storing import Box
from shared.datasets.pictures.decoding import opened_picture, turn_of

_LONGEST_LABEL = 120  # characters
_OVERHANG = 1.5  # pixels beyond the edge that are cut off without a word: some programs count from 1


@dataclass
class Placed:
    """size: (width, height) of the upright picture. dropped: boxes left out, with the reason. cut: boxes cut at the edge.

    turned: boxes were in the pixels as they are stored and have been turned as EXIF says.
    """

    size: tuple[int, int]
    boxes: list[Box] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)
    cut: int = 0
    turned: bool = False


def place(path: Path, annotations: list[Annotation]) -> Placed:
    """Place the boxes of all annotations of one picture. Raises BadAnnotation for one of another size, Unreadable."""
    with opened_picture(path) as image:
        stored, turn = image.size, turn_of(image)
    placed = Placed(stored if turn < 5 else (stored[1], stored[0]))
    for annotation in annotations:
        placed.dropped += annotation.skipped
        as_stored = annotation.size == stored != placed.size
        if annotation.size not in (None, placed.size) and not as_stored:
            width, height = annotation.size or (0, 0)
            raise BadAnnotation(f"says {width} x {height} pixels, its picture has {placed.size[0]} x {placed.size[1]}")
        placed.turned = placed.turned or as_stored
        for *sides, label in annotation.boxes:
            corners = _scaled(sides, placed.size) if annotation.relative else tuple(sides)
            _add(placed, _turned(corners, stored, turn) if as_stored else corners, label)
    return placed


def _scaled(sides: list[float], size: tuple[int, int]) -> tuple[float, ...]:
    return tuple(side * length for side, length in zip(sides, (*size, *size), strict=True))


def _turned(corners: tuple[float, ...], stored: tuple[int, int], turn: int) -> tuple[float, ...]:
    """Corners in the pixels as stored, in those of the upright picture. turn: 5 to 8, as EXIF counts."""
    (width, height), (x0, y0, x1, y1) = stored, corners

    def point(x: float, y: float) -> tuple[float, float]:
        if turn in (6, 7):
            y = height - y
        if turn in (7, 8):
            x = width - x
        return y, x

    (a, b), (c, d) = point(x0, y0), point(x1, y1)
    return min(a, c), min(b, d), max(a, c), max(b, d)


def _add(placed: Placed, corners: tuple[float, ...], label: str) -> None:
    label = " ".join(UNFIT.sub(" ", label).split())[:_LONGEST_LABEL] or "?"
    (width, height), (x0, y0, x1, y1) = placed.size, corners
    said = f"{label} ({x0:g}, {y0:g}, {x1:g}, {y1:g})"
    if not (x0 < x1 and y0 < y1):  # NaN too
        placed.dropped.append((said, "is empty"))
        return
    inside = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        placed.dropped.append((said, f"lies outside its picture of {width} x {height}"))
        return
    placed.cut += max(-x0, -y0, x1 - width, y1 - height) > _OVERHANG
    x0, y0, x1, y1 = (round(side, 3) for side in inside)
    placed.boxes.append((x0, y0, x1, y1, label))
