"""The geometry of a series: lines, band, split and axes of a small drawing made on the server. Pure.

Lines are paths in a square of 1000 x 1000 that the page stretches; ticks stand at per cents of the axes, so that their
texts keep their size. No script is needed to see it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared.outputs import Line, Place, Series
from web.pages.formatting import metric

SIDE = 1000
_MOST_POINTS = 1_500  # of a line that are drawn: more than a screen has columns
_MOST_ROWS = 200  # of the figures below
_X_TICKS, _Y_TICKS = 6, 6
_TINY = 1e-300  # below, the logarithm of a distance is no number
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_TIME_STEPS = (
    1, 5, 15, 30, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR,
    _DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY,
)  # fmt: skip
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 6000, 12_000)


@dataclass(frozen=True)
class Tick:
    """A place on an axis: per cent from the left or from the top. spare: left out where there is little room."""

    at: float
    text: str
    spare: bool = False


@dataclass(frozen=True)
class Curve:
    """A line ready to draw. path: of an SVG in the square; dots: values that stand alone; number: picks colour and dashes.

    points: nothing but values that stand alone.
    """

    name: str
    path: str
    dots: str
    number: int
    points: bool = False


@dataclass(frozen=True)
class Plot:
    """All of a drawing. margin: "narrow", "middle" or "wide", by the texts of the vertical axis.

    rows: the figures, (x, [a text for each line]); empty: there is nothing to draw.
    """

    curves: list[Curve] = field(default_factory=list)
    band: str = ""
    band_name: str = ""
    split: float | None = None
    split_said: str = ""
    x_ticks: list[Tick] = field(default_factory=list)
    y_ticks: list[Tick] = field(default_factory=list)
    margin: str = "narrow"
    rows: list[tuple[str, list[str]]] = field(default_factory=list)
    left_out: int = 0
    empty: bool = False
    said: str = ""


class _Axis:
    """Turns places into numbers: numbers stay, moments become seconds, other texts count from zero."""

    def __init__(self, places: Sequence[Place]):
        self.words: dict[Place, int] = {}
        self.is_time = False
        self.whole = all(
            isinstance(place, int) or (isinstance(place, float) and place.is_integer()) for place in places
        )
        if any(isinstance(place, str) for place in places):
            try:
                for place in places:
                    _seconds(place)
                self.is_time = True
            except ValueError:
                self.words = {place: n for n, place in enumerate(dict.fromkeys(places))}

    def number(self, place: Place) -> float:
        if self.words:
            return float(self.words.get(place, 0))
        return _seconds(place) if self.is_time else float(place)

    def said(self, place: Place) -> str:
        if self.is_time:
            at = datetime.fromtimestamp(_seconds(place), UTC)
            return f"{at:%Y-%m-%d}" if not (at.hour or at.minute or at.second) else f"{at:%Y-%m-%d %H:%M}"
        return place if isinstance(place, str) else metric(float(place))


def _seconds(place: Place) -> float:
    """A moment as seconds; raises ValueError for what is none."""
    if not isinstance(place, str):
        raise ValueError("a number is no moment")
    at = datetime.fromisoformat(place)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def plot(series: Series) -> Plot:
    """Make the drawing of a series. Lines with no value at all stay in the legend."""
    band = series.band
    places = [x for line in series.lines for x in line.x] + (list(band.x) if band else [])
    places += [series.split] if series.split is not None else []
    values = [y for line in series.lines for y in line.y if y is not None]
    values += [*band.low, *band.high] if band else []
    if not values:
        return Plot(empty=True)
    axis = _Axis(places)
    numbers = [axis.number(place) for place in places]
    low_x, high_x = min(numbers), max(numbers)
    if low_x == high_x:
        low_x, high_x = low_x - 0.5, high_x + 0.5
    y_steps = _round_steps(min(values), max(values), _Y_TICKS)
    low_y, high_y = y_steps[0], y_steps[-1]

    def across(place: Place) -> float:
        return SIDE * (axis.number(place) - low_x) / (high_x - low_x)

    def down(value: float) -> float:
        return SIDE * (high_y - value) / (high_y - low_y)

    y_texts = _number_texts(y_steps)
    longest = max(map(len, y_texts))
    split = series.split
    return Plot(
        curves=[
            Curve(line.name, *_paths(_points(line, across), down), number, line.points)
            for number, line in enumerate(series.lines)
        ],
        band=_area([across(x) for x in band.x], [down(y) for y in band.low], [down(y) for y in band.high])
        if band
        else "",
        band_name=band.name if band else "",
        split=round(across(split) / SIDE * 100, 2) if split is not None else None,
        split_said=axis.said(split) if split is not None else "",
        x_ticks=_x_ticks(axis, low_x, high_x),
        y_ticks=[Tick(round(down(y) / SIDE * 100, 2), text) for y, text in zip(y_steps, y_texts, strict=True)],
        margin="narrow" if longest <= 4 else "middle" if longest <= 7 else "wide",
        rows=_figures(series, axis),
        left_out=max(0, len(dict.fromkeys(places)) - _MOST_ROWS),
        said=_said(series, axis, places),
    )


def _said(series: Series, axis: _Axis, places: Sequence[Place]) -> str:
    """The drawing in a sentence, for who cannot see it."""
    first, last = min(places, key=axis.number), max(places, key=axis.number)
    lines = ", ".join(line.name for line in series.lines) or (series.band.name if series.band else "")
    return f"Lines {lines} from {axis.said(first)} to {axis.said(last)}; the figures are in the table below."


def _points(line: Line, across: Callable[[Place], float]) -> list[tuple[float, float | None]]:
    """(across, value) of each place; of a line that is points a gap after each."""
    found: list[tuple[float, float | None]] = [(across(x), y) for x, y in zip(line.x, line.y, strict=False)]
    return [one for x, y in found for one in ((x, y), (x, None))] if line.points else found


def _paths(points: list[tuple[float, float | None]], down: Callable[[float], float]) -> tuple[str, str]:
    """SVG paths of a line: its stretches, broken where values are missing, and the values that stand alone."""
    stretches: list[list[str]] = [[]]
    for x, y in _thinned(points):
        if y is None:
            stretches.append([])
        else:
            stretches[-1].append(f"{x:.1f} {down(y):.1f}")
    lines = "".join(f"M{'L'.join(stretch)}" for stretch in stretches if len(stretch) > 1)
    return lines, "".join(f"M{stretch[0]}h0" for stretch in stretches if len(stretch) == 1)


def _thinned(points: list[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    """At most _MOST_POINTS: of each stretch the lowest, the highest, and a gap where it has one."""
    if len(points) <= _MOST_POINTS:
        return points
    stretch = math.ceil(3 * len(points) / _MOST_POINTS)
    kept = []
    for start in range(0, len(points), stretch):
        part = points[start : start + stretch]
        there = [(y, n) for n, (_, y) in enumerate(part) if y is not None]
        gaps = [n for n, (_, y) in enumerate(part) if y is None][:1]
        picked = {min(there)[1], max(there)[1]} if there else set()
        kept += [part[n] for n in sorted({*picked, *gaps})]
    return kept


def _area(xs: list[float], low: list[float], high: list[float]) -> str:
    up = [f"{x:.1f} {y:.1f}" for x, y in zip(xs, high, strict=False)]
    back = [f"{x:.1f} {y:.1f}" for x, y in zip(xs, low, strict=False)][::-1]
    return f"M{' L'.join([*up, *back])}Z" if up else ""


def _round_steps(low: float, high: float, most: int) -> list[float]:
    """Round numbers from at most low to at least high, at most about `most` of them."""
    if high - low < _TINY:
        low, high = (low - abs(low) * 0.1, high + abs(high) * 0.1) if abs(low) > _TINY else (-1.0, 1.0)
    rough = (high - low) / (most - 1)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [n * step for n in range(first, last + 1)]


def _number_texts(steps: Sequence[float]) -> list[str]:
    """Numbers of an axis with as many places as their distance needs; large ones with k, M, G, T."""
    largest = max(map(abs, steps))
    if largest >= 1e15 or largest < 1e-4:
        found = [f"{v:.2g}" for v in steps]
        return found if len(set(found)) == len(found) else [f"{v:.4g}" for v in steps]  # 1.05e-126 beside 1e-126
    unit, name = next(
        ((u, n) for u, n in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e4, " k")) if largest >= u), (1.0, "")
    )
    if unit == 1e4:
        unit = 1e3
    step = (steps[1] - steps[0]) / unit
    places = max(0, min(6, -math.floor(math.log10(step) + 1e-9)))
    if round(step, places) != round(step, places + 1):
        places += 1
    return [f"{v / unit:,.{places}f}{name if v else ''}".replace("-", "−") for v in steps]


def _x_ticks(axis: _Axis, low: float, high: float) -> list[Tick]:
    if axis.words:
        words = list(axis.words)
        every = math.ceil(len(words) / _X_TICKS)
        found = [(float(n), _short(str(words[n]))) for n in range(0, len(words), every)]
    elif axis.is_time:
        found = _time_ticks(low, high)
    else:
        steps = [s for s in _round_steps(low, high, _X_TICKS) if low - 1e-9 <= s <= high + 1e-9]
        if axis.whole:
            steps = [s for s in steps if s.is_integer()] or steps
        found = list(zip(steps, _number_texts(steps) if len(steps) > 1 else [metric(s) for s in steps], strict=True))
    span = high - low
    return [Tick(round(100 * (at - low) / span, 2), text, n % 2 == 1) for n, (at, text) in enumerate(found)]


def _short(text: str) -> str:
    return text if len(text) <= 10 else f"{text[:9]}…"


def _time_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Moments at round distances: seconds, hours, days, months or years apart."""
    span = high - low
    step = next((s for s in _TIME_STEPS if span / s <= _X_TICKS), None)
    if step is not None:
        first = math.ceil(low / step)
        moments = [n * step for n in range(first, math.floor(high / step) + 1)]
        return [(float(at), _moment(at, step, span)) for at in moments]
    start, end = (datetime.fromtimestamp(at, UTC) for at in (low, high))
    months = (end.year - start.year) * 12 + end.month - start.month
    step = next((m for m in _MONTH_STEPS if months / m <= _X_TICKS), _MONTH_STEPS[-1])
    number = math.ceil((start.year * 12 + start.month - 1) / step) * step
    found = []
    while (at := _month(number)) is not None and at.timestamp() <= high:
        if at.timestamp() >= low:
            found.append((at.timestamp(), f"{at.year}" if step >= 12 else f"{_MONTHS[at.month - 1]} {at.year}"))
        number += step
    return found


