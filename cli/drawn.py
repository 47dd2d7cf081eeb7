"""Outputs for a person at a terminal: bars, tables cut to its width, curves, coloured stretches. One function per kind, as in
cli/tabbed.py.
"""

from collections.abc import Callable, Collection, Iterable, Sequence

from cli.curves import Paint, draw
from cli.screen import aligned, bar, cut, fitting, one_line, pad, plain, width
from cli.tabbed import cell_text
from shared.outputs import Box, Boxes, Mark, Mask, Matrix, Output, Picture, Scores, Series, Table, Text

At = Callable[[str], str]
_BAR, _MOST_NAME = 20, 30  # columns
_MOST_CONFUSED = 4  # of a class, where a matrix is too wide to be shown whole


def lines(output: Output, limit: int, paint: Paint, at: At, *, colours: bool) -> list[str]:
    """An output as lines of at most `limit` columns; texts and addresses, which a terminal wraps by itself, whole.

    paint(text, colour): as cli.screen.colour. at: where a file that it names is to be had. colours: whether paint paints.
    """
    head = [paint(cut(one_line(output.title), limit), "bold")] if output.title else []
    match output:
        case Text():
            body = _text(output, paint)
        case Scores():
            body = _scores(output, limit, paint, at)
        case Table():
            body = _table(output, limit, paint, at)
        case Picture():
            body = _picture(output, limit, at)
        case Boxes():
            body = _boxes(output, limit, paint, at)
        case Mask():
            body = _mask(output, limit, paint, at)
        case Series():
            body = draw(output, limit, paint, overlaid=colours)
        case Matrix():
            body = _matrix(output, limit, paint)
    return head + body


# --- text -------------------------------------------------------------------------------------------------------------


def _text(text: Text, paint: Paint) -> list[str]:
    made = _marked(text.text, text.marks, paint)
    return (_each_line(plain(text.prompt), paint, "grey") + made).removesuffix("\n").split("\n")


def _each_line(text: str, paint: Paint, name: str) -> str:
    """Colour line by line: an escape that goes over a line's end is lost by who draws or pages line by line."""
    return "\n".join(paint(line, name) for line in text.split("\n"))


def _marked(text: str, marks: Sequence[Mark], paint: Paint) -> str:
    """Marked stretches in green where they speak for, in red where against; of two that overlap the first."""
    done, drawn = 0, []
    for mark in sorted(marks, key=lambda mark: mark.start):
        if mark.end <= done or mark.start >= len(text):
            continue
        start = max(mark.start, done)
        drawn.append(plain(text[done:start]))
        drawn.append(_each_line(plain(text[start : mark.end]), paint, "green" if mark.score >= 0 else "red"))
        done = mark.end
    return "".join([*drawn, plain(text[done:])])


# --- named numbers ----------------------------------------------------------------------------------------------------


def _scores(scores: Scores, limit: int, paint: Paint, at: At) -> list[str]:
    head = [paint(cut(one_line(scores.subject), limit), "bold")] if scores.subject else []
    if scores.picture.startswith("file:") or (scores.picture and scores.picture != scores.subject):
        head.append(f"  {at(scores.picture)}")
    largest = 1.0 if scores.unit == "share" else max((abs(item.value) for item in scores.items), default=0.0) or 1.0
    shown = [f"{item.value:.1%}" if scores.unit == "share" else f"{item.value:.4g}" for item in scores.items]
    rows = [
        (item.name, max(item.value, 0.0) / largest, value, item.note)
        for item, value in zip(scores.items, shown, strict=True)
    ]
    return head + _bars(rows, limit, paint)


