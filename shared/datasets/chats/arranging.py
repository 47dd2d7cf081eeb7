"""Uploaded files become files/chats.jsonl: every row checked, doubles and rows without an answer left out and counted.

Called by formats/chats.py. Lines are read one by one: memory does not grow with a .jsonl, apart from 16 bytes a row.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from shared.datasets.chats.chat import CHATS, Chat
from shared.datasets.chats.rows import NoChat, chat_from, says_nothing
from shared.datasets.encoding import END_MARK, recognise
from shared.datasets.formats.base import Received
from shared.datasets.problems import refuse
from shared.datasets.tables.bad_rows import BadRows
from shared.datasets.tables.splits import part_of_file
from shared.datasets.text_writing import BYTE_ORDER_MARK, JSON_SUFFIXES, LONGEST_LINE
from shared.errors import TooLarge
from shared.volume.staging import full_is_said

# A .json is parsed by one call, which lets no other thread run for a second and takes ten times as much memory.
MOST_JSON_BYTES = 64 * 1024**2


@dataclass
class Written:
    """What was written. duplicate, empty: rows left out since they are there already, or have no answer."""

    rows: int = 0
    duplicate: int = 0
    empty: int = 0
    preferences: bool = False
    bad: BadRows = field(default_factory=BadRows)
    notes: list[str] = field(default_factory=list)


def write_chats(sources: Sequence[Received], target: Path, bad_rows: str) -> Written:
    """Read every file and write target/chats.jsonl. bad_rows: "refuse" or "drop".

    Raises DatasetInvalid naming bad rows by file and line, with what would be right; TooLarge, VolumeFull.
    """
    done = Written()
    parts = {source.name: part_of_file(source.name) for source in sources} if len(sources) > 1 else {}
    named = "train" in parts.values() and len(set(parts.values()) - {""}) > 1
    with full_is_said(), (target / CHATS).open("w", encoding="utf-8", newline="\n") as out:
        writer = _Writer(out, done)
        for source in sources:
            for number, row in _rows(source, done):
                writer.add(source.name, number, row, parts[source.name] if named else "")
    if done.bad.count and (bad_rows != "drop" or not done.rows):
        raise done.bad.refused(left=done.rows)
    if not done.rows:
        raise refuse("holds no chat with an answer: there is nothing to learn from", file=sources[0].name)
    if named:
        done.notes.append(
            "which part a chat is of is told by its file: " + ", ".join(f"{f}: {p}" for f, p in parts.items() if p)
        )
    left = (
        (done.duplicate, "there twice"),
        (done.empty, "without any answer"),
        (done.bad.count, "no chats, as chosen"),
    )
    if said := ", ".join(f"{count:,} {why}" for count, why in left if count):
        done.notes.append(f"left out: {said}")
    return done


class _Writer:
    """Checks rows one by one and writes those that can be used."""

    def __init__(self, out: IO[str], done: Written):
        self._out, self._done = out, done
        self._seen: set[bytes] = set()

    def add(self, file: str, number: int, row: Any, part: str) -> None:
        done = self._done
        try:
            chat = chat_from(row)
            self._refuse_mixed(chat)
        except NoChat as err:
            done.bad.add_row(file, number, str(err))
            return
        if says_nothing(chat):
            done.empty += 1
            return
        alone = Chat(chat.messages, chat.rejected, chat.shared, chat.tools)
        key = hashlib.blake2b(alone.line().encode(), digest_size=16).digest()
        if key in self._seen:
            done.duplicate += 1
            return
        self._seen.add(key)
        done.rows += 1
        done.preferences = bool(chat.rejected)
        kept = Chat(chat.messages, chat.rejected, chat.shared, chat.tools, chat.part or part)
        self._out.write(kept.line() + "\n")

    def _refuse_mixed(self, chat: Chat) -> None:
        done = self._done
        if done.rows and bool(chat.rejected) != done.preferences:
            kind, other = ("a preference", "chats") if chat.rejected else ("a chat", "preferences")
            raise NoChat(f"is {kind} among {other}: upload each by itself")


def _rows(source: Received, done: Written) -> Iterator[tuple[int, Any]]:
    """(number, row) of a file: the number of the line in .jsonl, of the entry in a list of .json."""
    if source.path.stat().st_size == 0:
        raise refuse("is empty", file=source.name)
    encoding = recognise(source.path, source.name)
    done.notes += [encoding.note] if encoding.note else []
    with source.path.open(encoding=encoding.codec) as file:
        if source.name.lower().endswith(JSON_SUFFIXES):
            yield from _lines(file, source, done)
        else:
            yield from _listed(file, source)


def _lines(file: IO[str], source: Received, done: Written) -> Iterator[tuple[int, Any]]:
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise refuse(
                f"is longer than {LONGEST_LINE:,} characters; the rest was not read", file=source.name, line=number
            )
        line = line.partition(END_MARK)[0].strip().strip(BYTE_ORDER_MARK)
        if not line:
            continue
        try:
            yield number, json.loads(line)
        except RecursionError:
            done.bad.add_row(source.name, number, "is JSON nested too deeply", line)
        except ValueError as err:
            done.bad.add_row(source.name, number, f"is no JSON: {err}", line)


def _listed(file: IO[str], source: Received) -> Iterator[tuple[int, Any]]:
    if (size := source.path.stat().st_size) > MOST_JSON_BYTES:
        raise TooLarge(
            f"{source.name} has {size:,} bytes; {MOST_JSON_BYTES:,} are allowed: save it as .jsonl, a chat a line"
        )
    try:
        read = json.loads(file.read().strip(BYTE_ORDER_MARK))
    except ValueError as err:
        raise refuse(f"is no JSON: {err}", file=source.name, line=getattr(err, "lineno", None)) from err
    except RecursionError as err:
        raise refuse("is JSON nested too deeply", file=source.name) from err
    if not isinstance(read, list):
        raise refuse("is no list of chats: [{...}, {...}]; or save it as .jsonl, a chat a line", file=source.name)
    yield from enumerate(read, 1)
