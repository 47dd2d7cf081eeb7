"""Reads texts of pictures: from tables with a row for each text, or from a .txt for each picture with a line for each text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.datasets.captions.finding import TEXT_NAMES, PictureNames
from shared.datasets.encoding import recognise
from shared.datasets.formats.base import HasLimits, Received
from shared.datasets.problems import Problems
from shared.datasets.tables.splits import is_part_column, part_of, part_of_file
from shared.datasets.tables.taking import read_part
from shared.errors import Choice, cut

MOST_TEXT = 10_000  # characters of a text; a guess: no encoder reads so many
_SHOWN = 60  # characters of a cell in a message
_SAMPLE = 500  # rows that columns are told apart by
_MEANT = 0.5  # of the cells of the column that names pictures


@dataclass
class Texts:
    """texts: of each picture that has some, in the order read. parts: of pictures whose rows or file say it.

    wrong: (file, line or None, what is wrong). used: files that texts were read from. notes: for the user.
    """

    texts: dict[str, list[str]] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    wrong: list[tuple[str, int | None, str]] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    doubled: int = 0

    def add(self, picture: str, text: str, file: str, line: int) -> None:
        """Take a text; one that the picture has already is counted alone."""
        text = " ".join(text.split())
        if len(text) > MOST_TEXT:
            self.wrong.append((file, line, f"has a text of {len(text):,} characters; {MOST_TEXT:,} are allowed"))
            return
        there = self.texts.setdefault(picture, [])
        if text in there:
            self.doubled += 1
        else:
            there.append(text)


def read_text_files(root: Path, files: Mapping[str, str], found: Texts) -> None:
    """files: name of the .txt by picture. Raises DatasetInvalid for what is no text."""
    converted = []
    for picture, name in files.items():
        found.used.append(name)
        if not (root / name).stat().st_size:
            found.wrong.append((name, None, "is empty: it says nothing of its picture"))
            continue
        encoding = recognise(root / name, name, tables=True)
        converted += [encoding.note] if encoding.note else []
        with (root / name).open(encoding=encoding.codec) as lines:
            before = len(found.texts.get(picture, []))
            for number, line in enumerate(lines, 1):
                if text := line.strip().strip("\ufeff\x1a"):
                    found.add(picture, text, name, number)
        if len(found.texts.get(picture, [])) == before and not any(one[0] == name for one in found.wrong):
            found.wrong.append((name, None, "holds blank lines alone: it says nothing of its picture"))
    if converted:
        found.notes.append(
            converted[0] + (f", and {len(converted) - 1:,} more such files" if len(converted) > 1 else "")
        )


@dataclass(frozen=True)
class _AsTable:
    """What reading a table asks of a user's options; all is found out."""

    header: str = "auto"
    delimiter: str = "auto"
    sheet: str = ""


def read_tables(
    root: Path, names: Sequence[str], pictures: PictureNames, text_column: str, limits: HasLimits, found: Texts
) -> None:
    """Read every table that names pictures. text_column: "" where the name tells.

    Raises DatasetInvalid where no column is of texts, or several may be, with choices; TooLarge, VolumeFull.
    """
    scratch = root / ".rows"  # no file of an upload is hidden
    scratch.mkdir()
    for name in names:
        source, notes = Received(name, root / name), list[str]()
        part = read_part(source, scratch, limits, _AsTable(), notes)
        if any(map(pictures.is_name, part.names)):  # its first line is a row
            notes.clear()
            part = read_part(source, scratch, limits, _AsTable(header="no"), notes)
        columns = _columns_of(part, name, pictures, text_column)
        if columns is None:
            continue
        found.used.append(name)
        found.notes += notes
        for bad in part.bad.named:
            found.wrong.append((name, bad["line"], f"{bad['value']!r} {bad['why']}" if bad["value"] else bad["why"]))
        of_file = part_of_file(name)
        for line, row in _rows(part):
            _take(row, columns, (name, line), of_file, pictures, found)
        if columns.others:
            found.notes.append(
                f"{name}: texts are the column {columns.text!r}; not taken are {', '.join(columns.others)[:200]}"
            )


@dataclass(frozen=True)
class _Columns:
    picture: str
    text: str
    part: str | None
    others: Sequence[str]


def _rows(part: Any) -> Iterator[tuple[int, dict[str, str | None]]]:
    for batch in part.batches():
        cells = [column.to_pylist() for column in batch.cells]
        for line, *row in zip(batch.lines.to_pylist(), *cells, strict=True):
            yield line, dict(zip(batch.names, row, strict=True))


def _columns_of(part: Any, name: str, pictures: PictureNames, text_column: str) -> _Columns | None:
    """Which column is what; None for a table that names no pictures."""
    sample = [row for _, row in zip(range(_SAMPLE), (row for _, row in _rows(part)), strict=False)]
    shares = {}
    for column in part.names:
        cells = [cell for row in sample if (cell := row.get(column))]
        shares[column] = sum(_is_meant(cell, pictures) for cell in cells) / len(cells) if cells else 0.0
    picture = max(shares, key=lambda column: shares[column], default=None)
    if picture is None or shares[picture] < _MEANT:
        return None
    left = [column for column in part.names if column != picture]
    parted = next((c for c in left if is_part_column(c, [row.get(c) or "" for row in sample])), None)
    left = [column for column in left if column != parted]
    called = {column.strip().casefold(): column for column in reversed(left)}
    text = text_column or next((called[one] for one in TEXT_NAMES if one in called), None)
    if text is None and len(left) == 1:
        text = left[0]
    if text is None or text not in left:
        problems = Problems()
        if text is not None:
            problems.add(f"has no column {text!r}; there are {', '.join(left)[:200]}", file=name)
        elif left:
            problems.add(f"has several columns that may be the texts: {', '.join(left)[:200]}", file=name)
        else:
            problems.add("names pictures and says nothing of them: a column of texts is missing", file=name)
        title = "The texts are the column {}"
        raise problems.refusal([Choice(option="text_column", value=one, title=title.format(one)) for one in left[:20]])
    return _Columns(picture, text, parted, [column for column in left if column != text])


def _is_meant(cell: str, pictures: PictureNames) -> bool:
    try:
        return pictures.find(cell) is not None
    except ValueError:
        return True


def _take(
    row: Mapping[str, str | None],
    columns: _Columns,
    where: tuple[str, int],
    of_file: str,
    pictures: PictureNames,
    found: Texts,
) -> None:
    said, text = (row.get(columns.picture) or "").strip(), (row.get(columns.text) or "").strip()
    try:
        picture = pictures.find(said) if said else None
    except ValueError as err:
        found.wrong.append((*where, f"{cut(said, _SHOWN)!r} {err}"))
        return
    if not said:
        found.wrong.append(
            (*where, f"{cut(text, _SHOWN)!r} says of no picture: the column {columns.picture!r} is empty")
        )
    elif picture is None:
        found.wrong.append((*where, f"{cut(said, _SHOWN)!r} is a picture that the upload has not"))
    elif not text:
        found.wrong.append((*where, f"{cut(said, _SHOWN)!r} has no text: the column {columns.text!r} is empty"))
    else:
        found.add(picture, text, *where)
        part = part_of(row.get(columns.part) or "") if columns.part else of_file
        if part:
            found.parts.setdefault(picture, part)
