"""Where a training halts, how fast it believes it goes, and when it gives up: pure parts of worker/training/fit.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.training.loop_state import Borders, LoopState
from worker.training.pace import LOOK_S, Pace


@given(
    total=st.integers(1, 30_000), per_epoch=st.integers(0, 700), every=st.integers(0, 900), per_call=st.integers(1, 64)
)
def test_walking_from_border_to_border_meets_every_evaluation_and_the_last_step(total, per_epoch, every, per_call):
    borders = Borders.of(total, per_epoch, every, per_call)
    step, rows, evaluations = 0, [], []
    while step < total:
        following = borders.next_row(step)
        assert step < following <= total
        step = following
        assert borders.is_row(step)
        rows.append(step)
        if borders.is_evaluation(step):
            evaluations.append(step)
    wanted = every or per_epoch or total
    assert evaluations == sorted({*range(wanted, total + 1, wanted), total})
    assert len(rows) <= Borders.MAX_ROWS + len(evaluations)


@given(total=st.integers(1, 10_000), per_call=st.integers(1, 64), cut=st.data())
def test_the_next_border_does_not_depend_on_where_a_training_was_interrupted(total, per_call, cut):
    borders = Borders.of(total, 37, 0, per_call)
    step = cut.draw(st.integers(0, total - 1))
    following = borders.next_row(step)
    between = cut.draw(st.integers(step, following - 1))
    assert borders.next_row(between) == following
    assert not any(borders.is_row(s) for s in range(step + 1, following))


def test_early_stopping_counts_evaluations_without_a_better_loss():
    state = LoopState(step=10)
    assert state.take_evaluation(1.0, patience=2)
    state.step = 20
    assert not state.take_evaluation(1.0, patience=2)
    assert not state.stopped_early
    state.step = 30
    assert not state.take_evaluation(1.5, patience=2)
    assert state.stopped_early
    assert (state.best_step, state.best_value) == (10, 1.0)


def test_without_patience_nothing_stops_early():
    state = LoopState(step=1)
    for value in (1.0, 2.0, 3.0, 4.0):
        state.take_evaluation(value, patience=0)
    assert not state.stopped_early
    assert state.evaluations_without_better == 3


def test_loop_state_survives_json():
    state = LoopState(step=3, metrics={"loss": 0.1}, pending_row={"step": 3}, best_value=0.1 + 0.2, best_step=2)
    assert LoopState.from_json(state.to_json()) == state


def test_pace_takes_one_step_until_it_knows_the_speed_then_about_a_look_worth():
    pace = Pace()
    assert pace.chunk(100) == 1
    pace.add(1, 0.01)
    assert pace.steps_per_s == pytest.approx(100)
    assert pace.chunk(1000) == int(100 * LOOK_S)
    assert pace.chunk(7) == 7


def test_pace_forgets_what_is_older_than_its_window():
    pace = Pace()
    pace.add(1, 60.0)
    for _ in range(50):
        pace.add(10, 1.0)
    assert pace.steps_per_s == pytest.approx(10)
