"""How good a matcher is on pairs that it has not seen, beside TF-IDF and beside its encoder as it came."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from shared.errors import cut
from shared.outputs import Cell, Output, Score, Scores, Table
from worker.context import Context
from worker.families.language.vectors import TextVectors
from worker.families.matching.nearest import nearest
from worker.families.matching.network import PairScores, vectors_of
from worker.families.matching.pairs import Pairs
from worker.families.matching.ranking import MOST_ASKED, MOST_CANDIDATES, figures, ranking_judge, ranks
from worker.families.scripts import UNPARTED
from worker.families.text_labels.upon_encoder import open_encoder
from worker.recipe import Assets, Baseline, Report

_WATCHED = (200, 1_000)  # questions and candidates of an evaluation on the way
_SHOWN, _CHARACTERS = 10, 200
_ANALYZER = rf"[^\W{UNPARTED}]{{2,}}|[{UNPARTED}]"


@dataclass(frozen=True)
class Asked:
    """Questions of a part and the texts that they are to be found among. right: int (asked,), candidate of each.

    places: of the pairs. kinds: int (asked,), equal for equal questions. also: candidates that are right for a kind.
    """

    questions: list[str]
    candidates: list[str]
    places: np.ndarray
    right: np.ndarray
    kinds: np.ndarray
    also: dict[int, np.ndarray]


def asked_of(data: Pairs, part: str, most: tuple[int, int] = (MOST_ASKED, MOST_CANDIDATES)) -> Asked:
    """A part's questions among all different texts of all pairs, or as many as are sensible, drawn by the seed."""
    rng = np.random.default_rng([data.params.seed, 5])
    places = data.places[part]
    if len(places) > most[0]:
        places = np.sort(rng.choice(places, most[0], replace=False))
    kinds, first = np.unique(data.found_as, return_index=True)
    needed = np.isin(kinds, data.found_as[places])
    others = np.flatnonzero(~needed)
    room = max(most[1] - int(needed.sum()), 0)
    kept = np.sort(np.concatenate([np.flatnonzero(needed), rng.permutation(others)[:room]]))
    number = {int(kind): place for place, kind in enumerate(kinds[kept].tolist())}
    asked = set(data.asked_as[places].tolist())
    also: dict[int, list[int]] = {kind: [] for kind in asked}
    for question, answer in zip(data.asked_as.tolist(), data.found_as.tolist(), strict=True):
        if question in asked and answer in number:
            also[question].append(number[answer])
    order = np.argsort(first[kept])  # rows of a table are read in their order
    candidates = [""] * len(kept)
    for place, text in zip(order.tolist(), data.texts("found", first[kept][order]), strict=True):
        candidates[place] = text
    return Asked(
        data.texts("asked", places),
        candidates,
        places,
        np.array([number[int(kind)] for kind in data.found_as[places]], np.int64),
        data.asked_as[places],
        {kind: np.array(right, np.int64) for kind, right in also.items()},
    )


def ranks_by(vectors: TextVectors, given: Asked, check: Callable[[], None]) -> np.ndarray:
    """float64 (asked,)."""
    asked, found = vectors.of(given.questions, check), vectors.of(given.candidates, check)
    return ranks(lambda begin, end: asked[begin:end] @ found.T, given.right, given.also, given.kinds, check)


def evaluate_pairs(model: PairScores, data: Pairs, look: Callable[[int], None]) -> dict[str, float]:
    """Figures of some of the validation pairs."""
    looks = iter(range(1, 1 << 60))
    given = asked_of(data, "val", _WATCHED)
    found = figures(ranks_by(vectors_of(model, data.assets), given, lambda: look(next(looks))))
    return {f"val_{name}": found[name] for name in ("mrr", "recall_at_1", "recall_at_10")}


def judged_part(data: Pairs) -> str:
    return "test" if len(data.places["test"]) else "val"


def report_pairs(model: PairScores, data: Pairs, context: Context) -> Report:
    """Figures of the parts that were not learnt from, the worst misses, and what the verdict is made of."""
    vectors, judged = vectors_of(model, data.assets), judged_part(data)
    metrics: dict[str, float] = {}
    outputs: list[Output] = []
    kept = np.zeros(0)
    for part in dict.fromkeys(("val", judged)):
        given = asked_of(data, part)
        found = ranks_by(vectors, given, context.check)
        metrics |= {f"{part}_{name}": value for name, value in figures(found).items()}
        if part == judged:
            metrics["candidates"] = float(len(given.candidates))
            kept = found
            outputs.append(_misses(vectors, given, found, context))
    return Report(metrics, outputs, predictions=kept, judge=ranking_judge(), rows=len(kept))


def _misses(vectors: TextVectors, given: Asked, found: np.ndarray, context: Context) -> Table:
    """The questions whose right text stands farthest down."""
    worst = np.argsort(-found, kind="stable")[:_SHOWN]
    held = vectors.of(given.candidates, context.check)
    first, _ = nearest(held, vectors.of([given.questions[place] for place in worst]), 1)
    rows: list[list[Cell]] = [
        [cut(given.questions[place], _CHARACTERS), float(found[place]),
         cut(given.candidates[given.right[place]], _CHARACTERS), cut(given.candidates[top], _CHARACTERS)]
        for place, top in zip(worst.tolist(), first[:, 0].tolist(), strict=True)
    ]  # fmt: skip
    title = f"The farthest misses, among {len(given.candidates):,} texts"
    return Table(
        title=title, columns=["asked", "rank of the right text", "right", "nearest"], rows=rows, count=len(rows)
    )


def sample_pairs(model: PairScores, assets: Assets, context: Context) -> list[Output]:
    """What some validation questions find among the validation part's texts."""
    vectors = vectors_of(model, assets)
    held = vectors.of(assets["candidates"], context.check)
    places, cosines = nearest(held, vectors.of(assets["shown"], context.check), 3)
    return [
        Scores(
            title="nearest",
            unit="number",
            subject=cut(question, _CHARACTERS),
            items=[
                Score(name=cut(assets["candidates"][place], _CHARACTERS), value=float(near))
                for place, near in zip(some.tolist(), far.tolist(), strict=True)
            ],
        )
        for question, some, far in zip(assets["shown"], places, cosines, strict=True)
    ]


def pair_baselines(data: Pairs, params: Any, context: Context) -> list[Baseline]:
    """TF-IDF of words, and the encoder before it has learnt."""
    part = judged_part(data)
    given = asked_of(data, part)
    length = data.length + len(data.tokenizer.vocabulary.before) + len(data.tokenizer.vocabulary.after)
    as_it_came = TextVectors(open_encoder(data.base), data.tokenizer.vocabulary, pooling=params.pooling, length=length)
    found = [
        ("TF-IDF of words", _by_words(given, context)),
        ("the encoder as it came", ranks_by(as_it_came, given, context.check)),
    ]
    return [
        Baseline(name, {f"{part}_{key}": value for key, value in figures(some).items()}, some) for name, some in found
    ]


def _by_words(given: Asked, context: Context) -> np.ndarray:
    weighed: Any = TfidfVectorizer(token_pattern=_ANALYZER, ngram_range=(1, 2))
    try:
        held = weighed.fit_transform(given.candidates)
    except ValueError:  # no word at all in them: all are alike
        return np.full(len(given.right), (1 + len(given.candidates)) / 2)
    asked = weighed.transform(given.questions)
    return ranks(
        lambda begin, end: np.asarray((asked[begin:end] @ held.T).todense()),
        given.right,
        given.also,
        given.kinds,
        context.check,
    )
