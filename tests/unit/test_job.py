"""The life of a job as pure data: the moves of shared/jobs/job.py, without Redis."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.ids import is_id, new_id
from shared.jobs.job import RETRY_BUDGET, TERMINAL, TRANSITIONS, Cause, State


class Life(RuleBasedStateMachine):
    """Walk the transitions at random: every walk ends in a terminal state or can still get to one."""

    @initialize()
    def accepted(self):
        self.state, self.attempt, self.ended = State.queued, 0, 0

    @precondition(lambda self: self.state in TERMINAL)
    @rule()
    def stay_for_ever(self):
        assert not TRANSITIONS[self.state]

    @precondition(lambda self: bool(TRANSITIONS[self.state]))
    @rule(data=st.data())
    def move(self, data):
        new = data.draw(st.sampled_from(sorted(TRANSITIONS[self.state])))
        assert self.state not in TERMINAL
        if new == State.running:
            assert self.state == State.queued, "only a queued job can be claimed"
            self.attempt += 1
        if new == State.succeeded:
            assert self.attempt >= 1, "nothing succeeds without having run"
        self.ended += new.terminal
        self.state = new

    @invariant()
    def an_end_is_reachable_and_comes_once(self):
        reachable, todo = set(), [self.state]
        while todo:
            state = todo.pop()
            if state not in reachable:
                reachable.add(state)
                todo.extend(TRANSITIONS[state])
        assert reachable & TERMINAL
        assert self.ended == (self.state in TERMINAL)


TestLife = Life.TestCase


def test_every_state_has_its_moves_and_only_terminal_ones_have_none():
    assert set(TRANSITIONS) == set(State)
    assert {s for s, moves in TRANSITIONS.items() if not moves} == TERMINAL


def test_every_cause_that_costs_has_a_budget():
    assert set(RETRY_BUDGET) == set(Cause.__args__) - {"drained", "paused"}


def test_ids_sort_by_time_and_are_safe_as_path_components():
    ids = [new_id(now_ms=ms) for ms in (1, 2, 1_790_000_000_000, 2**48 - 1)]
    assert ids == sorted(ids) and all(is_id(i) for i in ids)
    assert not any(is_id(bad) for bad in ("", "..", "a" * 25, "A" * 26, "i" * 26, "a" * 25 + "/", "a" * 26 + "\n"))
