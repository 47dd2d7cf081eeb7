"""What there is to say of stored chats: turns, roles, lengths, and what each oddity means. Called by formats/chats.py."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.datasets.chats.chat import CHATS, SYSTEM, Chat, answers, chat_of, is_empty, out_of_order
from shared.datasets.report import DatasetReport, Dropped, Warned

_FEW = 100  # chats; a guess: fewer teach a manner at best
_ONE_SHORT = 0.5  # share of the answers that are one and the same: then little else is learnt


@dataclass
class _Counted:
    chats: int = 0
    turns: int = 0
    answers: int = 0
    system: int = 0
    disordered: int = 0
    asked_last: int = 0
    empty: int = 0
    preferences: int = 0
    longest: int = 0
    characters: int = 0
    answered: int = 0  # characters of answers
    parts: Counter[str] = field(default_factory=Counter)
    said: Counter[int] = field(default_factory=Counter)  # by hash of the answer
    asked: set[int] = field(default_factory=set)

    def add(self, chat: Chat) -> None:
        learnt = answers(chat)
        size = sum(len(message["content"]) for message in chat.messages)
        self.chats += 1
        self.turns += len(chat.messages)
        self.answers += len(learnt)
        self.system += chat.messages[0]["role"] == SYSTEM
        self.disordered += out_of_order(chat)
        self.asked_last += bool(learnt) and learnt[-1] < len(chat.messages) - 1
        self.empty += sum(1 for message in chat.messages if is_empty(message))
        self.preferences += bool(chat.rejected)
        self.longest = max(self.longest, size)
        self.characters += size
        self.answered += sum(len(chat.messages[place]["content"]) for place in learnt)
        if chat.part:
            self.parts[chat.part] += 1
        self.said[hash(chat.messages[learnt[-1]]["content"])] += 1
        self.asked.add(hash("\0".join(message["content"] for message in chat.messages[: learnt[0]])))


def measure(target: Path, kept: dict[str, Any]) -> DatasetReport:
    """The report of target/chats.jsonl. kept: what arranging left out."""
    found = _Counted()
    with (target / CHATS).open(encoding="utf-8") as lines:
        for line in lines:
            found.add(chat_of(line))
    facts = {
        "turns": found.turns,
        "answers": found.answers,
        "with_system_message": found.system,
        "roles_out_of_order": found.disordered,
        "ending_without_an_answer": found.asked_last,
        "empty_messages": found.empty,
        "longest_characters": found.longest,
        "mean_characters": round(found.characters / max(1, found.chats)),
        "mean_answer_characters": round(found.answered / max(1, found.answers)),
    }
    return DatasetReport(
        rows=found.chats,
        unit="preferences" if found.preferences else "chats",
        dropped=Dropped.model_validate(kept["dropped"]),
        parts=dict(found.parts),
        facts={name: value for name, value in facts.items() if value},
        warnings=_warnings(found),
    )


def _warnings(found: _Counted) -> list[Warned]:
    said: list[tuple[str, str]] = []
    if found.chats < _FEW:
        said.append(
            ("few_rows", f"There are {found.chats:,}: enough to learn a manner of speaking, not to learn facts from.")
        )
    if found.disordered:
        message = (
            f"In {found.disordered:,} the roles do not follow each other as system, user, assistant, user, assistant: the template "
            "of many a model refuses these, and then they are left out of the training."
        )
        said.append(("roles_out_of_order", message))
    if found.asked_last:
        message = (
            f"{found.asked_last:,} end with something else than an answer: from what comes last nothing is learnt."
        )
        said.append(("no_last_answer", message))
    if found.empty:
        message = f"{found.empty:,} messages are empty: from empty answers nothing is learnt."
        said.append(("empty_messages", message))
    commonest = max(found.said.values(), default=0)
    if found.chats > 1 and commonest > _ONE_SHORT * found.chats:
        message = f"{commonest:,} of {found.chats:,} end with the same answer: a model learns to give it to everything."
        said.append(("same_answer", message))
    if repeated := found.chats - len(found.asked):
        message = (
            f"{repeated:,} ask what another asks, word for word: where one is learnt from and its like is measured on, the loss is "
            "too good."
        )
        said.append(("same_question", message))
    return [Warned(code=code, message=message) for code, message in said]
