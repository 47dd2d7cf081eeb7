"""Draws outlines into masks: a pixel is inside where its middle is. Pillow alone, no arrays."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image

from shared.datasets.pairs.outlines import Outline, Runs
from shared.datasets.problems import refuse

_MOST_WORK = 1_000_000_000  # crossings of rows by edges, of one upload; a guess: some minutes
_PIXELS_A_STEP = 64  # painted in the time of one crossing; a guess
_OVERHANG = 1.5  # pixels beyond the edge that are cut off without a word


@dataclass
class Effort:
    """How much has been drawn for one upload, so that no upload takes hours."""

    left: int = _MOST_WORK

    def spend(self, work: int) -> None:
        """Raises DatasetInvalid beyond the most."""
        self.left -= work
        if self.left < 0:
            raise refuse("has outlines that take too long to draw: more corners than any drawing needs")


@dataclass
class Drawn:
    """A mask, one byte a pixel, row by row. dropped: outlines left out, with the reason. cut: those cut at the edge.

    crowds: outlines of many things together that were drawn; count: all that were.
    """

    size: tuple[int, int]
    pixels: bytearray
    dropped: list[tuple[str, str]] = field(default_factory=list)
    cut: int = 0
    crowds: int = 0
    count: int = 0

    def image(self) -> Image.Image:
        return Image.frombytes("L", self.size, bytes(self.pixels))


def draw(outlines: Sequence[Outline], size: tuple[int, int], numbers: Mapping[str, int], effort: Effort) -> Drawn:
    """Draw outlines over each other: crowds undermost, then the larger before the smaller.

    size: (width, height). numbers: of classes by name; where nothing is drawn the mask is 0.
    """
    drawn = Drawn(size, bytearray(size[0] * size[1]))
    found: list[tuple[bool, int, Outline, list[slice]]] = []
    for outline in outlines:
        said = f"{outline.where} ({outline.label})"
        if outline.runs and outline.runs.size != size:
            (width, height), (right, bottom) = outline.runs.size, size
            drawn.dropped.append((said, f"has runs for {width} x {height} pixels, its picture has {right} x {bottom}"))
            continue
        stretches = _of_runs(outline.runs, effort) if outline.runs else _of_polygons(drawn, said, outline, effort)
        area = sum(len(range(*one.indices(len(drawn.pixels)))) for one in stretches)
        effort.spend(area // _PIXELS_A_STEP)
        if area:
            found.append((not outline.crowd, -area, outline, stretches))
        elif outline.runs:
            drawn.dropped.append((said, "is empty"))
    for _, _, outline, stretches in sorted(found, key=lambda one: one[:2]):
        one = bytes([numbers[outline.label]])
        for stretch in stretches:
            drawn.pixels[stretch] = one * len(range(*stretch.indices(len(drawn.pixels))))
        drawn.crowds += outline.crowd
    drawn.count = len(found)
    return drawn


def _of_polygons(drawn: Drawn, said: str, outline: Outline, effort: Effort) -> list[slice]:
    """Stretches of all polygons of one outline; what cannot be drawn of them is noted."""
    stretches: list[slice] = []
    (width, height), cut = drawn.size, False
    for number, corners in enumerate(outline.polygons, 1):
        which = said if len(outline.polygons) == 1 else f"{said}, polygon {number}"
        if len(corners) < 6 or len(corners) % 2:
            drawn.dropped.append(
                (which, f"has {len(corners)} numbers: a polygon has two for each of three corners or more")
            )
            continue
        xs, ys = corners[::2], corners[1::2]
        if max(xs) <= 0 or max(ys) <= 0 or min(xs) >= width or min(ys) >= height:
            drawn.dropped.append((which, f"lies outside its picture of {width} x {height}"))
            continue
        inside = _of_polygon(xs, ys, drawn.size, effort)
        if not inside:
            drawn.dropped.append((which, "is empty: no pixel's middle lies in it"))
        cut |= bool(inside) and max(-min(xs), -min(ys), max(xs) - width, max(ys) - height) > _OVERHANG
        stretches += inside
    drawn.cut += cut
    return stretches


def _of_polygon(xs: Sequence[float], ys: Sequence[float], size: tuple[int, int], effort: Effort) -> list[slice]:
    """Stretches of rows between an edge and the next (even-odd): where a polygon crosses itself twice it is outside."""
    width, height = size
    crossings: dict[int, list[float]] = defaultdict(list)
    for i in range(len(xs)):
        x0, y0, x1, y1 = xs[i - 1], ys[i - 1], xs[i], ys[i]
        if y0 > y1:
            x0, y0, x1, y1 = x1, y1, x0, y0
        first, last = max(0, math.ceil(y0 - 0.5)), min(height, math.ceil(y1 - 0.5))  # rows whose middles lie between
        if first < last:
            effort.spend(last - first)
            slope = (x1 - x0) / (y1 - y0)
            for row in range(first, last):
                crossings[row].append(x0 + (row + 0.5 - y0) * slope)
    found = []
    for row, at in crossings.items():
        at.sort()
        for left, right in zip(at[::2], at[1::2], strict=True):
            begin, end = max(0, math.ceil(left - 0.5)), min(width, math.ceil(right - 0.5))
            if begin < end:
                found.append(slice(row * width + begin, row * width + end))
    return found


def _of_runs(runs: Runs, effort: Effort) -> list[slice]:
    """Stretches of columns."""
    (width, height), found, at = runs.size, list[slice](), 0
    effort.spend(width + len(runs.counts))
    for number, count in enumerate(runs.counts):
        end = at + count
        if number % 2:
            while at < end:
                column, row = divmod(at, height)
                rows = min(end - at, height - row)
                begin = row * width + column
                found.append(slice(begin, begin + (rows - 1) * width + 1, width))
                at += rows
        at = end
    return found
