"""Chats as tokens, each with whether the loss is taken on it. The web counts them before queueing, workers write them to a file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from shared.chats.masking import Masked, mask
from shared.chats.template import OWN, ChatTemplate, TemplateRefused
from shared.datasets.chats.chat import Chat


@dataclass(frozen=True)
class Vocabulary:
    """A base's tokenizer and its special tokens. end: number of the token by which a text ends, None where it has none.

    ends: every token at which an answer is over.
    """

    tokenizer: Tokenizer
    special: dict[str, str]
    end: int | None
    ends: frozenset[int]

    @classmethod
    def of(cls, path: Path, special: Any) -> "Vocabulary":
        """path: tokenizer.json. special: a base's (shared/bases/manifest.py, Special)."""
        return cls.made(Tokenizer.from_file(str(path)), special)

    @classmethod
    def made(cls, tokenizer: Tokenizer, special: Any) -> "Vocabulary":
        """The same of a tokenizer that is read already."""
        tokenizer.no_padding()
        tokenizer.no_truncation()
        named = {"bos_token": special.bos, "eos_token": special.eos, "pad_token": special.pad}
        end = tokenizer.token_to_id(special.eos) if special.eos else None
        end = special.ends[0] if end is None and special.ends else end
        return cls(tokenizer, named, end, frozenset([*special.ends, *([end] if end is not None else [])]))


@dataclass(frozen=True)
class TokenRow:
    """tokens: numbers. learnt: 1 where the loss is taken on a token. text, places: (start, end) of each token in the text.

    untold: answers that could not be found. cut: tokens left out at its end. split: answers that begin within a token.
    """

    tokens: list[int]
    learnt: list[int]
    text: str = ""
    places: list[tuple[int, int]] = field(default_factory=list)
    untold: int = 0
    cut: int = 0
    split: int = 0

    @property
    def count(self) -> int:
        """Tokens the loss is taken on: the first of a row follows nothing."""
        return sum(self.learnt[1:])


class Reader:
    """Turns chats into rows of tokens as a model of this base and template reads them. everything: the loss is taken on all."""

    def __init__(self, vocabulary: Vocabulary, template: ChatTemplate, *, everything: bool = False):
        self.vocabulary, self.template, self.everything = vocabulary, template, everything

    def row(self, chat: Chat, most: int = 0) -> TokenRow:
        """A chat as tokens, the end left out that is beyond `most`; 0: nothing is. Raises TemplateRefused."""
        return self.tokenised(mask(self.template, chat), most)

    def tokenised(self, masked: Masked, most: int = 0) -> TokenRow:
        encoded = self.vocabulary.tokenizer.encode(masked.text, add_special_tokens=False)
        tokens, places = list(encoded.ids), list(encoded.offsets)
        learnt, split = _learnt(places, masked.spans)
        end = self.vocabulary.end
        if end is not None and not masked.ended and masked.spans and masked.spans[-1][1] == len(masked.text):
            tokens, places, learnt = [*tokens, end], [*places, (len(masked.text),) * 2], [*learnt, 1]
        if self.everything:
            learnt, split = [1] * len(tokens), 0
        keep = whole(places, most) if most and len(tokens) > most else len(tokens)
        cut = len(tokens) - keep
        return TokenRow(
            tokens[:keep],
            learnt[:keep],
            masked.text,
            places[:keep],
            0 if self.everything else masked.untold,
            cut,
            split,
        )

    def prompt(self, messages: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]] = ()) -> list[int]:
        """What a model is given to answer these messages. Raises TemplateRefused."""
        text, _ = self.template.render(messages, tools=tools, prompt=True)
        return list(self.vocabulary.tokenizer.encode(text, add_special_tokens=False).ids)


def whole(places: Sequence[tuple[int, int]], most: int) -> int:
    """At most `most` tokens such that no character is cut: the tokens of one character's bytes stand at one place."""
    keep = most
    while 0 < keep < len(places) and places[keep][0] < places[keep - 1][1]:
        keep -= 1
    return keep


def _learnt(places: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> tuple[list[int], int]:
    """(1 for each token that lies in a span, how many spans begin within a token, which is then not learnt)."""
    marks, split, at = [0] * len(places), 0, 0
    for start, end in spans:
        while at < len(places) and places[at][1] <= start:
            at += 1
        if at < len(places) and places[at][0] < start < places[at][1]:
            split += 1
            at += 1
        while at < len(places) and places[at][1] <= end:
            marks[at] = int(places[at][1] > places[at][0])
            at += 1
    return marks, split


def template_of(choice: str, source: str, special: dict[str, str]) -> ChatTemplate:
    """The template of a choice: "base" (source: what the base came with), or one of our own.

    Raises TemplateRefused, also where the base has none.
    """
    if choice in OWN:
        return ChatTemplate(OWN[choice], special)
    if not source.strip():
        raise TemplateRefused(f"is missing: this base came without one. Choose {' or '.join(OWN)} instead")
    return ChatTemplate(source, special)
