"""One uploaded row becomes a chat, or the sentence that says why it cannot: what is wrong, and what would be right.

Knows the shapes in which chats are passed on: "messages" (OpenAI), "conversations" with "from" and "value" (ShareGPT), "prompt"
with "completion", "chosen" with "rejected" (TRL, UltraFeedback). Called by arranging.py.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from shared.datasets.chats.chat import ASSISTANT, SYSTEM, TOOL, USER, Chat, Message, answers
from shared.datasets.encoding import CONTROLS
from shared.datasets.marks import TOO_MANY, long_run
from shared.datasets.tables.splits import part_of
from shared.errors import cut

MOST_MESSAGES = 10_000  # of a chat
ROLES = {
    **dict.fromkeys(("system", "developer"), SYSTEM),
    **dict.fromkeys(("user", "human", "prompter"), USER),
    **dict.fromkeys(("assistant", "gpt", "model", "bot", "chatgpt", "bing", "bard", "ai"), ASSISTANT),
    **dict.fromkeys(("tool", "function", "observation", "ipython"), TOOL),
}
LISTS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat")
PROMPTS = ("prompt", "instruction", "question", "query", "input")
ANSWERS = ("completion", "response", "answer", "output")
SHAPES = 'a chat is {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}'
_KEPT = ("name", "tool_calls", "tool_call_id", "weight")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 40  # characters


class NoChat(Exception):
    """A row that is none. The message is for the user."""


def chat_from(row: Any) -> Chat:
    """A chat from one row of an upload. Raises NoChat."""
    if not isinstance(row, dict):
        raise NoChat(f"is no object; {SHAPES}")
    part = next((part_of(row[name]) for name in ("split", "part") if isinstance(row.get(name), str)), "")
    tools = _tools(row.get("tools"))
    if "chosen" in row or "rejected" in row:
        return _preference(row, tools, part)
    if listed := _listed(row):
        messages = _messages(row[listed], listed)
        system = row.get("system")
        if isinstance(system, str) and system.strip() and messages[0]["role"] != SYSTEM:
            messages = [_message(SYSTEM, system, "system"), *messages]
    else:
        messages = _pair(row)
    chat = Chat(tuple(messages), tools=tools, part=part)
    if not any(message["role"] == ASSISTANT for message in messages):
        raise NoChat('has no answer: no message is of the role "assistant"')
    return chat


def says_nothing(chat: Chat) -> bool:
    """Whether there is nothing to learn in a chat: every answer is empty, or has the weight 0."""
    return not answers(chat) or bool(chat.rejected and not answers(chat.other))


def _listed(row: dict[str, Any]) -> str:
    """The key of the list of messages; "" where there is none."""
    named = next((name for name in LISTS if name in row), "")
    if named:
        return named
    lists = [name for name, value in row.items() if are_messages(value)]
    return lists[0] if len(lists) == 1 else ""


def are_messages(value: Any) -> bool:
    """Whether a value looks like a list of messages, by its first one."""
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, dict) and ({"role", "content"} <= first.keys() or {"from", "value"} <= first.keys())


def _messages(read: Any, where: str) -> list[Message]:
    if not isinstance(read, list) or not read:
        raise NoChat(f'"{where}" is no list of messages; {SHAPES}')
    if len(read) > MOST_MESSAGES:
        raise NoChat(
            f'"{where}" has {len(read):,} messages; at most {MOST_MESSAGES:,} are taken: cut the chat in pieces'
        )
    return [_one(message, f"{where}, message {number}") for number, message in enumerate(read, 1)]


def _one(read: Any, where: str) -> Message:
    if not isinstance(read, dict):
        raise NoChat(f'{where}: is no object like {{"role": "user", "content": "..."}}')
    said = read.get("role", read.get("from"))
    if said is None:
        raise NoChat(f'{where}: has no "role" (or "from")')
    role = ROLES.get(said.casefold()) if isinstance(said, str) else None
    if role is None:
        raise NoChat(f"{where}: {said!r:.40} is no role; known are system, user, assistant, tool (also human, gpt)")
    content = read.get("content", read.get("value"))
    calls = read.get("tool_calls")
    if calls is not None and not (isinstance(calls, list) and all(isinstance(call, dict) for call in calls)):
        raise NoChat(f'{where}: "tool_calls" is no list of objects')
    if content is None and not calls:
        raise NoChat(f'{where}: has no "content" (or "value")')
    message = _message(role, "" if content is None else _flat(content, where), where)
    message |= {name: read[name] for name in _KEPT if read.get(name) is not None}
    weight = message.get("weight", 1)
    if isinstance(weight, bool) or weight not in (0, 1):
        raise NoChat(f'{where}: "weight" is {weight!r:.20}; right are 0 (nothing is learnt from it) and 1')
    return message


def _message(role: str, content: Any, where: str) -> Message:
    return {"role": role, "content": _text(content, where)}


def _flat(content: Any, where: str) -> Any:
    """A content given in parts as one text."""
    if not isinstance(content, list):
        return content
    texts = []
    for part in content:
        if not isinstance(part, dict) or part.get("type") != "text":
            kind = part.get("type") if isinstance(part, dict) else type(part).__name__
            raise NoChat(f"{where}: holds a part of the type {kind!r:.30}; only texts can be learnt from")
        texts.append(_text(part.get("text"), where))
    return "".join(texts)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise NoChat(f"{where}: {value!r:.40} is no text")
    if bad := CONTROLS.search(value) or _SURROGATE.search(value):
        raise NoChat(f"{where}: holds U+{ord(bad.group()):04X}, which no text has")
    if long_run(value) is not None:
        raise NoChat(f"{where}: {TOO_MANY}")
    return unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n"))


def _tools(read: Any) -> tuple[dict[str, Any], ...]:
    if read in (None, [], ""):
        return ()
    if not isinstance(read, list) or not all(isinstance(tool, dict) for tool in read):
        raise NoChat('"tools" is no list of objects that describe functions')
    return tuple(read)


def _pair(row: dict[str, Any]) -> list[Message]:
    """A question and its answer, as "prompt" and "completion" or under the other names that they have."""
    asked, said = (next((name for name in names if name in row), "") for names in (PROMPTS, ANSWERS))
    if not asked or not said:
        found = ", ".join(map(str, row)) or "nothing"
        raise NoChat(
            f'holds {cut(found, 100)}, which is no chat: needs "messages", "conversations", or "prompt" and "completion"'
        )
    question = row[asked]
    messages = _messages(question, asked) if are_messages(question) else [_message(USER, question, asked)]
    more = row.get("input") if asked == "instruction" else None  # of Alpaca: what the instruction is about
    if isinstance(more, str) and more.strip() and isinstance(question, str):
        messages = [_message(USER, f"{question}\n\n{more}", asked)]
    system = row.get("system")
    if isinstance(system, str) and system.strip() and messages[0]["role"] != SYSTEM:
        messages = [_message(SYSTEM, system, "system"), *messages]
    answer = row[said]
    return [
        *messages,
        *(_messages(answer, said) if are_messages(answer) else [_message(ASSISTANT, answer, said)]),
    ]


def _preference(row: dict[str, Any], tools: tuple[dict[str, Any], ...], part: str) -> Chat:
    """Two answers to the same, the first of them preferred."""
    for name in ("chosen", "rejected"):
        if name not in row:
            raise NoChat(f'has no "{name}": a preference has both answers, "chosen" and "rejected"')
    asked = next((name for name in PROMPTS if name in row), "")
    before: list[Message] = []
    if asked:
        read = row[asked]
        before = _messages(read, asked) if isinstance(read, list) else [_message(USER, read, asked)]
    chosen, rejected = (_answer(row[name], name, before) for name in ("chosen", "rejected"))
    shared = _alike(chosen, rejected)
    if not shared:
        raise NoChat(
            '"chosen" and "rejected" begin differently: both answer the same "prompt", or repeat the same messages first'
        )
    if shared == len(chosen) or shared == len(rejected):
        raise NoChat('"chosen" and "rejected" are the same answer: there is nothing to prefer')
    for name, found in (("chosen", chosen), ("rejected", rejected)):
        if not any(message["role"] == ASSISTANT for message in found[shared:]):
            raise NoChat(f'"{name}" does not end with an answer of the assistant')
    return Chat(tuple(chosen), tuple(rejected[shared:]), shared, tools, part)


def _answer(read: Any, where: str, before: Sequence[Message]) -> list[Message]:
    """The whole chat with one of both answers. A list of messages may repeat what comes before."""
    if isinstance(read, list):
        found = _messages(read, where)
        repeats = found[: len(before)] == list(before) or found[0]["role"] in (SYSTEM, USER)
        return found if repeats else [*before, *found]
    if not before:
        raise NoChat(f'"{where}" is a text without a "prompt"; {SHAPES}')
    return [*before, _message(ASSISTANT, read, where)]


def _alike(one: Sequence[Message], other: Sequence[Message]) -> int:
    """How many messages both begin with alike."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count
