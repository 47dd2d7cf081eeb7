"""How good a network is on pairs that it has not seen: while it trains, in the full report, and simple answers beside it."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer

from shared.errors import cut
from shared.outputs import Cell, Output, Table
from worker.context import Context
from worker.families.scripts import WITHOUT_SPACES
from worker.families.translating.answering import in_training
from worker.families.translating.data import SIDES, PairTexts
from worker.families.translating.losses import TokenCrossEntropy
from worker.families.translating.network import Translator
from worker.families.translating.pieces import PAD
from worker.families.translating.scoring import Scored, bleu_tokens, figures, judge_of, score
from worker.generation.decode.beams import Search
from worker.recipe import Assets, Baseline, Report

MOST_MEASURED = 2_000  # sources; more change no figure that is read
_WATCHED = 4_000  # pairs of an evaluation on the way
_WORST, _CHARACTERS = 10, 400
_MOST_LEARNT = 100_000  # sources that the nearest is looked for among
_MOST_COMPARED = 1_000  # characters of a source that are compared
_AT_ONCE, _COMPARED_AT_ONCE = 4_096, 256  # sources read, and compared with all others
_PENALTY = 0.6  # of lengths, in the report: as Wu et al. 2016 have it


@dataclass(frozen=True)
class Asked:
    """Different sources of a part, and all targets that each has. places: of the first pair of each."""

    sources: list[str]
    truths: list[list[str]]
    places: np.ndarray


def asked_of(data: PairTexts, part: str) -> Asked:
    """A part's sources, or as many as are sensible, drawn by the seed."""
    places, groups = data.places[part], data.table_rows.groups
    kinds, first = np.unique(groups[places], return_index=True)
    if len(kinds) > MOST_MEASURED:
        chosen = np.random.default_rng([data.params.seed, 5]).choice(len(kinds), MOST_MEASURED, replace=False)
        kinds, first = kinds[chosen], first[chosen]
    order = np.argsort(first)
    kinds, first = kinds[order], first[order]
    all_of_them = places[np.isin(groups[places], kinds)]
    truths: dict[int, list[str]] = {kind: [] for kind in kinds.tolist()}
    for kind, text in zip(groups[all_of_them].tolist(), data.texts("target", all_of_them), strict=True):
        truths[kind].append(text)
    return Asked(data.texts("source", places[first]), list(truths.values()), places[first])


def judged_part(data: PairTexts) -> str:
    return "test" if len(data.places["test"]) else "val"


@functools.lru_cache(maxsize=1)  # of the one model that is in training
def _counted(model: Translator) -> Any:
    """(x, y) -> sum of nats, tokens, and tokens that were the likeliest."""
    loss = TokenCrossEntropy()

    @tf.function(reduce_retracing=True, autograph=False)
    def counted(source: Any, begun: Any, ended: Any) -> Any:
        logits = model({"source": source, "target": begun}, training=False)
        there = tf.cast(ended != PAD, tf.float32)
        right = tf.cast(tf.argmax(logits, -1, tf.int32) == ended, tf.float32)
        return [tf.reduce_sum(part * there) for part in (loss.of_each(ended, logits), tf.ones_like(there), right)]

    return counted


def evaluate_texts(model: Translator, data: PairTexts, look: Callable[[int], None]) -> dict[str, float]:
    """Nats of a token of the validation part's targets, and how many tokens were the likeliest, each after the true ones."""
    places = data.places["val"]
    if len(places) > _WATCHED:
        places = np.sort(np.random.default_rng([data.params.seed, 4]).choice(places, _WATCHED, replace=False))
    places = places[data.by_length(places)]
    sums = np.zeros(3)
    for number, start in enumerate(range(0, len(places), data.batch_size), 1):
        parts = _counted(model)(*map(tf.constant, data.batch(places[start : start + data.batch_size])))
        sums += [float(part) for part in parts]
        look(number)
    return {"val_loss": sums[0] / sums[1], "val_token_accuracy": sums[2] / sums[1]}


def sample_texts(model: Translator, assets: Assets, context: Context) -> list[Output]:
    """What it writes from a few validation sources, the same ones each time."""
    answering = in_training(model, assets)
    said = answering.best(assets["shown"], Search(beams=1, most=answering.most_target), context.check)
    rows: list[list[Cell]] = [
        [cut(one, _CHARACTERS) for one in row] for row in zip(assets["shown"], assets["truths"], said, strict=True)
    ]
    return [Table(title="Greedy answers", columns=["source", "true", "said"], rows=rows, count=len(rows))]


def report_texts(model: Translator, data: PairTexts, params: Any, context: Context) -> Report:
    """Figures of the part that nothing was learnt from, greedy and with beams, its worst answers, and what the verdict is made
    of."""
    part = judged_part(data)
    asked = asked_of(data, part)
    answering = in_training(model, data.assets)
    most = answering.most_target
    best = Search(params.beams, _PENALTY, most=most)
    total, done = len(asked.sources) * (1 + (params.beams > 1)), 0

    def look(count: int) -> None:
        nonlocal done
        done += count
        context.look(done, total)

    found: dict[int, list[str]] = {}
    for search in dict.fromkeys((Search(1, _PENALTY, most=most), best)):
        answers = answering.answers(asked.sources, search, context.check, done=look)
        found[search.beams] = [some[0].text for some in answers]
    said = found[params.beams]
    scored = _scored(data, said, asked, context)
    metrics = _named(part, scored, params)
    if params.beams > 1:
        greedy = _named(part, _scored(data, found[1], asked, context), params)
        metrics |= {f"{name}_greedy": value for name, value in greedy.items()}
    metrics[f"{part}_sources"] = float(len(asked.sources))
    outputs: list[Output] = [
        _how(data, scored, params, len(asked.sources), part),
        _lengths(data),
        _worst(asked, said, scored, data),
    ]
    return Report(metrics, outputs, predictions=scored, judge=judge_of(params.measure), rows=len(said))


