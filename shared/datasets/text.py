"""Format "text": one UTF-8 text for a language model.

Uploaded as .txt, for example

    西陸蟬聲唱，南冠客思侵。

or as .jsonl, one document a line, for example

    {"text": "西陸蟬聲唱，南冠客思侵。"}

Several files and documents become one text, an empty line between them.
"""

import json
import unicodedata
from pathlib import Path
from typing import Any

from shared.datasets.encoding import decode
from shared.datasets.problems import Problems, refuse
from shared.staging import full_is_said

LIMIT_BYTES = 1 << 30  # a guess: a text is held in memory, several times over, when it is trained on
_PREVIEW = 2_000


def import_text(sources: list[tuple[str, Path]], target: Path) -> tuple[dict[str, Any], list[str], list[Any]]:
    """Read .txt and .jsonl files, write target/text.txt. Returns (stats, notes, preview).

    Raises DatasetInvalid naming file and line of everything wrong.
    """
    notes: list[str] = []
    documents: list[str] = []
    encodings: list[str] = []
    problems = Problems()
    for name, path in sources:
        if path.stat().st_size > LIMIT_BYTES:
            raise refuse(f"has {path.stat().st_size} bytes; a text may have {LIMIT_BYTES}", file=name)
        if path.stat().st_size == 0:
            problems.add("is empty", file=name)
            continue
        text, encoding, said = decode(path.read_bytes(), name)
        notes += said
        encodings.append(encoding)
        if "\r" in text:
            notes.append(f"{name}: line ends changed from CR LF to LF")
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        composed = unicodedata.normalize("NFC", text)
        if composed != text:
            notes.append(f"{name}: composed characters (Unicode NFC), {len(text) - len(composed)} code points fewer")
        if name.lower().endswith(".jsonl"):
            documents += _json_lines(composed, name, problems, notes)
        elif not composed.strip():
            problems.add("holds nothing but white space", file=name)
        else:
            documents.append(composed)
    problems.raise_if_any()
    text = documents[0] if len(documents) == 1 else "\n\n".join(d.strip("\n") for d in documents) + "\n"
    with full_is_said():
        (target / "text.txt").write_text(text, encoding="utf-8")
    stats = {
        "characters": len(text),
        "distinct_characters": len(set(text)),
        "lines": text.count("\n") + (not text.endswith("\n")),
        "documents": len(documents),
        "encoding": ", ".join(sorted(set(encodings))),
    }
    return stats, notes, text[:_PREVIEW].splitlines()


def _json_lines(text: str, name: str, problems: Problems, notes: list[str]) -> list[str]:
    documents, empty, seen, doubles = [], 0, set(), 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as err:
            problems.add(f"is no JSON: {err}", file=name, line=number)
            continue
        document = row.get("text") if isinstance(row, dict) else None
        if not isinstance(document, str):
            problems.add('needs a string "text", as in {"text": "..."}', file=name, line=number)
        elif not document.strip():
            empty += 1
        elif document in seen:
            doubles += 1
        else:
            seen.add(document)
            documents.append(document)
    if empty:
        notes.append(f"{name}: {empty} empty documents dropped")
    if doubles:
        notes.append(f"{name}: {doubles} repeated documents dropped")
    if not documents and not problems.count:
        problems.add("holds no document", file=name)
    return documents
