"""Format "text": one UTF-8 text for a language model.

Uploaded as .txt, for example

    西陸蟬聲唱，南冠客思侵。

or as .jsonl, one document a line, for example

    {"text": "西陸蟬聲唱，南冠客思侵。"}

Several files, or a zip of them, become one text. Stored as files/text.txt.
"""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from shared.datasets.archive import is_hidden
from shared.datasets.formats.base import Arranged, Example, HasLimits, Options, Peek, Received
from shared.datasets.problems import refuse
from shared.datasets.receiving import unzipped
from shared.datasets.report import DatasetReport, Dropped, Warned
from shared.datasets.text_writing import JSON_SUFFIXES, TEXT_SUFFIXES, write_text
from shared.outputs import Output, Text

_PIECE = 1 << 20
_PREVIEW_PER_ROW = 100  # characters of a preview for each row asked for
_SHORT = 10_000  # characters; a guess: below, even a small model knows the text by heart


def _python_docs() -> list[tuple[str, bytes]]:
    """The language reference as `help()` shows it: about 800,000 characters of real technical English."""
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name].strip("\n") for name in sorted(topics))
    return [("python_docs.txt", text.encode())]


class TextFormat:
    name = "text"
    title = "text"
    help = 'a .txt or .md file, or .jsonl with a "text" in each line; several of them or a zip become one text'
    suffixes: tuple[str, ...] = (*TEXT_SUFFIXES, *JSON_SUFFIXES)
    examples: tuple[Example, ...] = (Example("python_docs", "Python's language reference", "gpt", _python_docs),)
    options: type[Options] = Options

    def recognises(self, names: Sequence[str], peek: Peek) -> float:
        if len(names) == 1 and (inside := peek.inside(names[0])) is not None and not names[0].endswith(TEXT_SUFFIXES):
            wanted = [inner for inner in inside if not inner.endswith("/") and not is_hidden(inner)]
            return 0.5 if wanted and all(inner.lower().endswith(self.suffixes) for inner in wanted) else 0.0
        if not all(name.lower().endswith(self.suffixes) for name in names):
            return 0.0
        rows = [_first_row(peek.head(name)) for name in names if name.lower().endswith(JSON_SUFFIXES)]
        return min([0.6, *(_likeness(row) for row in rows)])

    def arrange(self, received: Sequence[Received], target: Path, limits: HasLimits, options: Options) -> Arranged:
        if any(one.name.lower().endswith(self.suffixes) for one in received):
            sources, notes = list(received), []  # a zip among them was named as a text: the writer says what it is
        else:
            sources, notes = unzipped(received, limits)
        texts = [source for source in sources if source.name.lower().endswith(self.suffixes) or len(sources) == 1]
        others = [source.name for source in sources if source not in texts]
        if not texts:
            raise refuse(
                f"holds no text; the names of texts end with {', '.join(self.suffixes)}", file=received[0].name
            )
        if others:
            notes.append(f"{len(others)} files that are no texts left out ({', '.join(others[:5])})")
        written = write_text(texts, target)
        _refuse_one_character(target / "text.txt", received[0].name)
        kept = {
            "documents": written.documents,
            "duplicate": written.duplicate,
            "empty": written.empty,
            "encoding": ", ".join(sorted(written.encodings)),
        }
        return Arranged(notes=notes + written.notes, kept=kept)

    def look(self, target: Path, kept: dict[str, Any]) -> DatasetReport:
        characters = newlines = damaged = 0
        distinct: set[str] = set()
        last = ""
        with (target / "text.txt").open(encoding="utf-8", newline="") as file:
            while piece := file.read(_PIECE):
                characters += len(piece)
                newlines += piece.count("\n")
                damaged += piece.count("\ufffd")
                distinct.update(piece)
                last = piece[-1]
        return DatasetReport(
            rows=kept["documents"],
            unit="documents",
            dropped=Dropped(duplicate=kept["duplicate"], empty=kept["empty"]),
            facts={
                "characters": characters,
                "distinct_characters": len(distinct),
                "lines": newlines + (last != "\n"),
                "encoding": kept["encoding"],
            },
            warnings=_warnings(characters, damaged),
        )

    def preview(self, folder: Path, report: DatasetReport, most: int) -> list[Output]:
        with (folder / "files" / "text.txt").open(encoding="utf-8", newline="") as file:
            return [Text(text=file.read(most * _PREVIEW_PER_ROW))]

    def open_file(self, folder: Path, name: str) -> tuple[IO[bytes], str] | None:
        return None


def _refuse_one_character(text: Path, name: str) -> None:
    """Raises DatasetInvalid for one character over and over, line ends aside."""
    seen: set[str] = set()
    with text.open(encoding="utf-8", newline="") as file:
        while len(seen) < 2 and (piece := file.read(_PIECE)):
            seen.update(piece)
            seen.discard("\n")
    if len(seen) < 2:
        said = f"is the character {seen.pop()!r} over and over: there is nothing to learn from it"
        raise refuse(said, file=name)


def _warnings(characters: int, damaged: int) -> list[Warned]:
    found = []
    if characters < _SHORT:
        message = (
            f"The text has {characters:,} characters: a model will know it by heart rather than learn to write like it; "
            "100,000 and more are a good beginning."
        )
        found.append(Warned(code="short", message=message))
    if damaged:
        message = (
            f"{damaged:,} replacement characters (U+FFFD): the text was damaged before it was uploaded, and a model learns "
            "them too."
        )
        found.append(Warned(code="damaged", message=message))
    return found


def _first_row(head: bytes) -> Any:
    """The first line as JSON, None when it is none or goes on beyond the head."""
    for line in io.BytesIO(head):
        if line.strip():
            try:
                return json.loads(line.decode("utf-8-sig"))
            except (ValueError, RecursionError):
                return None
    return None


def _likeness(row: Any) -> float:
    """How sure a first row of .jsonl makes that it is a text: a table of rows has other columns."""
    if not isinstance(row, dict):
        return 0.5
    if set(row) == {"text"}:
        return 0.9
    nested = any(isinstance(value, dict | list) for value in row.values())
    return 0.5 if isinstance(row.get("text"), str) and nested else 0.1
