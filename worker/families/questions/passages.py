"""Passages and their questions as the dataset format "squad" stores them: read by number, cleaned of what is asked twice."""

import hashlib
import json
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shared.datasets.formats.squad import SQUAD
from worker.families.scripts import UNPARTED

_LETTER_UNPARTED = re.compile(f"[{UNPARTED}]")
_LETTER = re.compile(r"[^\W\d_]")
_UNPARTED_SHARE = 0.3  # a guess: from there on a text is one of characters


@dataclass(frozen=True)
class Question:
    """number: its place among all that are learnt from. answers: [(text, start)], [] where there is none."""

    id: str
    text: str
    answers: list[tuple[str, int]]


@dataclass(frozen=True)
class Passage:
    text: str
    questions: list[Question] = field(default_factory=list)


class Passages:
    """Paragraphs of a dataset, in its order. Memory holds where each begins in the file, and nothing else. bytes: of the file."""

    def __init__(self, folder: Path):
        self._path = folder / "files" / SQUAD
        begins, at = [], 0
        with self._path.open("rb") as file:
            for line in file:
                begins.append(at)
                at += len(line)
        self._begins = np.array([*begins, at], np.int64)
        self.bytes = at

    def __len__(self) -> int:
        return len(self._begins) - 1

    def read(self, number: int) -> Passage:
        """One by its number. Raises OSError."""
        with self._path.open("rb") as file:
            file.seek(int(self._begins[number]))
            return _passage(file.readline())

    def each(self, check: Callable[[], None] = lambda: None) -> Iterator[Passage]:
        """All of them. check: called for each; may raise."""
        with self._path.open("rb") as file:
            for line in file:
                check()
                yield _passage(line)


def _passage(line: bytes) -> Passage:
    read: dict[str, Any] = json.loads(line)
    questions = [
        Question(one["id"], one["question"], [(answer["text"], answer["answer_start"]) for answer in one["answers"]])
        for one in read["qas"]
    ]
    return Passage(read["context"], questions)


@dataclass(frozen=True)
class Asked:
    """Every question that is used, in the order of the file. All int64 (n,).

    passages, places: which passage, and which of its questions. groups: equal for questions whose passages are equal.
    impossible: bool (n,). unparted: bool (n,), whether the passage is written without spaces between words.
    """

    passages: np.ndarray
    places: np.ndarray
    groups: np.ndarray
    impossible: np.ndarray
    unparted: np.ndarray
    notes: list[str]

    def __len__(self) -> int:
        return len(self.passages)


def read_asked(passages: Passages, check: Callable[[], None]) -> Asked:
    """All questions but those that are asked of an equal passage a second time."""
    rows, flags = array("q"), bytearray()
    group_of: dict[bytes, int] = {}
    seen: set[bytes] = set()
    doubled = 0
    for number, passage in enumerate(passages.each(check)):
        digest = _digest(passage.text)
        group = group_of.setdefault(digest, len(group_of))
        by_characters = is_unparted(passage.text)
        for place, question in enumerate(passage.questions):
            asked = digest + _digest(" ".join(question.text.split()).casefold())
            if asked in seen:
                doubled += 1
                continue
            seen.add(asked)
            rows.extend((number, place, group))
            flags.extend((not question.answers, by_characters))
    table, told = np.array(rows, np.int64).reshape(-1, 3), np.frombuffer(flags, np.bool_).reshape(-1, 2)
    notes = [f"{doubled:,} questions are asked of the same passage a second time, and are left out"] if doubled else []
    return Asked(table[:, 0], table[:, 1], table[:, 2], told[:, 0].copy(), told[:, 1].copy(), notes)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=12).digest()


def is_unparted(text: str) -> bool:
    """Whether a text is written without spaces between words, as Chinese is."""
    letters = len(_LETTER.findall(text))
    return letters > 0 and len(_LETTER_UNPARTED.findall(text)) >= _UNPARTED_SHARE * letters
