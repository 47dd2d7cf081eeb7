"""Answers of a network: the best stretches of a passage, over all its windows, and whether there is an answer at all.

A stretch is worth its scores of beginning and end less those that "no answer" has in the same window: so windows can be compared,
and what is worth less than the threshold is no answer. Source: Devlin et al. 2018, arXiv:1810.04805.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from worker.families.questions.cutting import vocabulary_of
from worker.families.questions.whole import whole
from worker.families.questions.windows import Frame, filled, windows_of
from worker.recipe import Assets

_WINDOWS = 32  # of a call
_MOST_NUMBERS = 32_000_000  # of one layer's activations in a call
_AT_ONCE = 64  # questions whose windows are put in order of their lengths
FAR = -1e9  # what no stretch is worth

Pair = tuple[np.ndarray, np.ndarray]  # tokens of a question and of its passage, int32 each


@dataclass(frozen=True)
class Stretch:
    """A stretch of a passage, [first, last] in tokens. worth: above "no answer". share: of all stretches, and none of them."""

    first: int
    last: int
    worth: float
    share: float


@dataclass(frozen=True)
class Answer:
    """The same in characters, [start, end), with its text."""

    text: str
    start: int
    end: int
    share: float


@dataclass(frozen=True)
class Said:
    """answers: best first, [] where the passage has no token. none: whether there is no answer, by the threshold.

    share_of_none: of a model that knows questions without an answer, else 0.
    """

    answers: list[Answer]
    none: bool
    share_of_none: float

    @property
    def text(self) -> str:
        """The best answer; "" for none."""
        return self.answers[0].text if self.answers and not self.none else ""


class Answering:
    """Makes answers. knows_none: whether it has learnt that a question may have no answer. threshold: see Said."""

    def __init__(self, model: Any, assets: Assets, params: Any):
        self.vocabulary = vocabulary_of(assets)
        self.frame = Frame.of(self.vocabulary, assets["length"], params)
        self.knows_none: bool = assets["knows_none"]
        self.longest: int = params.max_answer
        self._read = _reader(model)
        encoder = assets.json.get("encoder")
        widest = max(2 * encoder["inner"], encoder["heads"] * assets["length"]) if encoder else 4 * params.width
        self._at_once = min(_WINDOWS, max(_MOST_NUMBERS // (assets["length"] * widest), 1))
        self.threshold = _threshold(self, assets) if self.knows_none else -np.inf

    def stretches(
        self, pairs: Iterable[Pair], count: int = 1, check: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[list[Stretch], float]]:
        """(the best stretches, none of which lies in another; the share of "no answer") of each pair, in order."""
        some: list[Pair] = []
        for pair in pairs:
            some.append(pair)
            if len(some) == _AT_ONCE:
                yield from self._some(some, count, check)
                some = []
        yield from self._some(some, count, check)

    def _some(
        self, pairs: Sequence[Pair], count: int, check: Callable[[], None]
    ) -> Iterator[tuple[list[Stretch], float]]:
        windows = [
            (owner, start, row)
            for owner, (question, passage) in enumerate(pairs)
            if len(passage)
            for start, row in windows_of(self.frame, question, passage)
        ]
        worths = [np.full((len(passage), self.longest), FAR, np.float32) for _, passage in pairs]
        order = sorted(range(len(windows)), key=lambda place: len(windows[place][2][0]))
        for at in range(0, len(order), self._at_once):
            check()
            taken = [windows[place] for place in order[at : at + self._at_once]]
            for (owner, start, row), scores in zip(taken, self._scores([row for _, _, row in taken]), strict=True):
                begins = self.frame.begins_at(len(pairs[owner][0]))
                size = len(row[0]) - begins - len(self.frame.after)
                found = worths_of(scores[begins : begins + size], scores[0], self.longest)
                target = worths[owner][start : start + size]
                np.maximum(target, found, out=target)
        for worth in worths:
            yield best_stretches(worth, count, self.knows_none)

    def _scores(self, rows: list[Pair]) -> np.ndarray:
        return self._read(filled(rows)).numpy()

    def of_texts(
        self, texts: Sequence[tuple[str, str]], count: int = 1, check: Callable[[], None] = lambda: None
    ) -> list[Said]:
        """Answers to (question, passage) as texts."""
        passages = {passage: self.vocabulary.pieces_at([passage])[0] for passage in {passage for _, passage in texts}}
        asked = self.vocabulary.pieces([question for question, _ in texts])
        pairs = [(tokens, passages[passage][0]) for tokens, (_, passage) in zip(asked, texts, strict=True)]
        found = self.stretches(pairs, count, check)
        return [
            self.said(stretches, none, passage, passages[passage][1])
            for (stretches, none), (_, passage) in zip(found, texts, strict=True)
        ]

    def said(self, stretches: list[Stretch], none: float, passage: str, spans: np.ndarray) -> Said:
        """Stretches as characters of their passage. spans: int32 (tokens, 2), where its tokens stand."""
        answers = []
        for one in stretches:
            start, end = whole(passage, int(spans[one.first, 0]), int(spans[one.last, 1]))
            answers.append(Answer(passage[start:end], start, end, one.share))
        worth = stretches[0].worth if stretches else -np.inf
        return Said(answers, not stretches or worth < self.threshold, none)


def _reader(model: Any) -> Any:
    """Windows to scores. One for all uses of a model: what it is traced to follows the variables."""
    kept = model.__dict__
    if "_reader" not in kept:

        @tf.function(input_signature=[tf.TensorSpec((None, 2, None), tf.int32)], autograph=False)
        def read(windows: Any) -> Any:
            return model(windows, training=False)

        kept["_reader"] = read
    return kept["_reader"]


def worths_of(scores: np.ndarray, none: np.ndarray, longest: int) -> np.ndarray:
    """float32 (tokens, longest): what the stretch of each length less one is worth that begins at each token.

    scores: float32 (tokens, 2), of beginning and end. none: float32 (2,), those of "no answer".
    """
    size = len(scores)
    ends = np.concatenate([scores[:, 1], np.full(longest, FAR, np.float32)])
    lengths = np.lib.stride_tricks.sliding_window_view(ends, longest)[:size]
    return np.maximum(scores[:, :1] + lengths - none.sum(), FAR)


def best_stretches(worths: np.ndarray, count: int, knows_none: bool) -> tuple[list[Stretch], float]:
    """(stretches, share of "no answer"). worths: float32 (tokens, longest); changed."""
    if not worths.size:
        return [], 1.0
    highest = float(max(worths.max(), 0.0 if knows_none else FAR))
    total = float(np.exp(worths.astype(np.float64) - highest).sum()) + (np.exp(-highest) if knows_none else 0.0)
    found: list[Stretch] = []
    starts, lengths = np.arange(worths.shape[0])[:, None], np.arange(worths.shape[1])[None]
    for _ in range(count):
        first, more = np.unravel_index(int(worths.argmax()), worths.shape)
        worth = float(worths[first, more])
        if worth <= FAR / 2:
            break
        last = int(first + more)
        found.append(Stretch(int(first), last, worth, float(np.exp(worth - highest) / total)))
        worths[(starts <= last) & (starts + lengths >= first)] = FAR
    return found, float(np.exp(-highest) / total) if knows_none else 0.0


def _threshold(answering: Answering, assets: Assets) -> float:
    """What an answer must be worth: so that on the questions that go with the model most is right. 0 where these tell nothing.

    Right is a question without an answer that gets none, and one with an answer by the share of tokens that both have (F1).
    """
    pairs, golds = held_questions(assets)
    if not pairs:
        return 0.0
    worths, right = [], []
    for (stretches, _), gold in zip(answering.stretches(pairs), golds, strict=True):
        worths.append(stretches[0].worth if stretches else FAR)
        right.append(max((overlap(stretches[0], one) for one in gold), default=0.0) if stretches else 0.0)
    return best_threshold(np.array(worths), np.array(right), np.array([not gold for gold in golds]))


def overlap(said: Stretch, gold: tuple[int, int]) -> float:
    """F1 of two stretches, by tokens."""
    both = min(said.last, gold[1]) - max(said.first, gold[0]) + 1
    return 2 * max(both, 0) / (said.last - said.first + gold[1] - gold[0] + 2)


def best_threshold(worths: np.ndarray, right: np.ndarray, impossible: np.ndarray) -> float:
    """Between two worths, where what is above is answered. right: float (n,), how right an answer is. impossible: bool (n,)."""
    if not impossible.any() or impossible.all():
        return 0.0
    order = np.argsort(-worths, kind="stable")
    gains = np.where(impossible, -1.0, right)[order]  # of answering it instead of leaving it
    taken = int(np.argmax(np.concatenate([[0.0], np.cumsum(gains)])))
    ordered = worths[order]
    if taken == 0:
        return float(ordered[0]) + 1.0
    if taken == len(ordered):
        return float(ordered[-1]) - 1.0
    return float(ordered[taken - 1] + ordered[taken]) / 2


def held_questions(assets: Assets) -> tuple[list[Pair], list[list[tuple[int, int]]]]:
    """(pairs, answers of each as tokens of its passage) that go with a model, for its threshold."""
    if "held_lengths" not in assets.arrays:
        return [], []
    lengths, flat, golds = (assets.arrays[f"held_{name}"] for name in ("lengths", "tokens", "golds"))
    parts = np.split(flat, np.cumsum(lengths.reshape(-1))[:-1])
    answers: list[list[tuple[int, int]]] = [[] for _ in range(len(lengths))]
    for question, first, last in golds.tolist():
        answers[question].append((first, last))
    return list(zip(parts[::2], parts[1::2], strict=True)), answers


def held_arrays(pairs: Sequence[Pair], golds: Sequence[Sequence[tuple[int, int]]]) -> dict[str, np.ndarray]:
    """The same as arrays of assets."""
    empty = np.zeros(0, np.int32)
    answers = [(number, *one) for number, some in enumerate(golds) for one in some]
    return {
        "held_lengths": np.array([[len(question), len(passage)] for question, passage in pairs], np.int64).reshape(
            -1, 2
        ),
        "held_tokens": np.concatenate([*(part for pair in pairs for part in pair), empty]),
        "held_golds": np.array(answers, np.int32).reshape(-1, 3),
    }
