"""What is read at once: a question, and as much of its passage as there is room for. Long passages are read in windows that
overlap."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from worker.families.language.encoder import FILLER
from worker.families.language.vectors import EncoderVocabulary

QUESTION, PASSAGE, END = (
    0,
    1,
    2,
)  # parts: the question and what stands before the passage; the passage; what stands after it
_EIGHT = 8  # few lengths are ever traced


@dataclass(frozen=True)
class Frame:
    """How windows are made. before, between, after: special tokens. length: tokens of a window, stride: from one to the next.

    longest_question: tokens of it that are read.
    """

    before: list[int]
    between: list[int]
    after: list[int]
    length: int
    stride: int
    longest_question: int

    @classmethod
    def of(cls, vocabulary: EncoderVocabulary, length: int, params: Any) -> "Frame":
        longest = min(params.max_question, length // 2)
        return cls(vocabulary.before, vocabulary.between, vocabulary.after, length, params.stride, longest)

    def beside(self, question: Any) -> Any:
        """Tokens of a window that are not the passage's. question: how many tokens it has, int or int (n,)."""
        special = len(self.before) + len(self.between) + len(self.after)
        return np.minimum(question, self.longest_question) + special

    def begins_at(self, question: int) -> int:
        """Where the passage begins in a window."""
        return len(self.before) + min(question, self.longest_question) + len(self.between)

    def counts(self, questions: np.ndarray, passages: np.ndarray) -> np.ndarray:
        """How many windows each question and its passage make: int64 (n,). Both: int (n,), numbers of tokens."""
        left = np.maximum(passages - (self.length - self.beside(questions)), 0)
        return 1 + -(-left // np.minimum(self.stride, self.length - self.beside(questions)))

    def start(self, question: Any, passage: Any, number: Any) -> Any:
        """Where the window of a number begins in the passage; the last one ends with it. Numbers, or int (n,)."""
        room = self.length - self.beside(question)
        return np.minimum(number * np.minimum(self.stride, room), np.maximum(passage - room, 0))

    def row(self, question: np.ndarray, passage: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(tokens, parts) of a window, int32 (time,) each. passage: the tokens of it that the window has."""
        asked = question[: self.longest_question]
        parts = [
            (self.before, QUESTION), (asked, QUESTION), (self.between, QUESTION), (passage, PASSAGE), (self.after, END)
        ]  # fmt: skip
        tokens = np.concatenate([np.asarray(some, np.int32) for some, _ in parts])
        return tokens, np.repeat(np.array([part for _, part in parts], np.int32), [len(some) for some, _ in parts])


def filled(rows: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Rows one below the other: int32 (rows, 2, time), tokens and parts, FILLER behind what is shorter; time a multiple of 8."""
    longest = max(len(tokens) for tokens, _ in rows)
    found = np.full((len(rows), 2, -(-longest // _EIGHT) * _EIGHT), FILLER, np.int32)
    for place, (tokens, parts) in enumerate(rows):
        found[place, 0, : len(tokens)], found[place, 1, : len(parts)] = tokens, parts
    return found


def windows_of(frame: Frame, question: np.ndarray, passage: np.ndarray) -> Iterator[tuple[int, Any]]:
    """(where it begins in the passage, its row) of every window of a passage."""
    room = frame.length - int(frame.beside(len(question)))
    for number in range(int(frame.counts(np.array([len(question)]), np.array([len(passage)]))[0])):
        start = int(frame.start(len(question), len(passage), number))
        yield start, frame.row(question, passage[start : start + room])
