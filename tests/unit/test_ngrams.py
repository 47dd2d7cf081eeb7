"""n-grams against a slow and plain version of the same formula, and against what is known of texts."""

import math
from collections import Counter, defaultdict

import pytest

np = pytest.importorskip("numpy")

from shared.errors import Cancelled  # noqa: E402
from worker.families.text.ngrams import ORDER, ngram_losses  # noqa: E402


def _nothing():
    pass


def _plain(learnt, judged, window, size, order):
    """The same, with dicts and loops."""
    counts, kinds = Counter(), defaultdict(set)
    for k in range(order):
        for i in range(k, len(learnt)):
            history = tuple(learnt[i - k : i])
            counts[(history, learnt[i])] += 1
            counts[history] += 1
            kinds[history].add(learnt[i])
    losses = []
    for i in range(len(judged) - 1):
        start = i // window * window
        share = 1 / size
        for k in range(min(order - 1, i - start + 1) + 1):
            history = tuple(judged[i + 1 - k : i + 1])
            if history in kinds:
                t = len(kinds[history])
                share = (counts[(history, judged[i + 1])] + t * share) / (counts[history] + t)
        losses.append(-math.log(share))
    return losses


@pytest.mark.parametrize("window", [1, 3, 7, 100])
def test_it_is_what_the_formula_says(window):
    rng = np.random.default_rng(window)
    learnt, judged = rng.integers(0, 4, 60), rng.integers(0, 5, 40)  # 4 is never learnt
    found = ngram_losses(learnt.astype(np.uint8), judged.astype(np.uint8), window, 6, _nothing)
    for order in (1, ORDER):
        assert found[order] == pytest.approx(_plain(learnt.tolist(), judged.tolist(), window, 6, order))


def test_a_text_that_repeats_is_foretold_almost_surely_and_chance_is_not():
    text = np.tile(np.arange(7), 300).astype(np.int32)
    found = ngram_losses(text, text[:700], 700, 7, _nothing)
    assert found[1].mean() == pytest.approx(math.log(7), rel=0.01)
    assert found[ORDER][10:].mean() < 0.01
    dice = np.random.default_rng(0).integers(0, 6, 30_000)
    assert ngram_losses(dice[:20_000], dice[20_000:], 10_000, 6, _nothing)[ORDER].mean() > math.log(6) * 0.99


def test_shares_of_all_tokens_sum_to_1():
    learnt = np.random.default_rng(1).integers(0, 3, 50)
    history = learnt[10:14]
    total = sum(
        math.exp(-ngram_losses(learnt, np.append(history, token), 9, 5, _nothing)[ORDER][-1]) for token in range(5)
    )
    assert total == pytest.approx(1)


def test_a_text_shorter_than_an_n_gram_gives_both_figures():
    found = ngram_losses(np.array([1, 2]), np.array([1, 2, 1]), 4, 4, _nothing)
    assert set(found) == {1, ORDER} and all(np.isfinite(losses).all() for losses in found.values())


def test_it_can_be_ended_between_two_orders():
    asked = []

    def check():
        asked.append(1)
        if len(asked) > 3:
            raise Cancelled("asked to stop")

    with pytest.raises(Cancelled):
        ngram_losses(np.arange(50), np.arange(20), 5, 50, check)
