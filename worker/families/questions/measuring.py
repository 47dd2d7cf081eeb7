"""How right answers are: figures while a network learns, and what a report and its simple answers are compared by."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from worker.families.questions.answering import Answering, Said
from worker.families.questions.data import Questions
from worker.families.questions.kinds import kind_of
from worker.families.questions.passages import Passage, Question
from worker.families.questions.scoring import scores
from worker.verdict import Judge

MOST_MEASURED = 20_000  # questions of a part
MOST_WATCHED = 1_000  # while it learns
_PARTS = ("test", "val", "train")
_STREAM = 5


@dataclass(frozen=True)
class Scored:
    """Exact match and F1 of each question, float64 (n,) each, and what they are told by. kinds: of the questions."""

    exact: np.ndarray
    f1: np.ndarray
    impossible: np.ndarray
    unparted: np.ndarray
    kinds: list[str]

    def __len__(self) -> int:
        return len(self.f1)


def judged_part(data: Questions) -> str:
    """The part that a model and its simple answers are compared on: the test part, or the best that there is."""
    return next(part for part in _PARTS if len(data.places[part]))


def measured_places(data: Questions, part: str) -> list[int]:
    return data.drawn(data.places[part], MOST_MEASURED, _STREAM)


def each_question(data: Questions, places: list[int]) -> Iterator[tuple[int, Passage, Question]]:
    """(place, its passage, the question). Places of one passage that stand together are read together."""
    number, passage = -1, Passage("")
    for place in places:
        wanted = int(data.asked.passages[place])
        if wanted != number:
            number, passage = wanted, data.passages.read(wanted)
        yield place, passage, passage.questions[int(data.asked.places[place])]


def answers_of(answering: Answering, data: Questions, places: list[int], check: Callable[[], None]) -> Iterator[Said]:
    """What a network says of these questions, in their order."""
    found = answering.stretches((data.pair(place) for place in places), check=check)
    known, spans = "", np.zeros((0, 2), np.int32)
    for (stretches, none), (_, passage, _) in zip(found, each_question(data, places), strict=True):
        if passage.text != known:
            known = passage.text
            ((_, spans),) = data.vocabulary.pieces_at([known])
        yield answering.said(stretches, none, passage.text, spans)


def scored(data: Questions, places: list[int], said: list[str]) -> Scored:
    """Answers measured, each by the rules of its language. said: "" for no answer."""
    kinds, pairs = [], []
    unparted = data.asked.unparted[places]
    for (_, _, question), text, by_characters in zip(each_question(data, places), said, unparted.tolist(), strict=True):
        kinds.append(kind_of(question.text))
        pairs.append(scores(text, [answer for answer, _ in question.answers], unparted=by_characters))
    table = np.array(pairs, np.float64).reshape(-1, 2)
    return Scored(table[:, 0], table[:, 1], data.asked.impossible[places], unparted, kinds)


def figures_of(found: Scored) -> dict[str, float]:
    """Exact match and F1; of mixed sets also of each language, and of questions with and without an answer."""
    figures = _both(found, np.ones(len(found), bool))
    if 0 < found.unparted.sum() < len(found):
        figures |= _both(found, found.unparted, "_unparted") | _both(found, ~found.unparted, "_parted")
    if 0 < found.impossible.sum() < len(found):
        figures |= _both(found, ~found.impossible, "_answerable")
        figures["right_unanswerable"] = float(found.exact[found.impossible].mean())
    return figures


def _both(found: Scored, some: np.ndarray, name: str = "") -> dict[str, float]:
    return {f"exact_match{name}": float(found.exact[some].mean()), f"f1{name}": float(found.f1[some].mean())}


def evaluate_questions(model: Any, data: Questions, look: Callable[[int], None]) -> dict[str, float] | None:
    """Figures of the validation part; in a fold also of the part it has not seen. None without a part."""
    answering = Answering(model, data.assets, data.params)
    looks = iter(range(1, 1 << 60))
    fallback = data.places["test"] if data.is_fold else data.places["val"]
    watched = data.drawn(data.places["val"] if len(data.places["val"]) else fallback, MOST_WATCHED, _STREAM)
    if not watched:
        return None

    def figures(places: list[int], part: str) -> dict[str, float]:
        said = [one.text for one in answers_of(answering, data, places, lambda: look(next(looks)))]
        return {f"{part}_{name}": value for name, value in figures_of(scored(data, places, said)).items()}

    found = figures(watched, "val")
    return found | figures(measured_places(data, "test"), "test") if data.is_fold else found


def judge_of() -> Judge:
    """By the mean F1. Predictions: float64 (n,), of each question."""
    return Judge("F1", "max", lambda found, rows: float(found[rows].mean()) if len(rows) else None)
