"""Outputs made ready for their macros in templates/outputs.html. Pure.

Colours never stand alone: what a colour says, a word or a number beside it says too. Class names such as "hue-3" are
defined in static/outputs.css, since the pages allow no inline styles.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from shared.outputs import Cell, Mask, MaskClass, Matrix, Output, Scores, Table, Text
from web.pages.formatting import metric, percent
from web.pages.outputs.drawing import columns_wide

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_TINTS = 9  # of a matrix
_STRENGTHS = 5  # of a mark
_FEW_PICTURES = 4  # up to so many are shown large enough to see grids of pictures in them
_SHORT_TEXT = 240  # characters; texts that are all shorter stand beside each other
_LARGEST_MATRIX = 60  # classes; beyond, a table is no longer read
_WORTH_SAYING = 0.0005  # share of a picture that is not 0.0 %


@dataclass(frozen=True)
class Group:
    """Outputs that stand in one grid, each with its number among all. layout: "small", "medium", "wide" or "single"."""

    layout: str
    items: list[tuple[int, Output]]


def grouped(outputs: Sequence[Output]) -> list[Group]:
    """Put what is alike and follows each other into one grid."""
    groups = []
    for kind, run in groupby(enumerate(outputs), key=lambda item: item[1].kind):
        items = list(run)
        groups.append(Group(_layout(kind, items), items))
    return groups


def _layout(kind: str, items: list[tuple[int, Output]]) -> str:
    if kind == "picture":
        return "single" if len(items) == 1 else "medium" if len(items) <= _FEW_PICTURES else "small"
    if kind in ("boxes", "mask"):
        return "medium" if len(items) > 1 else "single"
    if kind == "scores":
        return "medium"
    if kind == "text" and len(items) > 1:
        short = all(len(o.text) + len(o.prompt) <= _SHORT_TEXT for _, o in items if isinstance(o, Text))
        return "medium" if short else "wide"
    return "wide"


@dataclass(frozen=True)
class Piece:
    """A stretch of a text. look: "" or a class such as "for-3"; said: the score in words, for the title."""

    text: str
    look: str = ""
    said: str = ""


def pieces(text: Text) -> list[Piece]:
    """Cut a text where marks begin and end; where several lie on each other the strongest counts."""
    length = len(text.text)
    marks = [m for m in text.marks if m.start < min(m.end, length)]
    borders = sorted({0, length, *(m.start for m in marks), *(min(m.end, length) for m in marks)})
    waiting, found, active = sorted(marks, key=lambda m: -m.start), [], []
    for start, end in pairwise(borders):
        while waiting and waiting[-1].start <= start:
            active.append(waiting.pop())
        active = [m for m in active if m.end > start]
        score = max((m.score for m in active), key=abs, default=0.0)
        look = f"{'for' if score > 0 else 'against'}-{_strength(score)}" if active and score else ""
        found.append(Piece(text.text[start:end], look, f"{score:+.2f}" if look else ""))
    return found


def _strength(score: float) -> int:
    return max(1, min(_STRENGTHS, round(abs(score) * _STRENGTHS)))


@dataclass(frozen=True)
class Bar:
    """One score as a bar. at, width: in per cent of the place for it; look: "less" for what is below zero."""

    name: str
    said: str
    note: str
    at: float
    width: float
    look: str = ""


@dataclass(frozen=True)
class Bars:
    """All bars on one scale. zero: where nothing is, in per cent, when some are below it."""

    items: list[Bar]
    zero: float | None = None


def bars(scores: Scores) -> Bars:
    """Bars of scores: shares on a scale from 0 to 1, numbers from the lowest (or zero) to the highest."""
    if scores.unit == "share":
        low, high = 0.0, 1.0
    else:
        values = [item.value for item in scores.items]
        low, high = min([0.0, *values]), max([0.0, *values])
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return round(100 * (min(max(value, low), high) - low) / span, 2)

    items = []
    for item in scores.items:
        start, end = sorted((place(0.0), place(item.value)))
        said = percent(item.value) if scores.unit == "share" else metric(item.value)
        items.append(Bar(item.name, said, item.note, start, round(end - start, 2), "less" if item.value < 0 else ""))
    return Bars(items, place(0.0) if low < 0 else None)


@dataclass(frozen=True)
class ShownCell:
    """A cell of a table. look: "num" for numbers, "none" for what is not there; whole: what was shortened."""

    text: str
    look: str = ""
    whole: str = ""


@dataclass(frozen=True)
class ShownTable:
    """A table as text. numbers: for each column, whether it holds nothing but numbers and so stands to the right."""

    rows: list[list[ShownCell]]
    numbers: list[bool]


def cells(table: Table) -> ShownTable:
    """The rows of a table as text; rows that are too short are filled up."""
    width = len(table.columns)
    rows = [[*row[:width], *[None] * (width - len(row))] for row in table.rows]
    there = [[value for value in column if value is not None] for column in zip(*rows, strict=True)]
    numbers = [bool(column) and all(_is_number(value) for value in column) for column in there]
    return ShownTable([[_cell(value) for value in row] for row in rows], numbers or [False] * width)


def _is_number(value: Cell) -> bool:
    """Whether it is a number, or a text that is one, as cells of a dataset may be."""
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    return not isinstance(value, bool)


def _cell(value: Cell) -> ShownCell:
    if value is None or value == "":
        return ShownCell("–", "none")
    if isinstance(value, bool):
        return ShownCell("yes" if value else "no")
    if isinstance(value, float):
        said = metric(value)
        return ShownCell(said, "num", repr(value) if repr(value) != said else "")
    if isinstance(value, int):
        return ShownCell(str(value), "num")
    return ShownCell(value, "words", value)


def covered(mask: Mask) -> list[tuple[MaskClass, str]]:
    """The classes of a mask by the share they cover, each with the share in words."""
    classes = sorted(mask.classes, key=lambda part: -part.share)
    return [(c, percent(c.share) if not 0 < c.share < _WORTH_SAYING else "below 0.1 %") for c in classes]


@dataclass(frozen=True)
class Tinted:
    """A matrix as rows of (name, [(count, tint 0 to 9, on the diagonal)]); rows is [] when it is too large to read."""

    names: list[str]
    rows: list[tuple[str, list[tuple[int, int, bool]]]]
    upright: bool
    right: int
    total: int


def tinted(matrix: Matrix) -> Tinted:
    """Tint each cell by its share of the row; names stand upright where there are many."""
    total = sum(map(sum, matrix.counts))
    right = sum(row[n] for n, row in enumerate(matrix.counts) if n < len(row))
    rows = []
    if len(matrix.names) <= _LARGEST_MATRIX:
        for number, (name, row) in enumerate(zip(matrix.names, matrix.counts, strict=False)):
            whole = max(sum(row), 1)
            rows.append((name, [(n, round(_TINTS * n / whole), column == number) for column, n in enumerate(row)]))
    upright = len(matrix.names) > 6 and max(map(columns_wide, matrix.names)) > 5
    return Tinted(matrix.names, rows, upright, right, total)