def _month(number: int) -> datetime | None:
    """The beginning of a month counted from year 0; None beyond the calendar."""
    year = number // 12
    return datetime(year, number % 12 + 1, 1, tzinfo=UTC) if 1 <= year <= 9999 else None


def _moment(seconds: float, step: int, span: float) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    day = f"{at.day} {_MONTHS[at.month - 1]}"
    if step >= _DAY:
        return day
    clock = f"{at:%H:%M:%S}" if step < _MINUTE else f"{at:%H:%M}"
    return clock if span < _DAY or (at.hour or at.minute) else day


def _figures(series: Series, axis: _Axis) -> list[tuple[str, list[str]]]:
    """The values by place, in order, for the table below the drawing."""
    band = series.band
    names = len(series.lines) + (1 if band else 0)
    found: dict[Place, list[str]] = {}
    for number, line in enumerate(series.lines):
        for x, y in zip(line.x, line.y, strict=False):
            found.setdefault(x, [""] * names)[number] = metric(y)
    if band:
        for x, low, high in zip(band.x, band.low, band.high, strict=False):
            found.setdefault(x, [""] * names)[-1] = f"{metric(low)} to {metric(high)}"
    places = sorted(found, key=axis.number)[:_MOST_ROWS]
    return [(axis.said(place), found[place]) for place in places]
