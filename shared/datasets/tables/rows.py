"""Takes rows of cells one by one, names their columns, and hands them on in batches. Rows of another length are bad rows."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from shared.datasets.problems import refuse
from shared.datasets.tables.header import begins_with_names, is_a_row
from shared.datasets.tables.names import unique_names
from shared.datasets.tables.parts import MOST_COLUMNS, Part
from shared.errors import Choice, DatasetInvalid

_SAMPLE = 200
_MOST_ROWS, _MOST_CELLS, _MOST_CHARACTERS = 65_536, 1_000_000, 16_000_000  # of a batch


@dataclass
class Chunk:
    """Some rows as they lie in the file: the line each begins in, its cells. characters: of all of them, at most."""

    lines: Sequence[int]
    rows: list[Sequence[str | None]]
    characters: int = 0


@dataclass
class Unreadable:
    """A row that is none, and why."""

    line: int
    why: str


def take_rows(chunks: Iterable[Chunk | Unreadable], part: Part, header: str) -> None:
    """Take all rows into a part. header: "yes", "no" or "auto". Raises DatasetInvalid, TooLarge, VolumeFull."""
    rest = iter(chunks)
    sample = _sample(rest, part)
    if not sample.rows:
        if not part.bad.count:
            raise refuse("holds no rows", file=part.file)
        return
    texts = [[cell or "" for cell in row] for row in sample.rows[:_SAMPLE]]
    first, below = texts[0], texts[1:]
    usual = Counter(len(cells) for cells in below or [first]).most_common(1)[0][0]
    names = _names(first, below, usual, part, header)
    if len(names) > MOST_COLUMNS:
        raise refuse(f"has {len(names):,} columns; {MOST_COLUMNS:,} are allowed", file=part.file)
    batches = _Batches(part, names)
    begin = 1 if part.named else 0
    batches.add(Chunk(sample.lines[begin:], sample.rows[begin:], sample.characters))
    for chunk in rest:
        if isinstance(chunk, Unreadable):
            part.bad.add_row(part.file, chunk.line, chunk.why)
        else:
            batches.add(chunk)
    batches.flush()
    part.close()


def _sample(chunks: Iterator[Chunk | Unreadable], part: Part) -> Chunk:
    """The first rows that are not blank, _SAMPLE or more where there are so many."""
    found = Chunk([], [])
    lines: list[int] = []
    for chunk in chunks:
        if isinstance(chunk, Unreadable):
            part.bad.add_row(part.file, chunk.line, chunk.why)
            continue
        for line, cells in zip(chunk.lines, chunk.rows, strict=True):
            if any(cells):
                lines.append(line)
                found.rows.append(cells)
            else:
                part.empty += 1
        found.characters += chunk.characters
        if len(lines) >= _SAMPLE:
            break
    found.lines = lines
    return found


def _names(first: list[str], below: list[list[str]], usual: int, part: Part, header: str) -> list[str]:
    part.named = header == "yes" or (header == "auto" and begins_with_names(first, below))
    if header == "yes" and below and is_a_row(first, below):
        shown = ", ".join(first[:4])[:80]
        message = (
            f"the first line was said to hold names and holds values as the lines below ({shown}): there is no header"
        )
        choice = Choice(
            option="header",
            value="no",
            title="Take the first line as a row; columns are called column_1, column_2, ...",
        )
        raise DatasetInvalid(
            f"{part.file}: {message}", problems=refuse(message, file=part.file, line=1).problems, choices=[choice]
        )
    if not part.named:
        return [f"column_{number}" for number in range(1, usual + 1)]
    if not below:
        raise refuse("holds a line of names and no rows below", file=part.file)
    while len(first) > usual and not first[-1].strip():
        first = first[:-1]
    if len(first) == usual - 1:  # a mark at the end of each row; or R's numbers of rows, which have no name
        first = [*first, ""] if not any(row[-1].strip() for row in below if len(row) == usual) else ["", *first]
    return unique_names(first, part.file, part.notes)


class _Batches:
    """Collects rows of equal length and hands them to a part as columns."""

    def __init__(self, part: Part, names: list[str]):
        self._part, self._names = part, names
        self._most = min(_MOST_ROWS, max(1, _MOST_CELLS // len(names)))
        self._rows: list[Sequence[str | None]] = []
        self._lines = array("q")
        self._characters = 0

    def add(self, chunk: Chunk) -> None:
        """Take rows; those of another length are bad, or blank."""
        width = len(self._names)
        if set(map(len, chunk.rows)) == {width} and all(map(any, chunk.rows)):
            self._rows += chunk.rows
            self._lines.extend(chunk.lines)
        else:
            for line, cells in zip(chunk.lines, chunk.rows, strict=True):
                self._add_row(line, cells)
        self._characters += chunk.characters
        if self._characters >= _MOST_CHARACTERS:
            self.flush()
        while len(self._rows) >= self._most:
            self._hand_on(self._most)

    def _add_row(self, line: int, cells: Sequence[str | None]) -> None:
        width = len(self._names)
        while len(cells) > width and not cells[-1]:  # marks at the end of a row
            cells = cells[:-1]
        if not any(cells):
            self._part.empty += 1
        elif len(cells) == width:
            self._rows.append(cells)
            self._lines.append(line)
        else:
            found = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
            shown = " | ".join(cell or "" for cell in cells[:4])
            self._part.bad.add_row(self._part.file, line, f"has {found} where {width} columns are", shown)

    def flush(self) -> None:
        """Hand on all that was collected."""
        while self._rows:
            self._hand_on(self._most)
        self._characters = 0

    def _hand_on(self, count: int) -> None:
        columns = [pa.array(column, pa.string()) for column in zip(*self._rows[:count], strict=True)]
        self._part.add(self._names, columns, self._lines[:count])
        del self._rows[:count], self._lines[:count]
