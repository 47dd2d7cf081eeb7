"""Writes what was uploaded as one text: .txt and .jsonl, however they are encoded, become text.txt.

Called by formats/text.py. Several files and documents become one text, an empty line between them. Read and written in pieces:
memory does not grow with the upload.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from shared.datasets.encoding import CONTROLS, END_MARK, recognise
from shared.datasets.formats.base import Received
from shared.datasets.marks import MOST_MARKS, TOO_MANY, long_run
from shared.datasets.problems import Problems
from shared.volume.staging import full_is_said

TEXT_SUFFIXES = (".txt", ".text", ".md")
JSON_SUFFIXES = (".jsonl", ".ndjson")
LONGEST_LINE = (
    8_000_000  # characters of one .jsonl line: one is read by a call that lets no other thread run, 0.2 s for so many
)
BYTE_ORDER_MARK = "\ufeff"
_PIECE = 1 << 20
# Nothing composes across these: a text may be cut in front of one and each piece composed by itself.
_CUT = re.compile("[\x00-\x7f\u4e00-\u9fff](?=[^\x00-\x7f\u4e00-\u9fff]*$)")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass
class Written:
    """What was written. documents: how many; duplicate, empty: documents left out. encodings: of the files. notes: for the user."""

    documents: int = 0
    duplicate: int = 0
    empty: int = 0
    encodings: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def write_text(sources: Sequence[Received], target: Path) -> Written:
    """Read .txt and .jsonl files, write target/text.txt. Raises DatasetInvalid naming file and line of everything wrong."""
    done = Written()
    problems = Problems()
    apart = len(sources) > 1 or sources[0].name.lower().endswith(JSON_SUFFIXES)
    with full_is_said(), (target / "text.txt").open("w", encoding="utf-8", newline="\n") as out:
        text = _Text(out, apart=apart)
        for source in sources:
            name = source.name
            if source.path.stat().st_size == 0:
                problems.add("is empty", file=name)
                continue
            encoding = recognise(source.path, name)
            done.encodings.add(encoding.shown)
            done.notes += [encoding.note] if encoding.note else []
            with source.path.open(encoding=encoding.codec) as file:  # newline=None: CR LF and CR are read as LF
                if name.lower().endswith(JSON_SUFFIXES):
                    _json_lines(file, name, text, problems, done)
                else:
                    _plain(file, name, text, problems, done)
                if file.newlines not in (None, "\n"):
                    done.notes.append(f"{name}: line ends changed to LF")
            if encoding.ended:
                done.notes.append(f"{name}: the old end-of-file mark (Ctrl-Z) at its end dropped")
        text.finish()
    problems.raise_if_any()
    done.documents = text.documents
    return done


class _Text:
    """What is being written. apart: documents are stripped of newlines and an empty line put between."""

    def __init__(self, out: IO[str], *, apart: bool):
        self._out, self._apart = out, apart
        self._held = 0  # newlines that may turn out to be the document's last
        self._begun = False
        self.documents = 0

    def begin(self) -> None:
        """The next piece belongs to a new document."""
        if self.documents and self._apart:
            self._out.write("\n\n")
        self.documents += 1
        self._held, self._begun = 0, False

    def add(self, piece: str) -> None:
        if self._apart:
            if not self._begun:
                piece = piece.lstrip("\n")
            self._begun = self._begun or bool(piece)
            body = piece.rstrip("\n")
            after = len(piece) - len(body)
            if not body:
                self._held += after
                return
            self._release()
            piece, self._held = body, after
        self._out.write(piece)

    def _release(self) -> None:
        while self._held:
            some = min(self._held, _PIECE)
            self._out.write("\n" * some)
            self._held -= some

    def finish(self) -> None:
        if self._apart:
            self._out.write("\n")


def _plain(file: IO[str], name: str, text: _Text, problems: Problems, done: Written) -> None:
    blank, fewer, changed, marks = True, 0, False, 0
    line, tail = 1, ""
    text.begin()
    for read in _pieces(file):
        marks += read.count(BYTE_ORDER_MARK)
        piece = read.replace(BYTE_ORDER_MARK, "")
        if (at := long_run(tail + piece)) is not None:
            line += piece.count("\n", 0, max(0, at - len(tail)))
            problems.add(f"{TOO_MANY}; the rest was not read", file=name, line=line)
            return
        line, tail = line + piece.count("\n"), piece[-MOST_MARKS:]
        composed = unicodedata.normalize("NFC", piece)
        changed = changed or composed != piece
        fewer += len(piece) - len(composed)
        blank = blank and not composed.strip()
        text.add(composed)
    if blank:
        problems.add("holds nothing but white space", file=name)
    if changed:
        done.notes.append(f"{name}: composed characters (Unicode NFC), {fewer} code points fewer")
    _say_marks(name, marks, done)


def _say_marks(name: str, count: int, done: Written) -> None:
    if count:
        marks = "byte-order mark" if count == 1 else "byte-order marks"
        done.notes.append(f"{name}: {count} {marks} (U+FEFF) within the text removed, as joining files leaves them")


def _pieces(file: IO[str]) -> Iterator[str]:
    """The text in pieces that can be composed one by one."""
    rest = ""
    while read := file.read(_PIECE):
        read, ended, _ = read.partition(END_MARK)
        rest += read
        if ended:
            break
        cut = _CUT.search(rest, max(0, len(rest) - 1000))
        if cut or len(rest) > 8 * _PIECE:
            at = cut.start() if cut else len(rest)
            yield rest[:at]
            rest = rest[at:]
    yield rest


def _json_lines(file: IO[str], name: str, text: _Text, problems: Problems, done: Written) -> None:
    found = empty = doubles = number = marks = 0
    seen: set[bytes] = set()
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            problems.add(f"is longer than {LONGEST_LINE} characters; the rest was not read", file=name, line=number)
            return
        line = line.partition(END_MARK)[0]
        marks += line.count(BYTE_ORDER_MARK)
        line = line.replace(BYTE_ORDER_MARK, "")
        if not line.strip():
            continue
        document = _document(line, name, number, problems)
        if document is None:
            continue
        found += 1
        key = hashlib.blake2b(document.encode(), digest_size=16).digest()
        if not document.strip():
            empty += 1
        elif key in seen:
            doubles += 1
        else:
            seen.add(key)
            text.begin()
            text.add(document)
    done.empty += empty
    done.duplicate += doubles
    if empty:
        done.notes.append(f"{name}: {empty} empty documents dropped")
    if doubles:
        done.notes.append(f"{name}: {doubles} repeated documents dropped")
    _say_marks(name, marks, done)
    if not seen and not problems.count:
        problems.add("holds no document" if not found else "holds empty documents only", file=name)


def _document(line: str, name: str, number: int, problems: Problems) -> str | None:
    """The text of one .jsonl line, None when something is wrong with it."""
    try:
        row = json.loads(line)
    except ValueError as err:
        problems.add(f"is no JSON: {err}", file=name, line=number)
        return None
    except RecursionError:
        problems.add("is JSON nested too deeply", file=name, line=number)
        return None
    document = row.get("text") if isinstance(row, dict) else None
    if not isinstance(document, str):
        problems.add('needs a string "text", as in {"text": "..."}', file=name, line=number)
    elif bad := CONTROLS.search(document) or _SURROGATE.search(document):
        problems.add(f"holds U+{ord(bad.group()):04X}, which no text has", file=name, line=number)
    elif long_run(document) is not None:
        problems.add(TOO_MANY, file=name, line=number)
    else:
        return plain_text(document)
    return None


def plain_text(document: str) -> str:
    """A short text as all are stored: line ends LF, no byte-order marks, composed (NFC). Ask long_run() before."""
    plain = document.replace("\r\n", "\n").replace("\r", "\n").replace(BYTE_ORDER_MARK, "")
    return unicodedata.normalize("NFC", plain)
