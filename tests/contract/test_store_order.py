"""Who goes first: priorities, fair shares, warm models, dependencies, deadlines, limits per owner. A real server."""

from datetime import UTC, datetime

import pytest

from shared.errors import Conflict, InvalidParams, QueueFull
from shared.ids import new_id
from shared.jobs.job import MODEL, CheckpointRef, InputRef, JobErrorInfo, State, utc_now
from shared.jobs.presence import WorkerInfo
from shared.jobs.queues import standings
from shared.jobs.record import source_key
from tests.contract.test_store import claim, request, submit


def of_model(ref: CheckpointRef) -> dict[str, InputRef]:
    return {MODEL: InputRef(checkpoint=ref)}


def test_priority_comes_first_then_fair_shares_then_age(store):
    anns = [submit(store, owner="ann") for _ in range(3)]
    bobs = submit(store, owner="bob")
    urgent = submit(store, owner="ann", priority=1)
    order = [claim(store).id for _ in range(5)]
    assert order == [urgent.id, anns[0].id, bobs.id, anns[1].id, anns[2].id]


def test_a_thousand_jobs_of_one_owner_do_not_hold_back_the_first_of_another(store):
    for _ in range(1000):
        submit(store, owner="ann")
    for _ in range(10):
        claim(store)
    first = submit(store, owner="bob")
    assert first.id in {claim(store).id for _ in range(2)}


def test_a_warm_checkpoint_is_preferred_until_the_head_has_waited(store):
    ref = CheckpointRef(job_id=new_id(), attempt=1, step=5)
    cold = submit(store, kind="generate", inputs=of_model(CheckpointRef(job_id=new_id(), attempt=1, step=1)))
    warm = submit(store, kind="generate", inputs=of_model(ref))
    claimed = store.claim("generate", worker="w", device="cpu", prefer=[source_key(ref)])
    assert claimed is not None and claimed.id == warm.id
    submit(store, kind="generate", inputs=of_model(ref))
    store.redis.hset(store.keys.job(cold.id), "queued_ms", 1)
    claimed = store.claim("generate", worker="w", device="cpu", prefer=[source_key(ref)])
    assert claimed is not None and claimed.id == cold.id


def test_a_job_that_waits_for_another_becomes_ready_when_that_one_has_succeeded(store):
    training = submit(store)
    after = store.submit(request(kind="generate", after=[training.id]))[0]
    assert after.waits_for == f"job {training.id} to succeed"
    assert store.ready_count("generate") == 0
    store.finish(training.id, claim(store).attempt, State.succeeded, result={})
    assert store.get(after.id).waits_for == ""
    assert store.ready_count("generate") == 1


def test_a_job_that_waits_for_several_names_those_that_are_left(store):
    first, second = submit(store), submit(store)
    after = submit(store, after=[first.id, second.id])
    assert after.waits_for == f"job {first.id}, {second.id} to succeed"
    store.finish(first.id, claim(store).attempt, State.succeeded, result={})
    assert store.get(after.id).waits_for == f"job {second.id} to succeed"


def test_a_failed_job_fails_those_that_wait_for_it_and_those_that_wait_for_them(store):
    training = submit(store)
    second = submit(store, after=[training.id])
    third = submit(store, after=[second.id])
    store.finish(training.id, claim(store).attempt, State.failed, error=JobErrorInfo(code="x", message="y"))
    for job in (second, third):
        ended = store.get(job.id)
        assert ended.state == State.failed and ended.error and ended.error.code == "dependency_failed"
        assert [e.type for e in store.events(job.id)] == ["submitted", "failed"]
    with pytest.raises(Conflict):
        submit(store, after=[training.id])
    with pytest.raises(InvalidParams):
        submit(store, after=[new_id()])


def test_a_paused_job_that_waits_for_another_still_waits_once_resumed(store):
    training = submit(store)
    after = submit(store, after=[training.id], priority=10)
    store.pause(after.id)
    store.resume(after.id)
    assert claim(store).id == training.id
    assert store.claim("train", worker="w", device="cpu") is None


def test_a_passed_deadline_cancels_what_waits_and_asks_what_runs_to_stop(store):
    past = datetime(2020, 1, 1, tzinfo=UTC)
    runs = submit(store, deadline_at=past)
    claim(store)
    waits = submit(store, deadline_at=past)
    later = submit(store, deadline_at=datetime(2099, 1, 1, tzinfo=UTC))
    assert store.enforce_deadlines() == 2
    assert store.beat(runs.id, 1) == "cancel"
    ended = store.get(waits.id)
    assert ended.state == State.cancelled and ended.error and ended.error.code == "deadline_passed"
    assert store.get(later.id).state == State.queued
    assert store.enforce_deadlines() == 0


