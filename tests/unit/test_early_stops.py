"""When a training that may stop early is thought to: what other jobs showed, what its own evaluations say."""

import statistics

import pytest

from shared.clock.cost import Cost
from shared.clock.early_stops import fractions
from shared.clock.features import Features
from tests.support.synthetic_costs import a_cost

DRAWS = 100


def asked(evaluations: int, patience: int) -> Features:
    return a_cost(steps=10 * evaluations, eval_every=10, early_stopping_patience=patience).features


def ended(evaluations: int, patience: int, took: int | None = None) -> Cost:
    """A job of so many evaluations, or one that stopped after `took` of them."""
    took_steps = 10 * took if took else None
    return a_cost(steps=10 * evaluations, took=took_steps, eval_every=10, early_stopping_patience=patience)


def test_without_patience_none_stops():
    assert fractions([ended(20, 2, took=5)], a_cost().features, DRAWS) == [1.0] * DRAWS


def test_nothing_stops_before_its_patience_is_over():
    assert min(fractions([], asked(20, 3), DRAWS)) >= 4 / 20
    assert fractions([], asked(3, 3), DRAWS) == [1.0] * DRAWS


def test_before_any_other_has_told_longer_trainings_are_likelier_to_stop():
    short, long = (sum(f < 1 for f in fractions([], asked(n, 2), DRAWS)) for n in (4, 100))
    assert 0 < short < long < DRAWS


def test_what_others_showed_holds_for_other_lengths_and_another_patience():
    past = [ended(20, 2, took=6)] * 12  # the fourth was the best
    assert statistics.median(fractions(past, asked(40, 2), DRAWS)) == pytest.approx(6 / 40)
    assert statistics.median(fractions(past, asked(40, 8), DRAWS)) == pytest.approx(12 / 40)


def test_those_that_went_to_their_end_say_nothing_stops_before():
    never = [ended(20, 2)] * 12
    assert sum(f == 1 for f in fractions(never, asked(20, 2), DRAWS)) > 85
    assert (
        min(f for f in fractions(never, asked(200, 2), DRAWS) if f > 0.05) < 1
    )  # but of far longer ones they cannot know


def test_evaluations_that_bring_nothing_better_bring_the_stop_nearer():
    stop = (10 + 1) / 40
    few, many = (fractions([], asked(40, 3), DRAWS, 10 / 40, n) for n in (1, 2))
    assert sum(f == pytest.approx(stop) for f in many) > 30
    assert sum(f == pytest.approx(stop + 1 / 40) for f in few) > 30
    assert min(many) >= stop - 1e-9  # none sooner than the patience left


def test_what_is_behind_is_behind():
    assert min(fractions([ended(20, 2, took=5)] * 5, asked(20, 2), DRAWS, now=0.5)) > 0.5
