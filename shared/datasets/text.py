"""Format "text": one UTF-8 text for a language model.

Uploaded as .txt, for example

    西陸蟬聲唱，南冠客思侵。

or as .jsonl, one document a line, for example

    {"text": "西陸蟬聲唱，南冠客思侵。"}

Several files and documents become one text, an empty line between them. Read and written in pieces: memory does not grow
with the upload.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from shared.datasets.encoding import CONTROLS, recognise
from shared.datasets.marks import MOST_MARKS, TOO_MANY, long_run
from shared.datasets.problems import Problems, refuse
from shared.volume.staging import full_is_said

LIMIT_BYTES = 1 << 30  # a guess: a text is held in memory, several times over, when it is trained on
LONGEST_LINE = 1 << 26  # characters of one .jsonl line
_PIECE = 1 << 20
_PREVIEW = 2_000
# Nothing composes across these: a text may be cut in front of one and each piece composed by itself.
_CUT = re.compile("[\x00-\x7f\u4e00-\u9fff](?=[^\x00-\x7f\u4e00-\u9fff]*$)")
_SURROGATE = re.compile("[\ud800-\udfff]")


def import_text(sources: list[tuple[str, Path]], target: Path) -> tuple[dict[str, Any], list[str], list[Any]]:
    """Read .txt and .jsonl files, write target/text.txt. Returns (stats, notes, preview).

    Raises DatasetInvalid naming file and line of everything wrong.
    """
    notes: list[str] = []
    encodings: set[str] = set()
    problems = Problems()
    apart = len(sources) > 1 or sources[0][0].lower().endswith(".jsonl")
    with full_is_said(), (target / "text.txt").open("w", encoding="utf-8", newline="\n") as out:
        text = _Text(out, apart=apart)
        for name, path in sources:
            size = path.stat().st_size
            if size > LIMIT_BYTES:
                raise refuse(f"has {size} bytes; a text may have {LIMIT_BYTES}", file=name)
            if size == 0:
                problems.add("is empty", file=name)
                continue
            encoding = recognise(path, name)
            encodings.add(encoding.shown)
            notes += [encoding.note] if encoding.note else []
            with path.open(encoding=encoding.codec) as file:  # newline=None: CR LF and CR are read as LF
                if name.lower().endswith(".jsonl"):
                    _json_lines(file, name, text, problems, notes)
                else:
                    _plain(file, name, text, problems, notes)
                if file.newlines not in (None, "\n"):
                    notes.append(f"{name}: line ends changed to LF")
        text.finish()
    problems.raise_if_any()
    if text.replaced:
        notes.append(f"{text.replaced} replacement characters (U+FFFD): the text was damaged before it was uploaded")
    stats = {
        "characters": text.characters,
        "distinct_characters": len(text.distinct),
        "lines": text.newlines + (not text.ends_line),
        "documents": text.documents,
        "encoding": ", ".join(sorted(encodings)),
    }
    return stats, notes, text.start.splitlines()


class _Text:
    """What is being written, counted on the way. apart: documents are stripped of newlines and an empty line put between."""

    def __init__(self, out: IO[str], *, apart: bool):
        self._out, self._apart = out, apart
        self._held = ""  # newlines that may turn out to be the document's last
        self._begun = False
        self.characters = self.newlines = self.documents = self.replaced = 0
        self.distinct: set[str] = set()
        self.start = ""
        self.ends_line = False

    def begin(self) -> None:
        """The next piece belongs to a new document."""
        if self.documents and self._apart:
            self._write("\n\n")
        self.documents += 1
        self._held, self._begun = "", False

    def add(self, piece: str) -> None:
        if self._apart:
            if not self._begun:
                piece = piece.lstrip("\n")
            self._begun = self._begun or bool(piece)
            body = piece.rstrip("\n")
            if not body:
                self._held += piece
                return
            piece, self._held = self._held + body, piece[len(body) :]
        self._write(piece)

    def finish(self) -> None:
        if self._apart:
            self._write("\n")

    def _write(self, piece: str) -> None:
        self._out.write(piece)
        self.characters += len(piece)
        self.newlines += piece.count("\n")
        self.replaced += piece.count("\ufffd")
        self.distinct.update(piece)
        if len(self.start) < _PREVIEW:
            self.start = (self.start + piece)[:_PREVIEW]
        if piece:
            self.ends_line = piece.endswith("\n")


def _plain(file: IO[str], name: str, text: _Text, problems: Problems, notes: list[str]) -> None:
    blank, fewer, changed = True, 0, False
    line, tail = 1, ""
    text.begin()
    for piece in _pieces(file):
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
        notes.append(f"{name}: composed characters (Unicode NFC), {fewer} code points fewer")


def _pieces(file: IO[str]) -> Iterator[str]:
    """The text in pieces that can be composed one by one."""
    rest = ""
    while read := file.read(_PIECE):
        rest += read
        cut = _CUT.search(rest, max(0, len(rest) - 1000))
        if cut or len(rest) > 8 * _PIECE:
            at = cut.start() if cut else len(rest)
            yield rest[:at]
            rest = rest[at:]
    yield rest


def _json_lines(file: IO[str], name: str, text: _Text, problems: Problems, notes: list[str]) -> None:
    found = empty = doubles = number = 0
    seen: set[bytes] = set()
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            problems.add(f"is longer than {LONGEST_LINE} characters; the rest was not read", file=name, line=number)
            return
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
    if empty:
        notes.append(f"{name}: {empty} empty documents dropped")
    if doubles:
        notes.append(f"{name}: {doubles} repeated documents dropped")
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
        return unicodedata.normalize("NFC", document.replace("\r\n", "\n").replace("\r", "\n"))
    return None
