"""Where a training halts, how fast it believes it goes, and when it gives up: pure parts of worker/training/fit.py."""

import gc
import weakref
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.recipes.base import Criterion
from worker.recipe import Data, Lazily, RecipeCode
from worker.training.loop_state import Borders, LoopState
from worker.training.pace import LOOK_S, Pace
from worker.training.stages import Stages


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


LOSS = Criterion("val_loss", "min")


def _evaluate(state, step, value, patience=0, criterion=LOSS):
    state.step = step
    return state.take_evaluation({criterion.metric: value}, criterion, patience)


def test_early_stopping_counts_evaluations_without_a_better_one():
    state = LoopState()
    assert _evaluate(state, 10, 1.0, patience=2)
    assert not _evaluate(state, 20, 1.0, patience=2)
    assert not state.stopped_early
    assert not _evaluate(state, 30, 1.5, patience=2)
    assert state.stopped_early
    assert (state.best_step, state.best_value) == (10, 1.0)


def test_what_is_better_is_for_the_criterion_to_say():
    state, hits = LoopState(), Criterion("val_hits", "max")
    assert _evaluate(state, 10, 0.2, criterion=hits)
    assert _evaluate(state, 20, 0.6, criterion=hits)
    assert not _evaluate(state, 30, 0.5, criterion=hits)
    assert (state.best_step, state.best_value) == (20, 0.6)


def test_without_patience_nothing_stops_early():
    state = LoopState()
    for step, value in enumerate((1.0, 2.0, 3.0, 4.0), 1):
        _evaluate(state, step, value)
    assert not state.stopped_early
    assert state.evaluations_without_better == 3


def test_an_evaluation_is_told_only_of_the_step_it_was_made_at():
    state = LoopState(metrics={"loss": 0.5})
    _evaluate(state, 10, 1.0)
    assert state.metrics_here == {"loss": 0.5, "val_loss": 1.0}
    state.step = 13
    assert state.metrics_here == {"loss": 0.5}
    assert state.metrics["val_loss"] == 1.0, "the newest value stays on show"


def test_what_a_stage_ends_with_is_what_was_measured_on_the_state_that_is_kept():
    state = LoopState(metrics={"loss": 0.5})
    _evaluate(state, 10, 1.0)
    state.metrics = {"loss": 0.3}
    _evaluate(state, 20, 2.0)
    assert state.kept_metrics("best") == {"loss": 0.5, "val_loss": 1.0}
    assert state.kept_metrics("last") == {"loss": 0.3, "val_loss": 2.0}
    following = state.next_stage("best", 20)
    assert (following.stage, following.step, following.stages) == (1, 20, [{"loss": 0.5, "val_loss": 1.0}])
    assert (following.best_step, following.metrics, following.stopped_early) == (None, {}, False)


def test_loop_state_survives_json():
    state = LoopState(step=3, metrics={"loss": 0.1}, pending_row={"step": 3}, best_value=0.1 + 0.2, best_step=2)
    state.stages, state.best_metrics = [{"val_loss": 0.1}], {"val_loss": 0.3}
    assert LoopState.from_json(state.to_json()) == state


@given(total=st.integers(1, 500), every=st.integers(1, 90), cut=st.data())
def test_evaluations_left_are_those_still_to_come(total, every, cut):
    borders = Borders.of(total, 0, every, 8)
    step = cut.draw(st.integers(0, total))
    assert borders.evaluations_after(step) == sum(borders.is_evaluation(s) for s in range(step + 1, total + 1))


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


class Fold(Data):
    """So many steps of nothing, an epoch of two steps."""

    def __init__(self, steps: int):
        self.total_steps, self.steps_per_epoch = steps, 2


def test_folds_stand_on_one_axis_of_steps_and_only_the_one_asked_for_is_in_memory():
    alive: weakref.WeakSet[Fold] = weakref.WeakSet()
    most: list[int] = []

    def fold(steps: int) -> Fold:
        gc.collect()
        made = Fold(steps)
        alive.add(made)
        most.append(len(alive))
        return made

    def stages(data: Data) -> Lazily:
        return Lazily([lambda: fold(4), lambda: fold(6), lambda: fold(5)])

    code = cast(RecipeCode, SimpleNamespace(stages=stages, STEPS_PER_EXECUTION=1))
    made = Stages.of(code, Fold(1))
    assert (made.begins_at, made.total_steps, made.epochs, len(made)) == ((0, 4, 10), 15, 8, 3)
    taken: Any = None
    for number in range(3):
        del taken
        taken = made.data[number]
        assert taken.total_steps == (4, 6, 5)[number]
    assert max(most) == 1 and len(most) == 6


def test_a_training_of_one_stage_keeps_its_data():
    data = Fold(4)
    made = Stages.of(cast(RecipeCode, SimpleNamespace(STEPS_PER_EXECUTION=1)), data)
    assert made.data[0] is data and made.begins_at == (0,)
