"""What a training on chats will learn from, before it is queued: tokens, rows too long, and in colour what the loss is taken on.

Looks at the first chats only, for a bounded time: it is made while somebody waits for a page.
"""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.chats.template import TemplateRefused
from shared.chats.tokens import Reader, TokenRow
from shared.datasets.chats.chat import Chat, out_of_order
from shared.errors import Problem, cut
from shared.outputs import Mark, Output, Table, Text

MOST_CHATS, MOST_SECONDS = 500, 2.0
SHOWN = 3
_MOST_SHOWN = 4_000  # characters of a chat that is shown
_FEW_LEARNT = 0.02  # share of tokens; a guess: below, a step costs fifty times what it teaches


@dataclass
class Looked:
    """What was found in the chats looked at. rows: those that can be learnt from. all: whether these were all there are.

    lengths, learnt: tokens of each, and of these those that the loss is taken on. why: reasons of the template, with how often.
    """

    chats: int = 0
    all: bool = True
    lengths: list[int] = field(default_factory=list)
    learnt: list[int] = field(default_factory=list)
    empty: int = 0
    too_long: int = 0
    masked: int = 0
    lost: int = 0
    untold: int = 0
    split: int = 0
    disordered: int = 0
    special: int = 0
    why: Counter[str] = field(default_factory=Counter)
    shown: list[tuple[str, TokenRow]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.lengths)


def look_at(chats: Iterable[Chat | None], reader: Reader, context: int, too_long: str) -> Looked:
    """Read the first chats as the training will. context: tokens of a row; too_long: "cut" or "drop" those that have more."""
    found, until = Looked(), time.monotonic() + MOST_SECONDS
    special = [
        token.content for token in reader.vocabulary.tokenizer.get_added_tokens_decoder().values() if token.special
    ]
    for chat in chats:
        if found.chats >= MOST_CHATS or time.monotonic() > until:
            found.all = False
            break
        found.chats += 1
        if chat is None:
            found.empty += 1
            continue
        found.disordered += out_of_order(chat)
        found.special += any(piece in message["content"] for message in chat.messages for piece in special)
        for number, one in enumerate([chat, chat.other] if chat.rejected else [chat]):
            _take(found, one, reader, context, too_long, "rejected" if number else "")
    return found


def _take(found: Looked, chat: Chat, reader: Reader, context: int, too_long: str, title: str) -> None:
    try:
        row = reader.row(chat, context)
    except TemplateRefused as err:
        found.why[str(err)] += 1
        return
    found.untold += row.untold
    found.split += row.split
    found.too_long += row.cut > 0
    if row.cut and too_long == "drop":
        return
    if not row.count:
        found.lost += row.cut > 0
        found.masked += row.cut == 0
        return
    found.lengths.append(len(row.tokens))
    found.learnt.append(row.count)
    if len(found.shown) < SHOWN:
        found.shown.append((title, row))


def problems_of(found: Looked, too_long: str) -> list[Problem]:
    """Why nothing can be learnt, if that is so: an error before queueing, not a flat loss after it."""
    if found.rows or not found.chats:
        return []
    seen = f"all {found.chats:,} chats" if found.all else f"the first {found.chats:,} chats"
    if found.why:
        reason, count = found.why.most_common(1)[0]
        return [
            Problem(
                field="params.chat_template", message=f"the template takes none of {seen}: of {count:,} it {reason}"
            )
        ]
    if found.too_long and (too_long == "drop" or found.lost):
        ways = "longer rows (params.context)" + (" or params.too_long cut" if too_long == "drop" else "")
        return [
            Problem(
                field="params.context",
                message=f"{seen} are too long, and nothing of their answers is left: needed are {ways}",
            )
        ]
    message = (
        f"in {seen} no token is left that the loss is taken on: where the answers stand cannot be told from this template. Choose "
        "another, or params.learn everything"
    )
    return [Problem(field="params.chat_template", message=message)]


def outputs_of(found: Looked, context: int, too_long: str) -> list[Output]:
    """A table of counts, and three chats with what the loss is taken on marked."""
    rows = [[name, value, note] for name, value, note in _counts(found, context, too_long) if value]
    of = "all chats" if found.all else f"the first {found.chats:,} chats"
    table = Table(
        title=f"What it would learn from, by {of}", columns=["what", "count", "note"], rows=rows, count=len(rows)
    )
    return [table, *(_coloured(title, row, number) for number, (title, row) in enumerate(found.shown, 1))]


def _counts(found: Looked, context: int, too_long: str) -> list[tuple[str, int, str]]:
    total, learnt, lengths = sum(found.lengths), sum(found.learnt), sorted(found.lengths)
    share = learnt / total if total else 0.0
    little = ": each step teaches little" if share < _FEW_LEARNT else ""
    reasons = "; ".join(cut(why, 200) for why, _ in found.why.most_common(2))
    return [
        ("rows", found.rows, ""),
        ("tokens", total, ""),
        ("tokens of a row, median", lengths[len(lengths) // 2] if lengths else 0, ""),
        ("tokens of the longest row", max(lengths, default=0), f"rows have {context:,}"),
        ("tokens the loss is taken on", learnt, f"{share:.0%} of them{little}"),
        ("rows too long", found.too_long, "their ends are cut off" if too_long == "cut" else "left out"),
        ("rows of which nothing is left to learn", found.lost, "their answers begin behind the cut; left out"),
        ("rows without a question or an answer", found.empty, "left out"),
        ("rows without a token to learn", found.masked, "left out"),
        ("rows that the template does not take", sum(found.why.values()), f"left out: it {reasons}"),
        (
            "answers that could not be told",
            found.untold,
            "the template writes them otherwise; nothing is learnt from them",
        ),
        ("answers that begin within a token", found.split, "that token is not learnt"),
        ("chats with roles out of order", found.disordered, ""),
        (
            "chats that hold special tokens as text",
            found.special,
            "read as these tokens, as if the template had written them",
        ),
    ]


def _coloured(title: str, row: TokenRow, number: int) -> Text:
    """A chat as the model reads it, with what the loss is taken on marked."""
    marks: list[Mark] = []
    for (start, end), learnt in zip(row.places, row.learnt, strict=True):
        if not learnt or end <= start or start >= _MOST_SHOWN:
            continue
        if marks and marks[-1].end >= start:
            marks[-1] = Mark(start=marks[-1].start, end=max(end, marks[-1].end))
        else:
            marks.append(Mark(start=start, end=end))
    end = row.places[-1][1] if row.cut else len(row.text)
    said = f"Chat {number}{', ' + title if title else ''}: {len(row.tokens):,} tokens, {row.count:,} of them learnt"
    said += f", {row.cut:,} cut off" if row.cut else ""
    return Text(title=said, text=cut(row.text[:end], _MOST_SHOWN), marks=marks)
