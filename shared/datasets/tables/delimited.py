"""Reads delimited text: .csv, .tsv and whatever else parts its cells by a mark."""

import csv
import unicodedata
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO

from shared.datasets.encoding import END_MARK, Encoding
from shared.datasets.formats.base import Received
from shared.datasets.marks import TOO_MANY, long_run
from shared.datasets.problems import refuse
from shared.datasets.tables import sniffing
from shared.datasets.tables.parts import Part
from shared.datasets.tables.rows import Row, take_rows

MOST_CELL = 8_000_000  # characters of one cell; a guess
_LONGEST_LINE = 4 * MOST_CELL
_SAMPLE = 1 << 18  # characters looked at to find the delimiter
_BYTE_ORDER_MARK = "\ufeff"
csv.field_size_limit(MOST_CELL)


def read_delimited(
    source: Received, encoding: Encoding, folder: Path, most_bytes: int, *, delimiter: str, header: str
) -> Part:
    """Read a file. delimiter: one of sniffing.DELIMITERS or "auto". header: "yes", "no" or "auto".

    Raises DatasetInvalid for what is no table, TooLarge, VolumeFull; single rows that cannot be read are in the part's bad.
    """
    with source.path.open(encoding=encoding.codec, newline="") as file:
        lines = list(islice(_Lines(file, source.name, encoding.ended), 400))
    told = sniffing.told(lines)
    if told:
        lines = lines[1:]
    if delimiter == "auto":
        delimiter = told or sniffing.delimiter_of(lines, tabs=source.name.lower().endswith((".tsv", ".tab")))[0]
    part = Part(source.name, folder, most_bytes, delimiter=delimiter)
    quoted = _read(source, encoding, part, delimiter, header, skip=bool(told))
    if not quoted.bad.count or not any(named["why"].startswith(_QUOTE) for named in quoted.bad.named):
        return quoted
    part = Part(source.name, folder, most_bytes, delimiter=delimiter)
    plain = _read(source, encoding, part, delimiter, header, skip=bool(told), quotes=False)
    if plain.bad.count:  # then they are quotes, and some are wrong
        plain.discard()
        return quoted
    quoted.discard()
    plain.notes.append(f'{source.name}: " is taken as an ordinary character, not as a quote around cells')
    return plain


_QUOTE = "has a quote"


def _read(
    source: Received, encoding: Encoding, part: Part, delimiter: str, header: str, *, skip: bool, quotes: bool = True
) -> Part:
    with source.path.open(encoding=encoding.codec, newline="") as file:
        lines = _Lines(file, source.name, encoding.ended)
        if skip:
            next(lines)
        reader = csv.reader(
            lines,
            delimiter=delimiter,
            skipinitialspace=delimiter != "\t",
            strict=True,
            quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        )
        take_rows(_rows(reader, lines, int(skip)), part, header)
    if lines.marks:
        part.notes.append(f"{source.name}: {lines.marks} byte-order marks (U+FEFF) within the text removed")
    if encoding.ended:
        part.notes.append(f"{source.name}: the old end-of-file mark (Ctrl-Z) at its end dropped")
    return part


def _rows(reader: "Iterator[list[str]]", lines: "_Lines", before: int) -> Iterator[Row]:
    """The rows with the line each begins in. before: lines read already."""
    begins = before + 1
    while True:
        try:
            for row in reader:
                yield begins, row
                begins = lines.number + 1
            return
        except csv.Error as err:
            yield begins, _complaint(err, begins, lines.number)
            if "field limit" in str(err):
                return
            begins = lines.number + 1


def _complaint(err: csv.Error, first: int, last: int) -> str:
    """What a row's error means, in words about the file."""
    said = str(err)
    if "field limit" in said:
        return f"{_QUOTE} or a cell without end: it has more than {MOST_CELL:,} characters; the rest was not read"
    if "unexpected end" in said:
        return f"{_QUOTE} that is never closed: everything to the end of the file belongs to one cell"
    if "expected after" in said:
        where = "" if last == first else f" (it goes on to line {last})"
        return f'{_QUOTE} within a quoted cell{where}; right is "" for a quote in a cell'
    return f"cannot be read: {said}"


class _Lines:
    """The lines of a file, composed (NFC), none without end. number: of the last one given. marks: byte-order marks removed."""

    def __init__(self, file: IO[str], name: str, ended: bool):
        self._file, self._name, self._ended = file, name, ended
        self.number = self.marks = 0

    def __iter__(self) -> "Iterator[str]":
        return self

    def __next__(self) -> str:
        line = self._file.readline(_LONGEST_LINE + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > _LONGEST_LINE:
            message = f"a line of more than {_LONGEST_LINE:,} characters; a cell may have {MOST_CELL:,}"
            raise refuse(message, file=self._name, line=self.number)
        return line if line.isascii() and not self._ended else self._composed(line)

    def _composed(self, line: str) -> str:
        if _BYTE_ORDER_MARK in line:
            self.marks += line.count(_BYTE_ORDER_MARK)
            line = line.replace(_BYTE_ORDER_MARK, "")
        if self._ended:
            line = line.partition(END_MARK)[0]
            if not line:
                raise StopIteration
        if long_run(line) is not None:
            raise refuse(TOO_MANY, file=self._name, line=self.number)
        return unicodedata.normalize("NFC", line)