def test_owner_limits_hold_back_one_owner_and_not_the_next(store):
    store.max_running_per_owner = 1
    store.max_queued_per_owner = 2
    first = submit(store, owner="ann")
    claim(store)
    held = [submit(store, owner="ann", priority=9) for _ in range(2)]
    with pytest.raises(QueueFull, match="your limit is 2"):
        submit(store, owner="ann")
    bobs = submit(store, owner="bob")
    assert claim(store).id == bobs.id
    assert store.claim("train", worker="w", device="cpu") is None
    store.finish(first.id, 1, State.succeeded, result={})
    assert claim(store).id == held[0].id


def test_only_an_owner_at_the_limit_is_told_of_it(store):
    store.max_running_per_owner = 1
    submit(store, owner="ann")
    claim(store)
    store.presence.announce(WorkerInfo(id="w", host="h", pid=1, device="cpu", queues=["train"], since=utc_now()))
    anns, bobs = standings(store, [submit(store, owner="ann"), submit(store, owner="bob")])
    assert "limit" in anns.why and "limit" not in bobs.why


def test_where_several_jobs_stand_is_where_each_of_them_stands(store):
    store.presence.announce(WorkerInfo(id="w", host="h", pid=1, device="cpu", queues=["train"], since=utc_now()))
    jobs = [submit(store, kind=kind) for kind in ("train", "generate", "train", "train", "generate")]
    store.pause(jobs[2].id)
    store.claim("train", worker="w", device="cpu")
    jobs = store.get_many([job.id for job in jobs])
    together = standings(store, jobs)
    assert [place.position for place in together] == [None, 0, None, 0, 1]
    for job, place in zip(jobs, together, strict=True):
        assert standings(store, [job]) == [place]


def test_a_cancelled_and_deleted_job_does_not_hold_back_the_others_that_wait(store):
    training = submit(store)
    gone, cancelled, *others = (submit(store, after=[training.id]) for _ in range(5))
    store.cancel(gone.id)
    store.cancel(cancelled.id)
    store.delete(gone.id)
    store.finish(training.id, claim(store).attempt, State.succeeded, result={})
    assert {claim(store).id for _ in others} == {job.id for job in others}
    assert not store.redis.exists(store.keys.job(gone.id)), "nothing of it has come back"


@pytest.mark.parametrize("ends_as", [State.succeeded, State.failed])
def test_thousands_that_wait_for_one_are_told_by_and_by(store, ends_as):
    training = submit(store)
    waiting = [submit(store, after=[training.id]) for _ in range(1000)]
    of_the_last = submit(store, after=[waiting[-1].id])
    error = JobErrorInfo(code="x", message="y") if ends_as == State.failed else None
    store.finish(training.id, claim(store).attempt, ends_as, error=error)
    assert 0 < store.ready_count("train") + store.counts()["failed"] < 500, "one script does a bounded part"
    store.delete(training.id)
    calls = 1
    while store.settle_waiting():
        calls += 1
    assert calls < 10
    assert store.settle_waiting() == 0
    if ends_as == State.succeeded:
        assert store.ready_count("train") == 1000 and store.get(of_the_last.id).waits_for
    else:
        assert store.counts()["failed"] == 1001 and store.get(of_the_last.id).error.code == "dependency_failed"


def test_who_has_cancelled_everything_is_not_put_behind_for_it(store):
    for job in [submit(store, owner="ann") for _ in range(200)]:
        store.cancel(job.id)
    bobs = [submit(store, owner="bob") for _ in range(5)]
    anns = submit(store, owner="ann")
    assert anns.id in {claim(store).id for _ in range(2)}
    assert bobs


def test_a_job_that_succeeded_before_its_deadline_was_heeded_carries_no_error(store):
    job = submit(store)
    claim(store)
    store.redis.zadd(store.keys.deadlines(), {job.id: 1})
    assert store.enforce_deadlines() == 1
    assert store.finish(job.id, 1, State.succeeded, result={}).error is None


def test_thousands_of_urgent_jobs_of_an_owner_at_the_limit_hold_nobody_back(store):
    store.max_running_per_owner = 1
    submit(store, owner="ann", priority=5)
    assert claim(store).owner == "ann"
    waits = submit(store, owner="ann", priority=5)
    ready = store.keys.ready("train")
    record, order = store.redis.hgetall(store.keys.job(waits.id)), store.redis.zscore(ready, waits.id)
    with store.redis.pipeline(transaction=False) as pipe:  # 6,000 like it, laid down at once
        for _ in range(6_000):
            job_id = new_id()
            pipe.hset(store.keys.job(job_id), mapping=record)
            pipe.zadd(ready, {job_id: order})
        pipe.execute()
    bobs = submit(store, owner="bob", priority=-5)
    assert claim(store).id == bobs.id
    assert store.claim("train", worker="w1", device="cpu") is None  # all that is left is ann's
