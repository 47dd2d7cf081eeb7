"""The field's figures of written texts beside true ones: BLEU and chrF by sacrebleu, ROUGE, exact matches.

BLEU: Papineni et al. 2002; chrF: Popović 2015; what was counted how says the signature (Post 2018, arXiv:1804.08771).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from worker.families.scripts import WITHOUT_SPACES
from worker.families.translating.pieces import clean
from worker.families.translating.rouge import NAMES, rouge
from worker.verdict import Judge

_ORDERS = 4  # of n-grams that BLEU counts
_AT_ONCE = 100  # texts between two looks


def _nothing() -> None:
    """Where nobody asks."""


def bleu_tokens(asked: str, script: str) -> str:
    """sacrebleu's name of the words that BLEU counts. asked: of the param. script: of the targets."""
    if asked != "auto":
        return asked
    return "zh" if script == "CJK" else "char" if script in WITHOUT_SPACES else "13a"


@dataclass(frozen=True)
class Scored:
    """Written texts, each beside its true ones. bleu, chrf: of all together, 0 to 100. signatures: how these two were counted.

    Of each text: counts, float64 (n, 10), what BLEU sums: lengths of both sides, and the right and all n-grams of each order;
    of_each, float64 (n,), its own chrF; rouge, float64 (n, 3); exact, float64 (n,), 1 where it is as a true one has it.
    """

    bleu: float
    chrf: float
    signatures: tuple[str, str]
    counts: np.ndarray
    of_each: np.ndarray
    rouge: np.ndarray
    exact: np.ndarray


def score(
    said: Sequence[str],
    truths: Sequence[Sequence[str]],
    tokens: str,
    *,
    with_rouge: bool,
    check: Callable[[], None] = _nothing,
) -> Scored:
    """truths: of each text one or more. tokens: see bleu_tokens(). with_rouge: it takes a while for long texts; else all are 0."""
    single, bleu, chrf = BLEU(tokenize=tokens, effective_order=True), BLEU(tokenize=tokens), CHRF()
    counts, of_each, shares, exact = (np.zeros((len(said), size)) for size in (2 + 2 * _ORDERS, 1, len(NAMES), 1))
    for row, (text, true) in enumerate(zip(said, truths, strict=True)):
        if row % _AT_ONCE == 0:
            check()
        found = single.sentence_score(text, list(true))
        counts[row] = [found.sys_len, found.ref_len, *found.counts, *found.totals]
        of_each[row] = chrf.sentence_score(text, list(true)).score
        shares[row] = rouge(text, true) if with_rouge else 0.0
        exact[row] = clean(text) in {clean(one) for one in true}
    streams: Any = [
        [true[place] if place < len(true) else None for true in truths] for place in range(max(map(len, truths)))
    ]
    figures = bleu.corpus_score(list(said), streams).score, chrf.corpus_score(list(said), streams).score
    signatures = str(bleu.get_signature()), str(chrf.get_signature())
    return Scored(*figures, signatures, counts, of_each[:, 0], shares, exact[:, 0])


def bleu_of(counts: np.ndarray) -> float:
    """Corpus BLEU, 0 to 100, of counts as Scored has them, summed. Smoothed as sacrebleu does by default."""
    said, true, *grams = counts.sum(0).astype(int).tolist()
    return float(BLEU.compute_bleu(grams[:_ORDERS], grams[_ORDERS:], said, true, smooth_method="exp").score)


def figures(scored: Scored, *, with_rouge: bool) -> dict[str, float]:
    """Over all texts: BLEU and chrF 0 to 100, the others 0 to 1."""
    found = {"bleu": scored.bleu, "chrf": scored.chrf, "exact": float(scored.exact.mean())}
    return found | (dict(zip(NAMES, scored.rouge.mean(0).tolist(), strict=True)) if with_rouge else {})


def judge_of(measure: str) -> Judge:
    """Predictions are a Scored."""
    if measure == "summary":
        return Judge("ROUGE-L", "max", lambda scored, rows: float(scored.rouge[rows, 2].mean()))
    return Judge("BLEU", "max", lambda scored, rows: bleu_of(scored.counts[rows]))
