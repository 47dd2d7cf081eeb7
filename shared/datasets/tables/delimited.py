"""Reads delimited text: .csv, .tsv and whatever else parts its cells by a mark."""

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

from shared.datasets.encoding import END_MARK, Encoding
from shared.datasets.formats.base import Received
from shared.datasets.marks import TOO_MANY, long_run
from shared.datasets.problems import refuse
from shared.datasets.tables import sniffing
from shared.datasets.tables.parts import Part
from shared.datasets.tables.rows import Chunk, Unreadable, take_rows

MOST_CELL = 8_000_000  # characters of one cell; a guess
_LONGEST_LINE = 4 * MOST_CELL
_SAMPLE = 400  # lines looked at to find the delimiter
_BLOCK = 1 << 20  # characters read at a time
_ROWS, _CELLS = 10_000, 200_000  # taken at a time
_BYTE_ORDER_MARK = "\ufeff"
csv.field_size_limit(MOST_CELL)


def read_delimited(
    source: Received, encoding: Encoding, folder: Path, most_bytes: int, *, delimiter: str, header: str
) -> Part:
    """Read a file. delimiter: one of sniffing.DELIMITERS or "auto". header: "yes", "no" or "auto".

    Raises DatasetInvalid for what is no table, TooLarge, VolumeFull; single rows that cannot be read are in the part's bad.
    """
    with source.path.open(encoding=encoding.codec, newline="") as file:
        lines = list(islice(_Lines(file, source.name, encoding.ended), _SAMPLE))
    told = sniffing.told(lines)
    if told:
        lines = lines[1:]
    if delimiter == "auto":
        delimiter = told or sniffing.delimiter_of(lines, tabs=source.name.lower().endswith((".tsv", ".tab")))[0]
    width = sniffing.evenness(lines, delimiter)[0]

    def read(quotes: bool) -> Part:
        part = Part(source.name, folder, most_bytes, delimiter=delimiter, plain=True)
        return _read(source, encoding, part, delimiter, header, skip=bool(told), width=width, quotes=quotes)

    quoted = read(quotes=True)
    if not any(named["why"].startswith(_QUOTE) for named in quoted.bad.named) or sniffing.is_quoted(lines, delimiter):
        return quoted
    plain = read(quotes=False)
    if plain.bad.count >= quoted.bad.count:  # then they are quotes, and some are wrong
        plain.discard()
        return quoted
    quoted.discard()
    plain.notes.append(f'{source.name}: " is taken as an ordinary character, not as a quote around cells')
    return plain


_QUOTE = "has a quote"


def _read(
    source: Received,
    encoding: Encoding,
    part: Part,
    delimiter: str,
    header: str,
    *,
    skip: bool,
    width: int,
    quotes: bool,
) -> Part:
    with source.path.open(encoding=encoding.codec, newline="") as file:
        lines = _Lines(file, source.name, encoding.ended)
        given = iter(lines)
        if skip:
            next(given)
        reader = csv.reader(
            given,
            delimiter=delimiter,
            skipinitialspace=delimiter != "\t",
            strict=True,
            quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        )
        take_rows(_chunks(reader, lines, int(skip), width), part, header)
    if lines.marks:
        part.notes.append(f"{source.name}: {lines.marks} byte-order marks (U+FEFF) within the text removed")
    if encoding.ended:
        part.notes.append(f"{source.name}: the old end-of-file mark (Ctrl-Z) at its end dropped")
    return part


def _chunks(reader: Any, lines: "_Lines", before: int, width: int) -> "Iterator[Chunk | Unreadable]":
    """The rows with the line each begins in. before: lines read already. width: cells of a row, roughly."""
    some = max(1, min(_ROWS, _CELLS // max(1, width)))
    number = before  # of the last line taken
    while True:
        rows: list[list[str]] = []
        characters, error = lines.characters, None
        try:
            rows.extend(islice(reader, some))  # keeps what came before an error
        except csv.Error as err:
            error = err
        if rows:
            if error is None and before + reader.line_num - number == len(rows):
                begins: Sequence[int] = range(number + 1, number + 1 + len(rows))
                number += len(rows)
            else:
                begins, number = _begins(rows, number)
            yield Chunk(begins, [*rows], lines.characters - characters)
        if error is not None:
            last = before + reader.line_num
            yield Unreadable(number + 1, _complaint(error, number + 1, last))
            if "field limit" in str(error):
                return
            number = last
        elif not rows:
            return


def _begins(rows: list[list[str]], number: int) -> tuple[Sequence[int], int]:
    """(the line each row begins in, the last line of them). number: the line before them."""
    begins = []
    for row in rows:
        begins.append(number + 1)
        number += 1
        for cell in row:
            if "\n" in cell or "\r" in cell:
                number += cell.count("\n") + cell.count("\r") - cell.count("\r\n")
    return begins, number


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
    """The lines of a file, composed (NFC), none without end, to be iterated once.

    number: lines given and read ahead. characters: read. marks: byte-order marks removed.
    """

    def __init__(self, file: IO[str], name: str, ended: bool):
        self._file, self._name, self._ended = file, name, ended
        self.number = self.characters = self.marks = 0

    def __iter__(self) -> "Iterator[str]":
        for block in self._blocks():
            yield from io.StringIO(block, newline="")  # parts at line feeds and carriage returns, at nothing else

    def _blocks(self) -> "Iterator[str]":
        """The text in pieces that end with a line."""
        rest = ""
        while read := self._file.read(_BLOCK):
            self.characters += len(read)
            rest += read
            cut = max(rest.rfind("\n"), rest.rfind("\r", 0, len(rest) - 1)) + 1
            if not cut and len(rest) > _LONGEST_LINE:
                message = f"a line of more than {_LONGEST_LINE:,} characters; a cell may have {MOST_CELL:,}"
                raise refuse(message, file=self._name, line=self.number + 1)
            if cut:
                yield self._composed(rest[:cut])
                rest = rest[cut:]
        if rest:
            yield self._composed(rest)

    def _composed(self, block: str) -> str:
        if self._ended:
            block = block.partition(END_MARK)[0]
        if not block.isascii():
            if _BYTE_ORDER_MARK in block:
                self.marks += block.count(_BYTE_ORDER_MARK)
                block = block.replace(_BYTE_ORDER_MARK, "")
            if (at := long_run(block)) is not None:
                raise refuse(TOO_MANY, file=self._name, line=self.number + 1 + block.count("\n", 0, at))
            block = unicodedata.normalize("NFC", block)
        self.number += block.count("\n")
        return block