def _bars(rows: Iterable[tuple[str, float, str, str]], limit: int, paint: Paint) -> list[str]:
    """(name, share of the bar, number, note) as lines; the note takes what room is left, on a line of its own if there is none."""
    rows = [(one_line(name), share, number, one_line(note)) for name, share, number, note in rows]
    names = min(max((width(name) for name, *_ in rows), default=0), _MOST_NAME, max(limit // 3, 6))
    numbers = max((len(number) for *_, number, _ in rows), default=0)
    size = min(_BAR, max(limit - names - numbers - 4, 0))
    drawn = []
    for name, share, number, note in rows:
        parts = [f"  {pad(name, names)}", bar(share, size) if size >= 5 else "", number.rjust(numbers)]
        line = " ".join(filter(None, parts))
        room = limit - width(line) - 2
        drawn.append(line + (f"  {paint(cut(note, room), 'grey')}" if note and room >= 12 else ""))
        if note and room < 12:
            drawn.append(f"    {paint(cut(note, limit - 4), 'grey')}")
    return drawn


# --- tables -----------------------------------------------------------------------------------------------------------


def _table(table: Table, limit: int, paint: Paint, at: At) -> list[str]:
    rows = [[cell_text(cell) for cell in row] for row in table.rows]
    numbers = {
        i
        for i in range(len(table.columns))
        if table.rows and all(row[i] is None or isinstance(row[i], int | float) for row in table.rows if i < len(row))
    }
    drawn = grid([one_line(name) for name in table.columns], rows, limit, paint, right=numbers)
    more = more_of(table, at)
    return [*drawn, paint(more, "grey")] if more else drawn


def more_of(table: Table, at: At) -> str:
    """What is to be said below a table: how many rows it has where not all are shown, and where its file is; "" for nothing."""
    parts = [f"{len(table.rows):,} of {table.count:,} rows"] if table.count > len(table.rows) else []
    parts += [f"{'all of them' if parts else 'file'}: {at(table.file)}"] if table.file else []
    return ", ".join(parts)


def grid(
    head: Sequence[str], rows: Sequence[Sequence[str]], limit: int, paint: Paint, *, right: Collection[int] = ()
) -> list[str]:
    """A table within `limit` columns: wide columns give way first, and those that do not fit are counted."""
    everything = [head, *([*row, *[""] * len(head)][: len(head)] for row in rows)]
    sizes = fitting([max(width(row[i]) for row in everything) for i in range(len(head))], limit)
    shown = aligned([row[: len(sizes)] for row in everything], sizes, right=right)
    left = len(head) - len(sizes)
    more = [paint(f"… {left:,} more column{'s'[: left != 1]}", "grey")] if left else []
    return [paint(shown[0], "bold"), *shown[1:], *more]


def _matrix(matrix: Matrix, limit: int, paint: Paint) -> list[str]:
    names = [one_line(name) for name in matrix.names]
    rows = [[name, *map(str, counts)] for name, counts in zip(names, matrix.counts, strict=False)]
    head = ["true \\ said", *names]
    needed = [max(width(row[i]) for row in [head, *rows]) for i in range(len(head))]
    needed[1:] = [min(size, max(6, *(width(row[i]) for row in rows))) for i, size in enumerate(needed[1:], 1)]
    if sum(needed) + 2 * (len(needed) - 1) <= limit:
        return grid([head[0], *(cut(name, n) for name, n in zip(names, needed[1:], strict=True))], rows, limit, paint,
                    right=set(range(1, len(head))))  # fmt: skip
    said = "how many of each class were right, and what else was said"
    return [paint(cut(said, limit), "bold"), *_confused(names, matrix.counts, limit)]


def _confused(names: list[str], counts: list[list[int]], limit: int) -> list[str]:
    size = min(max(map(width, names), default=0), _MOST_NAME, max(limit // 2, 6))
    drawn = []
    for i, (name, row) in enumerate(zip(names, counts, strict=False)):
        wrong = sorted(((count, names[j]) for j, count in enumerate(row) if j != i and count), reverse=True)
        others = ", ".join(f"{other} {count}" for count, other in wrong[:_MOST_CONFUSED])
        more = f" and {len(wrong) - _MOST_CONFUSED} more" if len(wrong) > _MOST_CONFUSED else ""
        drawn.append(cut(f"{pad(name, size)}  {row[i]} of {sum(row)}  {others}{more}".rstrip(), limit))
    return drawn


# --- pictures ---------------------------------------------------------------------------------------------------------


def _picture(picture: Picture, limit: int, at: At) -> list[str]:
    legend = [f"  {cut(one_line(f'{mark}: {meaning}'), limit - 2)}" for mark, meaning in picture.legend]
    return [_file(picture.file, at), *legend]


def _file(name: str, at: At) -> str:
    """A file with where it is to be had; an uploaded one by its address alone, since its name is an id."""
    return at(name) if name.startswith("file:") else f"{one_line(name)}  {at(name)}"


def _boxes(boxes: Boxes, limit: int, paint: Paint, at: At) -> list[str]:
    wide, high = boxes.size
    found = f"{len(boxes.boxes):,} found in {wide} x {high} pixels"
    rows = [[one_line(box.label), f"{box.score:.1%}", *_corners(box)] for box in boxes.boxes]
    head = ["LABEL", "SCORE", "LEFT", "TOP", "RIGHT", "BOTTOM"]
    return [_file(boxes.picture, at), found, *(grid(head, rows, limit, paint, right={1, 2, 3, 4, 5}) if rows else [])]


def _corners(box: Box) -> list[str]:
    return [f"{value:.0f}" for value in (box.x0, box.y0, box.x1, box.y1)]


def _mask(mask: Mask, limit: int, paint: Paint, at: At) -> list[str]:
    rows = [(f"■ {part.name}", part.share, f"{part.share:.1%}", "") for part in mask.classes]
    bars = [
        line.replace("■", paint("■", part.colour), 1)
        for line, part in zip(_bars(rows, limit, paint), mask.classes, strict=True)
    ]
    return [_file(mask.picture, at), _file(mask.mask, at), *bars]
