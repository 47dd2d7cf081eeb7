"""What ended jobs cost, on its way into the store and out again: kept, bounded, and told by."""

import pytest

from shared.clock.cost import MOST_COSTS
from shared.jobs.costs import CostLog
from shared.jobs.job import JobRequest, State
from shared.jobs.queues import expected, standings
from shared.jobs.store import JobStore
from tests.support.worked import COMPILE_S, LOAD_S, PARAMS, REPORT_S, STEP_S, WHOLE_S, Worked


def costs_of(store: JobStore) -> tuple:
    request = JobRequest(kind="train", recipe="gpt", params=PARAMS)
    return CostLog(store.redis, store.keys).learnt([request])[store.costs.key_of(request)].costs


def test_a_job_that_succeeds_leaves_what_it_cost(store):
    Worked(store, sizes={"rows": 7}).begun().steps(40).ended()
    (cost,) = costs_of(store)
    seconds = {phase: spent.seconds for phase, spent in cost.phases.items() if phase != "ending"}
    assert seconds == {
        "loading": LOAD_S,
        "compiling": COMPILE_S,
        "training": 40 * STEP_S,
        "reporting": REPORT_S,
        "starting": 0,
    }
    assert (cost.steps, cost.total_steps, cost.device, cost.phases["training"].times) == (40, 40, "cpu", 40)
    assert cost.features.numbers == {"steps": 40, "width": 8, "size.rows": 7}
    assert 0 < store.redis.pttl(store.keys.costs("train", "gpt", "")) <= store.retention_ms


def test_a_job_that_fails_or_is_cancelled_tells_nothing_of_how_long_one_takes(store):
    Worked(store).begun().steps(3).ended(State.cancelled)
    assert costs_of(store) == ()


def test_the_log_holds_the_newest_and_no_more_than_that(store):
    for number in range(MOST_COSTS + 3):
        Worked(store, sizes={"rows": number + 1}).begun().steps(1).ended()
    rows = [cost.features.numbers["size.rows"] for cost in costs_of(store)]
    assert rows == list(range(MOST_COSTS + 3, 3, -1))
    assert sum(map(len, store.redis.lrange(store.keys.costs("train", "gpt", ""), 0, -1))) < 64_000


def test_a_pause_is_no_part_of_what_a_job_cost_and_its_steps_are_counted_once(store):
    first = Worked(store).begun().steps(15)
    store.release(first.job.id, 1, "paused")
    (place,) = standings(store, [store.get(first.job.id)])
    assert place.eta is not None and place.eta.median_s == pytest.approx(25 * STEP_S, abs=10)
    store.resume(first.job.id)
    ended = Worked(store, from_step=15).begun().steps(25).ended(stopped_early=True)
    assert ended.attempt == 2 and ended.attempts[0].spent is not None
    (cost,) = costs_of(store)
    assert cost.phases["training"].seconds == 40 * STEP_S and cost.phases["training"].times == 40
    assert cost.phases["compiling"].times == 1 and cost.stopped_early and not cost.whole


def test_an_ended_job_keeps_nothing_of_it_in_its_record(store):
    ended = Worked(store).begun().steps(40).ended()
    assert ended.attempts[-1].spent is None and ended.progress and ended.progress.spent is None
    assert not any(
        b"spent" in value for value in map(str.encode, store.redis.hgetall(store.keys.job(ended.id)).values())
    )


def test_what_jobs_cost_is_told_of_one_like_them_before_and_after_it_begins(store):
    request = JobRequest(kind="train", recipe="gpt", params=PARAMS)
    assert expected(store, request) is None
    for _ in range(3):
        Worked(store).begun().steps(40).ended()
    store.costs = CostLog(store.redis, store.keys)  # as any other process, which has read nothing yet
    told = expected(store, request)
    assert told is not None and told.jobs == 3
    assert told.median_s == pytest.approx(WHOLE_S, rel=0.05) and told.low_s < WHOLE_S < told.high_s
    half = Worked(store).begun().steps(20)
    (place,) = standings(store, [store.get(half.job.id)])
    assert place.eta is not None and place.eta.own_s == LOAD_S + COMPILE_S + 20 * STEP_S
    assert place.eta.median_s == pytest.approx(20 * STEP_S + REPORT_S, rel=0.1)


def test_a_beat_without_news_still_carries_how_long_the_phase_has_lasted(store):
    worked = Worked(store).begun().steps(40).tell(0, "reporting")
    worked.lease.beat()
    worked.clock.now += 5
    worked.lease.beat()
    progress = store.get(worked.job.id).progress
    assert (progress.phase, progress.phase_s, progress.silent_s) == ("reporting", 5.0, 5.0)
