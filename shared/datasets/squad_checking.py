"""Checks what a SQuAD file says: questions to paragraphs, answers where they are said to stand. Called by formats/squad.py."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from shared.datasets.encoding import CONTROLS
from shared.datasets.marks import TOO_MANY, long_run
from shared.datasets.problems import Problems
from shared.errors import cut

MOST_NAMED = 1_000  # answers that are not where they are said to be, each by itself; translated sets have many
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 40  # characters


class Paragraphs:
    """repair: what is done about answers that are not where they are said to be. "ask": they are problems; "nearest": they are
    moved to the nearest place where they stand, and left out where there is none; "drop": left out.

    astray: how many there are. moved, dropped: what was done about each, in words. lost: questions that are left without the answer
    they had, and left out. without: paragraphs that have no question.
    """

    def __init__(self, problems: Problems, repair: str = "ask"):
        self._problems, self._repair = problems, repair
        self.astray = self.lost = self.without = 0
        self.moved: list[str] = []
        self.dropped: list[str] = []

    def notes(self) -> list[str]:
        """What was changed or left out, each by itself as far as there is room."""
        found = []
        for done, what in (
            (self.moved, "answers stood elsewhere than was said, and were moved to the nearest place where they stand"),
            (self.dropped, "answers did not stand where they are said to, and were left out"),
        ):
            found += [f"{len(done):,} {what}"] if done else []
            found += done[:MOST_NAMED]
            found += [f"and {len(done) - MOST_NAMED:,} more"] if len(done) > MOST_NAMED else []
        if self.lost:
            found.append(f"{self.lost:,} questions whose only answers were left out were left out with them")
        if self.without:
            found.append(f"{self.without:,} paragraphs without a question left out")
        return found

    def checked(self, read: Any, file: str) -> Iterator[dict[str, Any]]:
        """The paragraphs of a file in the form that is stored, but those without a question. What is wrong goes to the problems."""
        articles = read.get("data") if isinstance(read, dict) else read
        if not isinstance(articles, list) or not articles:
            self._wrong(file, "", 'needs {"data": [{"title": ..., "paragraphs": [{"context": ..., "qas": [...]}]}]}')
            return
        for number, article in enumerate(articles, 1):
            where = f"article {number}"
            if not isinstance(article, dict):
                self._wrong(file, where, f"is no object: {article!r:.40}")
                continue
            paragraphs = article.get("paragraphs", [article] if "context" in article else None)
            if not isinstance(paragraphs, list):
                self._wrong(file, where, 'has no list "paragraphs"')
                continue
            title = article.get("title") if isinstance(article.get("title"), str) else ""
            for place, paragraph in enumerate(paragraphs, 1):
                found = self._paragraph(paragraph, title or "", file, f"{where}, paragraph {place}")
                if found is not None:
                    yield found

    def _paragraph(self, paragraph: Any, title: str, file: str, where: str) -> dict[str, Any] | None:
        context = paragraph.get("context") if isinstance(paragraph, dict) else None
        questions = paragraph.get("qas") if isinstance(paragraph, dict) else None
        if not self._is_text(context, file, f'{where}: "context"') or not isinstance(context, str):
            return None
        if not isinstance(questions, list):
            self._wrong(file, where, 'has no list "qas"')
            return None
        if not questions:
            self.without += 1
            return None
        checked = [
            self._question(question, context, file, where, number) for number, question in enumerate(questions, 1)
        ]
        kept = [question for question in checked if question is not None]
        title = unicodedata.normalize("NFC", title) if long_run(title) is None else ""
        return {"title": title, "context": context, "qas": kept} if kept else None

    def _question(self, question: Any, context: str, file: str, where: str, number: int) -> dict[str, Any] | None:
        if not isinstance(question, dict):
            self._wrong(file, where, f"question {number} is no object")
            return None
        name = str(question.get("id", number))[:100]
        where = f"{where}, question {name!r}"
        if not self._is_text(question.get("question"), file, f'{where}: "question"'):
            return None
        impossible = question.get("is_impossible", False)
        answers = question.get("answers", [])
        if not isinstance(impossible, bool) or not isinstance(answers, list):
            self._wrong(file, where, '"answers" is a list, "is_impossible" true or false')
            return None
        if impossible != (not answers):
            said = (
                "is marked as without an answer and has one"
                if impossible
                else 'has no answer; then "is_impossible" is true'
            )
            self._wrong(file, where, said)
            return None
        found = [self._answer(answer, context, file, where) for answer in answers]
        kept = [answer for answer in found if answer is not None]
        if answers and not kept:
            self.lost += self._repair != "ask"
            return None
        return {"id": name, "question": question["question"], "answers": kept, "is_impossible": impossible}

    def _answer(self, answer: Any, context: str, file: str, where: str) -> dict[str, Any] | None:
        text = answer.get("text") if isinstance(answer, dict) else None
        start = answer.get("answer_start") if isinstance(answer, dict) else None
        if not isinstance(text, str) or not text or isinstance(start, bool) or not isinstance(start, int):
            self._wrong(file, where, f'an answer needs "text" and the number "answer_start", this is {answer!r:.60}')
            return None
        if start >= 0 and context.startswith(text, start):
            return {"text": text, "answer_start": start}
        self.astray += 1
        near, text = _nearest(context, text, start)
        if near is not None and self._repair == "nearest":
            self.moved.append(f"{where}: {cut(text, _SHOWN)!r} from {start} to {near}")
            return {"text": text, "answer_start": near}
        there = context[max(0, start) : max(0, start) + len(text)]
        hint = f"it stands at {near}" if near is not None else "it stands nowhere in the paragraph"
        message = f"the answer {cut(text, _SHOWN)!r} is not at {start}, where {cut(there, _SHOWN)!r} is; {hint}"
        if self._repair == "ask":
            self._wrong(file, where, message)
        else:
            self.dropped.append(f"{where}: {message}")
        return None

    def _is_text(self, text: Any, file: str, where: str) -> bool:
        if not isinstance(text, str) or not text.strip():
            self._wrong(file, where, f"is no text: {text!r:.40}")
        elif bad := CONTROLS.search(text) or _SURROGATE.search(text):
            self._wrong(file, where, f"holds U+{ord(bad.group()):04X}, which no text has")
        elif long_run(text) is not None:
            self._wrong(file, where, TOO_MANY)
        else:
            return True
        return False

    def _wrong(self, file: str, where: str, message: str) -> None:
        self._problems.add(f"{where}: {message}" if where else message, file=file)


def _nearest(context: str, text: str, start: int) -> tuple[int | None, str]:
    """(where it stands nearest to start, the text as it stands there): without white space around it if only so it stands."""
    for wanted in dict.fromkeys((text, text.strip())):
        at = context.find(wanted) if wanted else -1
        places = []
        while at >= 0:
            places.append(at)
            at = context.find(wanted, at + 1)
        if places:
            return min(places, key=lambda place: abs(place - start)), wanted
    return None, text
