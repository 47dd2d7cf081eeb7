"""Which part of a chat's text the loss is taken on: what the assistant says, to the end of its turn, and nothing else.

A template may mark it itself ({% generation %}). Most do not: then the chat is rendered up to each answer and up to its end, and
the text between is the answer, if both are beginnings of the whole. Where a template writes what came before differently later on
(it leaves thoughts out of older answers), the answer's own words are looked for where it must begin. Where neither holds, it is not
told. White space behind the mark that closes an answer is not learnt: nobody asks for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from shared.chats.template import ChatTemplate, TemplateRefused
from shared.datasets.chats.chat import ASSISTANT, Chat, answers

MOST_ANSWERS = 200  # of a chat: each is rendered twice, and every time from its beginning


@dataclass(frozen=True)
class Masked:
    """A chat as a model reads it. spans: (start, end) in characters of the answers that are learnt from, rising, apart.

    untold: answers of which it cannot be told where they stand: nothing is learnt from them.
    ended: whether the template writes something behind the last answer by which a model learns to stop.
    """

    text: str
    spans: list[tuple[int, int]]
    untold: int = 0
    ended: bool = True


def mask(template: ChatTemplate, chat: Chat) -> Masked:
    """Render a chat and find its answers. Raises TemplateRefused when the template does not take the chat."""
    text, marked = template.render(chat.messages, tools=chat.tools)
    learnt = answers(chat)
    if len(learnt) > MOST_ANSWERS:
        raise TemplateRefused(
            f"is not asked about {len(learnt):,} answers; at most {MOST_ANSWERS}: cut the chat in pieces"
        )
    said = [place for place, message in enumerate(chat.messages) if message["role"] == ASSISTANT]
    if template.marks and len(marked) == len(said):
        spans = [span for place, span in zip(said, marked, strict=True) if place in learnt and span[0] < span[1]]
        return Masked(text, spans, len(learnt) - len(spans), _ended(text, spans, chat))
    spans = []
    closing = ""  # what stands behind the words of an answer, known from those that could be told
    for place in reversed(learnt):
        span = _by_prefix(template, chat, place, text) or _by_words(template, chat, place, text, closing)
        if span is not None:
            spans.insert(0, span)
            closing = closing or _behind(text, span, chat, place)
    if any(one[1] > other[0] for one, other in pairwise(spans)):
        return Masked(text, [], len(learnt))
    return Masked(text, spans, len(learnt) - len(spans), _ended(text, spans, chat))


def prompt_text(template: ChatTemplate, messages: Sequence[dict], tools: Sequence[dict] = ()) -> str:
    """What a model is given to answer. Raises TemplateRefused."""
    return template.render(messages, tools=tools, prompt=True)[0]


def _begin(template: ChatTemplate, chat: Chat, place: int, text: str) -> int | None:
    """Where an answer begins: behind all that a model is given before it answers."""
    before = template.render(chat.messages[:place], tools=chat.tools, prompt=True)[0] if place else ""
    return len(before) if text.startswith(before) else None


def _by_prefix(template: ChatTemplate, chat: Chat, place: int, text: str) -> tuple[int, int] | None:
    begin = _begin(template, chat, place, text)
    if begin is None:
        return None
    upto = text if place == len(chat.messages) - 1 else template.render(chat.messages[: place + 1], tools=chat.tools)[0]
    if not text.startswith(upto) or len(upto) <= begin:
        return None
    closing = _behind(text, (begin, len(upto)), chat, place)
    return begin, len(upto.rstrip()) if closing.strip() else len(upto)


def _by_words(template: ChatTemplate, chat: Chat, place: int, text: str, closing: str) -> tuple[int, int] | None:
    """The answer's own words, if they stand where it must begin, with what closes the other answers."""
    begin = _begin(template, chat, place, text)
    words = chat.messages[place]["content"].strip()
    if begin is None or not words:
        return None
    found = text.find(words, begin)
    if found < 0 or text[begin:found].strip():
        return None
    end = found + len(words)
    return begin, end + len(closing) if text.startswith(closing, end) else end


def _behind(text: str, span: tuple[int, int], chat: Chat, place: int) -> str:
    words = chat.messages[place]["content"].strip()
    at = text.rfind(words, *span) if words else -1
    return text[at + len(words) : span[1]] if at >= 0 else ""


def _ended(text: str, spans: list[tuple[int, int]], chat: Chat) -> bool:
    """Whether something other than white space stands behind the words of the last answer that could be told."""
    if not spans:
        return False
    words = chat.messages[answers(chat)[-1]]["content"].strip()
    return bool(text[spans[-1][0] : spans[-1][1]].rpartition(words)[2].strip()) if words else True
