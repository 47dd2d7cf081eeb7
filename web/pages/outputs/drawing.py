"""Boxes made ready to be drawn over their picture: in per cent of it, so that they fit at any size. Pure.

Labels keep their size whatever that of the picture; of those that would cover each other the surer one is shown.
"""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.outputs import Boxes, Output

HUES = 10  # colours in static/outputs.css; further classes begin anew, their labels tell them apart
_SMALL_PX, _LARGE_PX = 300, 800  # widths a picture is shown in: in a grid or on a phone, and alone
_LABEL_PX = 17  # height of a label


def columns_wide(value: str) -> int:
    """How wide a text is, counted in halves of a Chinese character."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in value)


@dataclass(frozen=True)
class DrawnBox:
    """A box in per cent of its picture, with where its label stands. hue: 0 to HUES - 1, of its class.

    label_at: where the label's edge is; from_right: it grows to the left, so that it stays in the picture; above: it stands on
    the box, else inside. label_width: pixels. room: for the label; "" always, "large" only where the picture is shown large,
    "none" where surer ones would be covered.
    """

    x: float
    y: float
    width: float
    height: float
    label: str
    said: str
    hue: int
    number: int
    label_at: float
    label_width: int
    from_right: bool
    above: bool
    room: str = ""


@dataclass(frozen=True)
class FoundClass:
    """A class of boxes. number: its place in the legend; count: how many; best: the highest score."""

    name: str
    hue: int
    number: int
    count: int
    best: float


@dataclass(frozen=True)
class Drawing:
    """Boxes made ready to draw: weakest first, so that the surest lie on top. scored: whether scores say anything."""

    boxes: list[DrawnBox]
    classes: list[FoundClass]
    scored: bool


def hues(outputs: Sequence[Output]) -> dict[str, int]:
    """A colour for each class of boxes, one for all pictures that are shown together; the most frequent class first."""
    counts = Counter(box.label for one in outputs if isinstance(one, Boxes) for box in one.boxes)
    return {name: n % HUES for n, name in enumerate(sorted(counts, key=lambda name: (-counts[name], name)))}


def drawn(found: Boxes, hue: Mapping[str, int]) -> Drawing:
    """Boxes in per cent of the picture, and the legend, most frequent class first. hue: of each class (hues)."""
    width, height = (max(1, side) for side in found.size)
    counts = Counter(box.label for box in found.boxes)
    best = {name: max(box.score for box in found.boxes if box.label == name) for name in counts}
    names = sorted(counts, key=lambda name: (-counts[name], -best[name], name))
    number = {name: n for n, name in enumerate(names)}
    scored = any(box.score != 1 for box in found.boxes)
    boxes = []
    for box in sorted(found.boxes, key=lambda box: box.score):
        x0, x1 = sorted((_share(box.x0, width), _share(box.x1, width)))
        y0, y1 = sorted((_share(box.y0, height), _share(box.y1, height)))
        said = f"{box.label} {box.score * 100:.0f} %" if scored else box.label
        short = said if columns_wide(said) <= 28 else _cut(said, 28)
        right = x0 > 60
        boxes.append(
            DrawnBox(
                *(round(v, 3) for v in (x0, y0, x1 - x0, y1 - y0)),
                label=box.label,
                said=short,
                hue=hue[box.label],
                number=number[box.label],
                label_at=round(x1 if right else x0, 3),
                label_width=columns_wide(short) * 7 + 8,
                from_right=right,
                above=y0 > 9,
            )
        )
    classes = [FoundClass(n, hue[n], number[n], counts[n], best[n]) for n in names]
    return Drawing(_with_room(boxes, height / width), classes, scored)


def _with_room(boxes: list[DrawnBox], tall: float) -> list[DrawnBox]:
    """Decide which labels are shown, the surest first. tall: height of the picture by its width."""
    small, large = (_without_overlap(boxes, shown, shown * tall) for shown in (_SMALL_PX, _LARGE_PX))
    rooms = ["" if n in small else "large" if n in large else "none" for n in range(len(boxes))]
    return [replace(box, room=room) for box, room in zip(boxes, rooms, strict=True)]


def _without_overlap(boxes: list[DrawnBox], width: float, height: float) -> set[int]:
    """Numbers of the boxes whose labels do not cover each other in a picture of so many pixels, from the surest down."""
    placed: list[tuple[float, float, float]] = []
    shown = set()
    for number in range(len(boxes) - 1, -1, -1):
        box = boxes[number]
        left = box.label_at * width / 100 - (box.label_width if box.from_right else 0)
        top = box.y * height / 100 - (_LABEL_PX if box.above else 0)
        right = left + box.label_width
        if all(top >= t + _LABEL_PX or t >= top + _LABEL_PX or left >= r or lt >= right for lt, r, t in placed):
            placed.append((left, right, top))
            shown.add(number)
    return shown


def _share(value: float, of: int) -> float:
    return min(max(100 * value / of, 0.0), 100.0)


def _cut(text: str, columns: int) -> str:
    end = "…" + text[text.rfind(" ") :] if text.endswith("%") else "…"
    while columns_wide(text + end) > columns and text:
        text = text[:-1]
    return text + end