def _scored(data: PairTexts, said: Sequence[str], asked: Asked, context: Context) -> Scored:
    tokens = bleu_tokens(data.params.bleu_tokens, data.table_rows.scripts[1])
    return score(said, asked.truths, tokens, with_rouge=data.params.measure == "summary", check=context.check)


def _named(part: str, scored: Scored, params: Any) -> dict[str, float]:
    return {f"{part}_{name}": value for name, value in figures(scored, with_rouge=params.measure == "summary").items()}


def _how(data: PairTexts, scored: Scored, params: Any, count: int, part: str) -> Table:
    """How the figures were come by, for whoever wants to compare them."""
    several = f"{params.beams} beams, length penalty {_PENALTY:g}" if params.beams > 1 else "greedy"
    rows: list[list[Cell]] = [
        ["BLEU", scored.signatures[0]],
        ["chrF", scored.signatures[1]],
        ["answers", f"{several}, {count:,} different sources of the part {part!r}, all targets of a source are right"],
    ]
    if params.measure == "summary":
        rows.append(
            [
                "ROUGE",
                "F1 of words as they stand, without stemming; characters of scripts without spaces; of several targets the best",
            ]
        )
    return Table(title="How it was measured", columns=["figure", "counted"], rows=rows, count=len(rows))


def _lengths(data: PairTexts) -> Table:
    """How long both sides are, and what of them is not read or learnt."""
    rows: list[list[Cell]] = []
    for side, tokens, most, cut_ones in zip(SIDES, data.tokens, data.most, data.cut, strict=True):
        lengths = np.sort(tokens.lengths)
        half, most_of_them = (int(lengths[int(share * (len(lengths) - 1))]) for share in (0.5, 0.95))
        rows.append([side, len(lengths), half, most_of_them, int(lengths[-1]), most, cut_ones])
    columns = ["side", "texts", "median tokens", "95 % have at most", "longest", "read at most", "cut"]
    return Table(title="Lengths", columns=columns, rows=rows, count=len(rows))


def _worst(asked: Asked, said: Sequence[str], scored: Scored, data: PairTexts) -> Table:
    """The answers that are farthest from any true one."""
    by = scored.rouge[:, 2] * 100 if data.params.measure == "summary" else scored.of_each
    worst: list[int] = np.argsort(by, kind="stable")[:_WORST].tolist()
    rows: list[list[Cell]] = [
        [
            int(data.table_rows.rows[asked.places[place]]) + 1,
            cut(asked.sources[place], _CHARACTERS),
            cut(asked.truths[place][0], _CHARACTERS),
            cut(said[place], _CHARACTERS),
            round(float(by[place]), 1),
        ]
        for place in worst
    ]
    name = "ROUGE-L" if data.params.measure == "summary" else "chrF"
    return Table(title="The worst answers", columns=["row", "source", "true", "said", name], rows=rows, count=len(rows))


def text_baselines(data: PairTexts, params: Any, context: Context) -> list[Baseline]:
    """The source itself, its first sentence where sources are long, and the target of the most similar source."""
    part = judged_part(data)
    asked = asked_of(data, part)
    simple = [("copying the source", asked.sources)]
    if data.table_rows.gist:
        simple.append(("the first sentence of the source", [first_sentence(text) for text in asked.sources]))
    simple.append(("the target of the source that is nearest by TF-IDF", _nearest(data, asked, context)))
    found = []
    for name, said in simple:
        scored = _scored(data, said, asked, context)
        found.append(Baseline(name, _named(part, scored, params), scored))
    return found


def first_sentence(text: str) -> str:
    """Up to the first mark that ends a sentence, before a space or after Chinese and its like."""
    for place, character in enumerate(text):
        if character in "。！？" or (character in ".!?" and text[place + 1 : place + 2] in ("", " ")):
            return text[: place + 1]
    return text


def _nearest(data: PairTexts, asked: Asked, context: Context) -> list[str]:
    learnt = data.places["train"]
    if len(learnt) > _MOST_LEARNT:
        learnt = np.sort(np.random.default_rng([data.params.seed, 6]).choice(learnt, _MOST_LEARNT, replace=False))
    unspaced = data.table_rows.scripts[0] in WITHOUT_SPACES
    options: dict[str, Any] = (
        {"analyzer": "char", "ngram_range": (1, 3)} if unspaced else {"ngram_range": (1, 2), "token_pattern": r"\S+"}
    )
    vectors: Any = TfidfVectorizer(**options)
    texts: list[str] = []
    for start in range(0, len(learnt), _AT_ONCE):
        context.check()
        texts += [text[:_MOST_COMPARED] for text in data.texts("source", learnt[start : start + _AT_ONCE])]
    held = vectors.fit_transform(texts)
    places = []
    for start in range(0, len(asked.sources), _COMPARED_AT_ONCE):
        context.check()
        some = asked.sources[start : start + _COMPARED_AT_ONCE]
        near = vectors.transform([text[:_MOST_COMPARED] for text in some]) @ held.T
        places += np.asarray(near.argmax(1)).ravel().tolist()
    return data.texts("target", learnt[places])
