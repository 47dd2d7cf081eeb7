"""One chat as it is stored and read again: a line of files/chats.jsonl.

    {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
    {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}],
     "rejected": [{"role": "assistant", "content": "What?"}], "part": "val"}

Called by the format, by shared/chats/ (templates, what the loss is taken on) and by recipes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHATS = "chats.jsonl"
SYSTEM, USER, ASSISTANT, TOOL = "system", "user", "assistant", "tool"

Message = dict[str, Any]  # role, content, and where there are some name, tool_calls, tool_call_id, weight


@dataclass(frozen=True)
class Chat:
    """messages: in order; of a preference the answer that was chosen at the end. rejected: the messages that were not chosen
    instead of those behind the first `shared`; () of a chat. tools: what the assistant may call, as OpenAI describes it.
    part: "train", "val" or "test" where the upload said so.
    """

    messages: tuple[Message, ...]
    rejected: tuple[Message, ...] = ()
    shared: int = 0
    tools: tuple[dict[str, Any], ...] = ()
    part: str = ""

    @property
    def other(self) -> "Chat":
        """The chat with the answer that was not chosen."""
        return Chat((*self.messages[: self.shared], *self.rejected), tools=self.tools, part=self.part)

    def line(self) -> str:
        """Itself as a line of JSON, without the line's end."""
        stored: dict[str, Any] = {"messages": self.messages}
        if self.rejected:
            stored |= {"rejected": self.rejected, "shared": self.shared}
        if self.tools:
            stored["tools"] = self.tools
        if self.part:
            stored["part"] = self.part
        return json.dumps(stored, ensure_ascii=False)


def read_chats(folder: Path) -> Iterator[Chat]:
    """The chats of a dataset in their order. folder: the dataset's, holding files/. Raises FileNotFoundError when it is gone."""
    with (folder / "files" / CHATS).open(encoding="utf-8") as lines:
        for line in lines:
            yield chat_of(line)


def chat_of(line: str) -> Chat:
    """A chat from the line it was stored as."""
    stored = json.loads(line)
    return Chat(
        tuple(stored["messages"]),
        tuple(stored.get("rejected", ())),
        stored.get("shared", 0),
        tuple(stored.get("tools", ())),
        stored.get("part", ""),
    )


def answers(chat: Chat) -> list[int]:
    """Places of the messages that are learnt from: what the assistant says, unless its weight is 0, or says nothing."""
    return [
        place
        for place, message in enumerate(chat.messages)
        if message["role"] == ASSISTANT and message.get("weight", 1) and not is_empty(message)
    ]


def is_empty(message: Message) -> bool:
    """Whether a message neither says nor calls anything."""
    return not message["content"].strip() and not message.get("tool_calls")


def out_of_order(chat: Chat) -> bool:
    """Whether roles follow each other as chat templates do not expect it: after the system's, user and assistant by turns.

    Tools answer after an assistant that called some, and the assistant follows them.
    """
    before = ""
    for place, message in enumerate(chat.messages):
        role = message["role"]
        expected = {
            "": (SYSTEM, USER),
            SYSTEM: (USER,),
            USER: (ASSISTANT,),
            ASSISTANT: (USER, TOOL) if place and chat.messages[place - 1].get("tool_calls") else (USER,),
            TOOL: (TOOL, ASSISTANT),
        }[before]
        if role not in expected:
            return True
        before = role
    return False
