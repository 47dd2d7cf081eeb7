"""What a network writes from texts: cut into pieces, grouped by length, decoded, put together again."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from worker.families.translating.data import filled
from worker.families.translating.network import Translator
from worker.families.translating.pieces import BEGIN, END, PAD, vocabularies_of
from worker.generation.decode.beams import NOTHING, ROWS, BeamEngine, Search
from worker.recipe import Assets

_MOST_NUMBERS = 1 << 25  # of one table of a batch, 128 MB: long texts and many beams are decoded in small batches
_SURPLUS = 8  # tokens that answers in a training's samples may be longer than any target


@dataclass(frozen=True)
class Answer:
    """text: "" where nothing was written. score: as the search has it, 0 at best. ended: False where it was cut at its most
    tokens."""

    text: str
    score: float
    ended: bool
    tokens: np.ndarray


def _nothing() -> None:
    """Where nobody asks."""


class Answering:
    """One per model. jit: compile with XLA: seconds for each size, then several times faster."""

    def __init__(self, model: Translator, assets: Assets, *, jit: bool = True):
        self.model, self.assets = model, assets
        self.source, self.target = vocabularies_of(assets)
        self.most_source, self.most_target = assets["most"]
        self.engine = BeamEngine(model, begins=BEGIN, ends=END, fills=PAD, jit=jit)

    def search(self, params: Any) -> Search:
        """What a use's params ask for."""
        most = min(params.max_length or self.most_target, self.most_target)
        return Search(params.beams, params.length_penalty, params.coverage_penalty, params.no_repeat, most)

    def answers(
        self,
        texts: Sequence[str],
        search: Search,
        check: Callable[[], None] = _nothing,
        compiles: Callable[[], None] = _nothing,
        done: Callable[[int], None] = lambda count: None,
    ) -> list[list[Answer]]:
        """Up to search.beams answers to each text, best first, in the order of the texts. done: told how many are further done."""
        tokens = [one[: self.most_source] for one in self.source.encode(texts)]
        order = np.argsort([len(one) for one in tokens], kind="stable")
        found: list[list[Answer]] = [[] for _ in texts]
        rows = self._rows(search, max(map(len, tokens), default=0) + 1)
        for start in range(0, len(order), rows):
            check()
            places = order[start : start + rows].tolist()
            said = self.engine.decode(filled([tokens[place] for place in places], ends=True), search, check, compiles)
            for place, written, scores, ended in zip(places, said.tokens, said.scores, said.ended, strict=True):
                found[place] = [
                    Answer(self.target.decode(one), float(score), bool(whole), one[one != PAD])
                    for one, score, whole in zip(written, scores, ended, strict=True)
                    if score > NOTHING
                ]
            done(len(places))
        return found

    def _rows(self, search: Search, longest: int) -> int:
        """How many sources are decoded at once: as many as keep the scores of tokens, and those of attention, small."""
        window = self.model.window or longest
        of_each = max(
            search.beams * self.model.kinds[-1], longest * min(longest, window), search.beams**2 * search.most
        )
        return max((some for some in ROWS if some * of_each <= _MOST_NUMBERS), default=1)

    def best(self, texts: Sequence[str], search: Search, check: Callable[[], None] = _nothing) -> list[str]:
        """The best answer to each text."""
        return [some[0].text if some else "" for some in self.answers(texts, search, check)]


@functools.lru_cache(maxsize=1)  # a training has one model at a time, and tracing takes longer than a sample
def _engine(model: Any) -> BeamEngine:
    return BeamEngine(model, begins=BEGIN, ends=END, fills=PAD, jit=False)


def in_training(model: Any, assets: Assets) -> Answering:
    """That of a model that still learns. Without XLA: compiling would cost more than it saves."""
    answering = Answering(model, assets, jit=False)
    answering.engine = _engine(model)
    answering.most_target = min(assets["longest"] + _SURPLUS, answering.most_target)
    return answering
