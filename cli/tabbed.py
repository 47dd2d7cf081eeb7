"""Outputs for a program to read: lines of cells separated by tabs, nothing cut. One function per kind, as in cli/drawn.py."""

from collections.abc import Callable

from cli.screen import one_line, plain
from shared.outputs import Boxes, Cell, Mask, Matrix, Output, Picture, Scores, Series, Table, Text


def lines(output: Output, at: Callable[[str], str]) -> list[str]:
    """An output as lines. at: where a file that it names is to be had."""
    match output:
        case Text():
            return _text(output)
        case Scores():
            return [_row(output.subject, item.name, item.value, item.note).rstrip("\t") for item in output.items]
        case Table():
            return [_row(*output.columns), *(_row(*row) for row in output.rows)]
        case Picture():
            return [_row(output.file, at(output.file)), *(_row(output.file, *pair) for pair in output.legend)]
        case Boxes():
            return [_row(output.picture, box.label, box.score, box.x0, box.y0, box.x1, box.y1) for box in output.boxes]
        case Mask():
            found = [_row(output.picture, part.name, part.colour, part.share) for part in output.classes]
            return [*found, _row(output.mask, at(output.mask))]
        case Series():
            return _series(output)
        case Matrix():
            counts = zip(output.names, output.counts, strict=False)
            return [_row("", *output.names), *(_row(name, *row) for name, row in counts)]


def _text(text: Text) -> list[str]:
    marked = [_row("mark", mark.start, mark.end, mark.score, text.text[mark.start : mark.end]) for mark in text.marks]
    return [plain(text.text).removesuffix("\n"), *marked]


def _series(series: Series) -> list[str]:
    found = [_row("line", "x", "y", "low", "high")]
    for line in series.lines:
        found += [_row(line.name, x, y, None, None) for x, y in zip(line.x, line.y, strict=False)]
    if series.band:
        band = series.band
        found += [
            _row(band.name, x, None, low, high) for x, low, high in zip(band.x, band.low, band.high, strict=False)
        ]
    return found


def _row(*cells: Cell) -> str:
    return "\t".join(map(cell_text, cells))


def cell_text(value: Cell) -> str:
    """A cell on one line: a number as short as it is whole, "" for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.10g}"
    return one_line(str(value))
