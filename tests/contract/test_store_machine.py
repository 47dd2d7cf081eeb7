"""A Hypothesis state machine over JobStore and a real server: any order of calls keeps the promises of architecture.md.

The model beside it is plain Python: the state of each job, its attempt, and whether its lease ran out unseen.
"""

from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from shared.errors import Conflict, InvalidParams, LeaseLost
from shared.jobs.job import RETRY_BUDGET, TRANSITIONS, JobErrorInfo, JobRequest, Progress, State
from shared.jobs.store import JobStore

# What each event says about the state of its job; others say nothing.
STATE_AFTER = {
    "submitted": "queued", "claimed": "running", "requeued": "queued", "readopted": "running", "paused": "paused",
    "resumed": "queued", "succeeded": "succeeded", "failed": "failed", "cancelled": "cancelled",
}  # fmt: skip


class Machine(RuleBasedStateMachine):
    store: JobStore
    jobs = Bundle("jobs")

    def __init__(self):
        super().__init__()
        for key in self.store.redis.scan_iter(f"{self.store.keys.prefix}:*"):
            self.store.redis.delete(key)
        self.store.expired()
        self.seen: dict[str, tuple[State, int]] = {}
        self.outcomes: dict[str, int] = {}

    @rule(target=jobs, owner=st.sampled_from("ab"), priority=st.integers(-1, 1))
    def submit(self, owner, priority):
        job, _ = self.store.submit(JobRequest(kind="train", recipe="r", params={}, owner=owner, priority=priority))
        return job.id

    @rule(target=jobs, others=st.lists(jobs, min_size=1, max_size=3, unique=True))
    def submit_after(self, others):
        states = {job.id: job.state for job in self.store.get_many(others)}
        try:
            job, _ = self.store.submit(JobRequest(kind="train", recipe="r", params={}, owner="a", after=others))
        except (Conflict, InvalidParams):
            assert set(states.values()) & {State.failed, State.cancelled} or len(states) < len(others)
            return multiple()
        assert not set(states.values()) & {State.failed, State.cancelled}
        return job.id

    @rule(job_id=jobs)
    def submit_again_as_after_a_lost_reply(self, job_id):
        before = self.store.get(job_id)
        request = JobRequest(kind="train", recipe="r", params={}, owner=before.owner, after=before.after)
        assert self.store.submit(request, job_id=job_id) == (before, True)

    @rule(worker=st.sampled_from(["w1", "w2"]))
    def claim(self, worker):
        before = self.store.ready_count("train")
        job = self.store.claim("train", worker=worker, device="cpu")
        assert (job is None) == (before == 0)
        if job:
            assert job.state == State.running
            assert job.attempt == self.seen.get(job.id, (State.queued, 0))[1] + 1

    @rule(job_id=jobs, fence=st.integers(1, 3))
    def beat(self, job_id, fence):
        before = self.store.get(job_id)
        try:
            self.store.beat(job_id, fence, progress=Progress(step=fence))
            assert before.attempt == fence and not before.state.terminal
        except LeaseLost:
            assert not (before.attempt == fence and before.state == State.running)

    @rule(job_id=jobs, fence=st.integers(1, 3), state=st.sampled_from([State.succeeded, State.failed, State.cancelled]))
    def finish(self, job_id, fence, state):
        before = self.store.get(job_id)
        try:
            error = JobErrorInfo(code="x", message="y") if state == State.failed else None
            self.store.finish(job_id, fence, state, error=error)
            assert before.attempt == fence
            if not before.state.terminal:
                self.outcomes[job_id] = self.outcomes.get(job_id, 0) + 1
        except LeaseLost:
            assert not (before.attempt == fence and before.state == State.running)

    @rule(job_id=jobs, fence=st.integers(1, 3), cause=st.sampled_from([*RETRY_BUDGET, "drained", "paused"]))
    def release(self, job_id, fence, cause):
        before = self.store.get(job_id)
        try:
            self.store.release(job_id, fence, cause)
            assert before.attempt == fence and before.state == State.running
        except LeaseLost:
            assert not (before.attempt == fence and before.state == State.running)

    @rule(job_id=jobs)
    def fall_silent_and_be_reaped(self, job_id):
        if self.store.redis.zscore(self.store.keys.leases(), job_id) is not None:
            self.store.redis.zadd(self.store.keys.leases(), {job_id: 1})
        for pair in self.store.expired():
            self.store.take_back(*pair)

    @rule(job_id=jobs, verb=st.sampled_from(["cancel", "pause", "resume"]))
    def control(self, job_id, verb):
        before = self.store.get(job_id)
        try:
            getattr(self.store, verb)(job_id)
        except Conflict:
            assert before.state.terminal or verb == "resume" or before.request == "cancel"

    @rule(target=jobs, job_id=consumes(jobs))
    def delete(self, job_id):
        before = self.store.get(job_id)
        try:
            self.store.delete(job_id)
            assert before.state.terminal
        except Conflict:
            assert not before.state.terminal
            return job_id
        assert set(self.store.redis.scan_iter(f"{self.store.keys.prefix}:*{job_id}*")) == {
            self.store.keys.deleted(job_id)
        }
        return multiple()

    @invariant()
    def every_record_index_and_history_agrees(self):
        store = self.store
        ids: Any = store.redis.zrange(store.keys.jobs(), 0, -1)
        by_state = {state: set(store.redis.zrange(store.keys.jobs_in(state), 0, -1)) for state in State}
        waiting = set(store.redis.zrange(store.keys.ready("train"), 0, -1))
        leased = set(store.redis.zrange(store.keys.leases(), 0, -1))
        assert leased == by_state[State.running]
        jobs = store.get_many(ids)
        assert {job.id for job in jobs} == set(ids), "no index names a job without a record"
        states = {job.id: job.state for job in jobs}
        for job in jobs:
            left = [other for other in job.after if states.get(other, State.succeeded) != State.succeeded]
            if job.state in (State.queued, State.paused) and not job.attempt:
                assert job.waits_for == (f"job {', '.join(left)} to succeed" if left else "")
            if job.state == State.queued:
                assert (job.id in waiting) == (not job.waits_for), "what waits for nothing can be claimed, nothing else"
        assert waiting <= by_state[State.queued]
        assert not store.redis.exists(store.keys.unsettled())
        for owner in {job.owner for job in jobs}:
            mine = {job.id for job in jobs if job.owner == owner}
            assert set(store.redis.zrange(store.keys.jobs_of(owner), 0, -1)) == mine
            for state, members in by_state.items():
                assert set(store.redis.zrange(store.keys.jobs_of(owner, state), 0, -1)) == mine & members
        for kind in ("train", "generate"):
            of_kind = {job.id for job in jobs if job.kind == kind}
            assert set(store.redis.zrange(store.keys.jobs_of_kind(kind), 0, -1)) == of_kind
        for job in jobs:
            assert [s for s, members in by_state.items() if job.id in members] == [job.state]
            was, attempt = self.seen.get(job.id, (job.state, 0))
            assert job.attempt >= attempt, "attempts strictly rise"
            assert was == job.state or not was.terminal, "terminal states never change"
            events = store.events(job.id, limit=5_000)
            history = [STATE_AFTER[e.type] for e in events if e.type in STATE_AFTER]
            assert history[-1] == job.state, "the events replay to the state"
            for earlier, later in pairwise(history):
                assert State(later) in TRANSITIONS[State(earlier)], (earlier, later)
            assert sum(State(h).terminal for h in history) <= 1, "at most one outcome"
            self.seen[job.id] = (job.state, job.attempt)


def test_any_order_of_calls_keeps_one_fence_one_outcome_and_a_truthful_history(store):
    class Bound(Machine):
        pass

    Bound.store = store
    run_state_machine_as_test(
        Bound,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
