"""Format "chats": what was asked and what was answered, for a language model to learn to answer so.

Uploaded as .jsonl, one chat a line (or as .json, a list of them; or a zip), for example

    {"messages": [{"role": "user", "content": "Wie heißt du?"}, {"role": "assistant", "content": "Ich heiße Lokführer."}]}
    {"prompt": "What is 2 + 2?", "completion": "4"}
    {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello!"}]}
    {"prompt": "What is 2 + 2?", "chosen": "4", "rejected": "22"}

Stored as files/chats.jsonl, every chat as the first of these; preferences by themselves: shared/datasets/chats/chat.py.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import Field

from shared.datasets.chats.arranging import write_chats
from shared.datasets.chats.chat import ASSISTANT, Chat, read_chats
from shared.datasets.chats.measuring import measure
from shared.datasets.chats.rows import LISTS, are_messages
from shared.datasets.formats.base import Arranged, Example, HasLimits, Options, Peek, Received
from shared.datasets.problems import refuse
from shared.datasets.receiving import is_zip, unzipped
from shared.datasets.report import DatasetReport, Dropped
from shared.datasets.text_writing import JSON_SUFFIXES
from shared.errors import cut
from shared.outputs import Mark, Output, Text

_SUFFIXES = (*JSON_SUFFIXES, ".json")
_MOST_MESSAGE = 500  # characters of a message in a preview
_HEAD = 1 << 16  # bytes looked at


class ChatOptions(Options):
    """What a user may choose about an upload of chats."""

    bad_rows: Literal["refuse", "drop"] = Field(
        "refuse", description="Rows that are no chat: refuse the file, or drop them."
    )


class ChatsFormat:
    name = "chats"
    title = "chats"
    help = (
        'a .jsonl with "messages", "conversations", "prompt" and "completion", or "chosen" and "rejected" in each line; a .json '
        "list of them, or a zip"
    )
    suffixes: tuple[str, ...] = _SUFFIXES
    examples: tuple[Example, ...] = ()
    options: type[Options] = ChatOptions

    def recognises(self, names: Sequence[str], peek: Peek) -> float:
        """By the keys of the first row. Pairs under other names than "prompt" and "completion" are a table's."""
        if not all(name.lower().endswith(_SUFFIXES) for name in names):
            return 0.0
        return min(_likeness(peek.head(name, _HEAD)) for name in names)

    def arrange(self, received: Sequence[Received], target: Path, limits: HasLimits, options: ChatOptions) -> Arranged:
        sources, notes = list(received), []
        if any(is_zip(one.path) or one.name.lower().endswith(".gz") for one in received):
            unpacked, notes = unzipped(received, limits)
            sources = [one for one in unpacked if one.name.lower().endswith(_SUFFIXES)]
            if not sources:
                raise refuse("holds no .jsonl and no .json", file=received[0].name)
        done = write_chats(sources, target, options.bad_rows)
        dropped = Dropped(duplicate=done.duplicate, empty=done.empty, broken=done.bad.count, named=done.bad.named)
        return Arranged(notes=notes + done.notes, kept={"dropped": dropped.model_dump()})

    def look(self, target: Path, kept: dict[str, Any]) -> DatasetReport:
        return measure(target, kept)

    def preview(self, folder: Path, report: DatasetReport, most: int) -> list[Output]:
        """The first chats, what the assistant says marked; of a preference what was not chosen marked against."""
        return [shown(chat) for chat, _ in zip(read_chats(folder), range(most), strict=False)]

    def open_file(self, folder: Path, name: str) -> tuple[IO[bytes], str] | None:
        return None


def shown(chat: Chat) -> Text:
    """A chat as a text: each message under its role."""
    text, marks = "", []
    both = [(message, 1.0) for message in chat.messages] + [(message, -1.0) for message in chat.rejected]
    for message, score in both:
        head = message["role"] if score > 0 else f"{message['role']}, rejected"
        said = cut(message["content"] or json.dumps(message.get("tool_calls", ""), ensure_ascii=False), _MOST_MESSAGE)
        text += f"{head}: "
        if message["role"] == ASSISTANT and message.get("weight", 1):
            marks.append(Mark(start=len(text), end=len(text) + len(said), score=score))
        text += f"{said}\n"
    return Text(text=text.rstrip("\n"), marks=marks)


def _likeness(head: bytes) -> float:
    """How sure the first row makes that it is a chat."""
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    try:
        row, _ = json.JSONDecoder().raw_decode(text.removeprefix("[").lstrip())
    except (ValueError, RecursionError):  # a row of which the head holds a piece: by its first key
        return 0.95 if any(text.lstrip("[ \n\t").startswith(f'{{"{name}"') for name in LISTS) else 0.0
    if not isinstance(row, dict):
        return 0.0
    keys = row.keys()
    if {"chosen", "rejected"} <= keys or {"prompt", "completion"} <= keys:
        return 0.95
    listed = [
        value for name, value in row.items() if isinstance(value, list) and (name in LISTS or are_messages(value))
    ]
    return 0.95 if listed else 0.0
