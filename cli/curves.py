"""Lines over a common axis as blocks of braille: two dots by four in each character. For the series of cli/drawn.py.

Source of the cells: Unicode 15, block Braille Patterns (U+2800), whose eight low bits are the dots.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cli.screen import cut, one_line
from shared.outputs import Line, Place, Series

Paint = Callable[[str, str], str]
Point = tuple[float, float]

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # by row, then column, of a cell
_COLOURS = ("cyan", "yellow", "magenta", "green", "red", "blue")
_HEIGHT, _LEAST_WIDTH, _MOST_WIDTH = 8, 10, 100  # characters


class Canvas:
    """A grid of dots over a range of x and y. Of two lines that share a character the later one gives its colour."""

    def __init__(self, columns: int, rows: int, x: tuple[float, float], y: tuple[float, float]):
        self._columns, self._rows, self._x, self._y = columns, rows, x, y
        self._cells = [[0] * columns for _ in range(rows)]
        self._colours = [[""] * columns for _ in range(rows)]

    def line(self, points: Sequence[Point | None], colour: str) -> None:
        """Join points; None is a gap."""
        before: tuple[int, int] | None = None
        for point in points:
            here = None if point is None else self._dot(point)
            if here is not None:
                self._join(before or here, here, colour)
            before = here

    def _dot(self, point: Point) -> tuple[int, int]:
        across = _share(point[0], *self._x) * (self._columns * 2 - 1)
        down = (1 - _share(point[1], *self._y)) * (self._rows * 4 - 1)
        return round(across), round(down)

    def _join(self, start: tuple[int, int], end: tuple[int, int], colour: str) -> None:
        count = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
        for i in range(count + 1):
            across = round(start[0] + (end[0] - start[0]) * i / count)
            down = round(start[1] + (end[1] - start[1]) * i / count)
            self._cells[down // 4][across // 2] |= _DOTS[down % 4][across % 2]
            self._colours[down // 4][across // 2] = colour

    def upright(self, x: float, colour: str) -> None:
        """A dotted line from top to bottom."""
        across = self._dot((x, self._y[0]))[0]
        for down in range(0, self._rows * 4, 2):
            self._cells[down // 4][across // 2] |= _DOTS[down % 4][across % 2]
        for row in self._colours:
            row[across // 2] = row[across // 2] or colour

    def lines(self, paint: Paint) -> list[str]:
        drawn = []
        for cells, colours in zip(self._cells, self._colours, strict=True):
            chars = [chr(0x2800 + cell) if cell else " " for cell in cells]
            while chars and chars[-1] == " ":
                chars.pop()
            drawn.append(
                "".join(paint(c, name) if name else c for c, name in zip(chars, colours[: len(chars)], strict=True))
            )
        return drawn


def _share(value: float, low: float, high: float) -> float:
    """Where a value lies between low and high, 0 to 1; halves first, since the difference of the largest may be infinite."""
    return 0.5 if high == low else min(max((value / 2 - low / 2) / (high / 2 - low / 2), 0.0), 1.0)


def place(value: Place) -> float:
    """A place on the axis as a number: a moment as seconds since 1970. Raises ValueError for what is neither."""
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return float(value)


def draw(series: Series, limit: int, paint: Paint, *, overlaid: bool) -> list[str]:
    """A series within `limit` columns: its scale at the left, names and last values below.

    overlaid: all lines in one block, told apart by colours; else a block for each.
    """
    try:
        found = [(line, _points(line)) for line in series.lines]
        edges = _edges(series)
        _ = series.split is None or place(series.split)
    except ValueError as err:
        return [cut(one_line(f"(cannot be drawn: {err})"), limit)]
    curves = [
        Curve(line.name, line.x, points, _COLOURS[i % len(_COLOURS)])
        for i, (line, points) in enumerate(found)
        if any(point is not None for point in points)
    ]
    if not curves:
        return ["(no values)"]
    everywhere = [p for points in (*(curve.points for curve in curves), *edges) for p in points if p is not None]
    axis = _axis(series, curves)
    drawn: list[str] = []
    for group in [curves] if overlaid else [[curve] for curve in curves]:  # all blocks have the same scale
        drawn += _block(series, group, edges, everywhere, axis, limit, paint)
    if series.band is not None:
        drawn.append(paint(cut(one_line(f"between the outer lines: {series.band.name}"), limit), "grey"))
    return drawn


@dataclass(frozen=True)
class Curve:
    """A line ready to be drawn, with at least one point. x: as it is to be written."""

    name: str
    x: list[Place]
    points: list[Point | None]
    colour: str

    @property
    def last(self) -> float:
        return next(point[1] for point in reversed(self.points) if point is not None)


def _block(
    series: Series,
    curves: list[Curve],
    edges: list[list[Point | None]],
    everywhere: list[Point],
    axis: str,
    limit: int,
    paint: Paint,
) -> list[str]:
    xs, ys = [point[0] for point in everywhere], [point[1] for point in everywhere]
    top, bottom = f"{max(ys):.4g}", f"{min(ys):.4g}"
    left = max(len(top), len(bottom))
    room = min(max(limit - left - 3, _LEAST_WIDTH), _MOST_WIDTH)
    canvas = Canvas(room, _HEIGHT, (min(xs), max(xs)), (min(ys), max(ys)))
    for edge in edges:
        canvas.line(edge, "grey")
    for curve in curves:
        canvas.line(curve.points, curve.colour)
    if series.split is not None:
        canvas.upright(place(series.split), "grey")
    scale = [top, *[""] * (_HEIGHT - 2), bottom]
    drawn = [f"{number.rjust(left)} │ {line}".rstrip() for number, line in zip(scale, canvas.lines(paint), strict=True)]
    drawn.append(f"{' ' * left} └ {cut(axis, limit - left - 3)}")
    for curve in curves:
        drawn.append(paint(cut(one_line(f"{curve.name}: {curve.last:.4g} at the end"), limit), curve.colour))
    return drawn


def _points(line: Line) -> list[Point | None]:
    return [None if y is None else (place(x), y) for x, y in zip(line.x, line.y, strict=False)]


def _edges(series: Series) -> list[list[Point | None]]:
    band = series.band
    if band is None:
        return []
    return [[(place(x), y) for x, y in zip(band.x, edge, strict=False)] for edge in (band.low, band.high)]


def _axis(series: Series, curves: list[Curve]) -> str:
    """Where the axis begins and ends, and its name."""
    ends = sorted({place(x): x for curve in curves for x in curve.x}.items())
    title = f" ({series.x_title})" if series.x_title else ""
    split = f", known up to {short_place(series.split)}" if series.split is not None else ""
    return one_line(f"{short_place(ends[0][1])} to {short_place(ends[-1][1])}{title}{split}")


def short_place(value: Place) -> str:
    """A place on an axis as it is written: a day without its midnight."""
    return value.removesuffix("T00:00:00Z").removesuffix("T00:00:00+00:00") if isinstance(value, str) else f"{value:g}"
