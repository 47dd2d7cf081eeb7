"""`trainyard reindex`: Redis is wiped, and the volume gives every record back. Store and volume are real; no TensorFlow."""

import json
import threading
from datetime import timedelta

import pytest

from shared.errors import LeaseLost, NotFound
from shared.ids import new_id
from shared.jobs.job import MODEL, CheckpointRef, InputRef, Job, JobErrorInfo, JobRequest, Progress, State, utc_now
from shared.jobs.store import JobStore
from shared.volume import copies
from shared.volume.last_known import history
from shared.volume.reindex import Report, reindex
from shared.volume.volume import Volume


def submit(store: JobStore, **changes) -> Job:
    request = {"kind": "train", "recipe": "gpt", "params": {"text": "床前明月光"}, "owner": "ann", "name": "夜"}
    return store.submit(JobRequest(**(request | changes)))[0]


def start(store: JobStore, volume: Volume, queue: str = "train", worker: str = "w1") -> Job:
    """Claim the next job and begin its attempt on the volume, as a worker does."""
    job = store.claim(queue, worker=worker, device="GPU-1")
    assert job is not None
    volume.start_attempt(job.id, job.attempt)
    volume.write_claimed(job)
    return job


def write_checkpoint(store: JobStore, volume: Volume, job: Job, step: int) -> CheckpointRef:
    folder = volume.attempt_dir(job.id, job.attempt) / "checkpoints"
    folder.mkdir(exist_ok=True)
    with volume.stage(folder) as stage:
        (stage.path / "state.json").write_text(json.dumps({"step": step}))
        stage.publish(folder / f"{step:08d}", {"metrics": {"loss": 1 / step}})
    ref = CheckpointRef(job_id=job.id, attempt=job.attempt, step=step)
    progress = Progress(phase="training", step=step, total_steps=1000)
    store.beat(job.id, job.attempt, progress=progress, checkpoint=ref, events=[("checkpoint", {"step": step})])
    return ref


def end(store: JobStore, volume: Volume, job: Job, state: State, **outcome) -> Job:
    volume.write_done(job.id, job.attempt, state=state, **outcome)
    return store.finish(job.id, job.attempt, state, **outcome)


def wipe(store: JobStore) -> None:
    for key in store.redis.scan_iter(f"{store.keys.prefix}:*", count=1000):
        store.redis.delete(key)


def keys_of(store: JobStore) -> dict[str, bytes | None]:
    """All that is in Redis, comparable."""
    return {str(key): store.redis.dump(key) for key in sorted(store.redis.scan_iter(f"{store.keys.prefix}:*"))}


def as_it_was(job: Job) -> dict:
    return job.model_dump(exclude={"revision"})


@pytest.fixture
def ended(store, volume) -> dict[str, Job]:
    """One job of each way to end, by what became of it."""
    trained = submit(store, priority=3)
    job = start(store, volume)
    write_checkpoint(store, volume, job, 5)
    store.release(job.id, 1, "worker_lost", "gone")
    job = start(store, volume, worker="w2")
    ref = write_checkpoint(store, volume, job, 9)
    end(store, volume, job, State.succeeded, result={"metrics": {"loss": 0.5}, "headline": "疑是地上霜"})
    failed = submit(store)
    error = JobErrorInfo(code="non_finite_loss", message="loss is NaN at step 7", step=7)
    end(store, volume, start(store, volume), State.failed, error=error)
    cancelled = submit(store, priority=1)
    job = start(store, volume)
    store.cancel(job.id)
    end(store, volume, job, State.cancelled)
    never_ran = submit(store)
    store.cancel(never_ran.id)
    generated = submit(store, kind="generate", inputs={MODEL: InputRef(checkpoint=ref)}, params={"prompt": "床"})
    end(store, volume, start(store, volume, "generate"), State.succeeded, result={"headline": "床前", "outputs": 1})
    given_up = submit(store)
    for _ in range(6):
        job = start(store, volume)
        store.release(job.id, job.attempt, "worker_lost", "gone")
    ids = {
        "trained": trained, "failed": failed, "cancelled": cancelled, "never ran": never_ran, "generated": generated,
        "given up": given_up,
    }  # fmt: skip
    return {name: store.get(job.id) for name, job in ids.items()}


def test_every_ended_job_is_as_it_was_once_its_record_has_been_copied(store, volume, ended):
    assert copies.copy_records(store, volume) == len(ended)
    assert copies.copy_records(store, volume) == 0
    listed = [job.id for job in store.list_jobs(owner="ann", limit=100).jobs]
    wipe(store)
    report = reindex(store, volume)
    assert report.recovered == {"succeeded": 2, "failed": 2, "cancelled": 2}
    assert (report.known, report.old, report.lost, report.said, report.damaged) == (0, 0, [], [], [])
    for name, job in ended.items():
        assert as_it_was(store.get(job.id)) == as_it_was(job), name
    assert [job.id for job in store.list_jobs(owner="ann", limit=100).jobs] == listed
    assert store.counts("ann") == store.counts()
    assert [job.id for job in store.list_jobs(kind="generate").jobs] == [ended["generated"].id]


def test_without_copies_the_outcome_an_attempt_left_gives_the_job_back(store, volume, ended):
    """The reaper was away: only what the workers themselves wrote is there."""
    wipe(store)
    report = reindex(store, volume)
    for name in ("trained", "failed", "cancelled", "generated"):
        was, now = ended[name], store.get(ended[name].id)
        same = {"result", "error", "state", "params", "name", "owner", "priority", "checkpoint", "inputs", "created_at"}
        assert now.model_dump(include=same) == was.model_dump(include=same), name
        assert [a.model_dump(exclude={"ended_at"}) for a in now.attempts][:-1] == [
            a.model_dump(exclude={"ended_at"}) for a in was.attempts
        ][:-1]
        assert now.attempts[-1].outcome == was.attempts[-1].outcome
        assert now.attempts[-1].last_step == was.attempts[-1].last_step
        assert abs(now.finished_at - was.finished_at) < timedelta(seconds=10)
    given_up = store.get(ended["given up"].id)
    assert (given_up.state, given_up.error.code) == (State.failed, "record_lost")
    assert [a.cause for a in given_up.attempts] == ["worker_lost"] * 5 + ["infrastructure"]
    assert [job_id for job_id, _ in report.said] == [given_up.id]
    with pytest.raises(NotFound):
        store.get(ended["never ran"].id)  # it never was on the volume


def test_a_training_that_had_not_ended_goes_on_from_its_newest_good_checkpoint_under_a_higher_fence(store, volume):
    job = submit(store, deadline_at=utc_now() + timedelta(hours=1))
    start(store, volume)
    store.release(job.id, 1, "drained")
    claimed = start(store, volume)
    write_checkpoint(store, volume, claimed, 5)
    copies.copy_records(store, volume)
    damaged = write_checkpoint(store, volume, claimed, 9)
    path = volume.checkpoint(damaged).path / "state.json"
    path.write_bytes(b"x" * path.stat().st_size)
    wipe(store)
    report = reindex(store, volume)
    assert report.recovered == {"queued": 1}
    [(job_id, sentence)] = report.said
    assert job_id == job.id and "queued and goes on from the checkpoint of step 5" in sentence
    found = store.get(job.id)
    assert (found.state, found.attempt, found.worker) == (State.queued, 2, "")
    assert [(a.cause, a.worker) for a in found.attempts] == [("drained", "w1"), ("infrastructure", "w1")]
    assert found.attempts[1].last_step == 9
    assert store.redis.zscore(store.keys.deadlines(), job.id)
    with pytest.raises(LeaseLost):
        store.beat(job.id, 2)  # the worker that had it
    again = start(store, volume)
    assert (again.id, again.attempt) == (job.id, 3)
    end(store, volume, again, State.succeeded, result={})


def test_of_many_attempts_as_many_come_back_as_the_record_listed(store, volume):
    submit(store)
    for number in range(1, 13):
        store.release(start(store, volume).id, number, "drained")
    was = start(store, volume)
    copies.copy_records(store, volume)
    wipe(store)
    reindex(store, volume)
    now = store.get(was.id)
    assert [a.number for a in now.attempts] == [1, 9, 10, 11, 12, 13]
    assert [a.cause for a in now.attempts] == ["drained"] * 5 + ["infrastructure"]
    assert (now.attempt, now.forgotten_s) == (13, was.forgotten_s) and was.forgotten_s > 0


def test_what_had_not_ended_can_be_held_back_and_resumed(store, volume):
    running, waiting, paused = (submit(store) for _ in range(3))
    start(store, volume)
    store.pause(paused.id)
    copies.copy_records(store, volume)
    wipe(store)
    assert reindex(store, volume, hold=True).recovered == {"paused": 3}
    assert store.claim("train", worker="w", device="cpu") is None
    store.resume(waiting.id)
    assert store.claim("train", worker="w", device="cpu").id == waiting.id
    assert store.resume(running.id).attempt == 1


def test_the_order_of_the_queue_and_those_who_wait_for_others_are_as_before(store, volume):
    first = submit(store)
    done = end(store, volume, start(store, volume), State.succeeded, result={})
    bad = submit(store, priority=2)
    waits = submit(store, after=[first.id, bad.id], priority=9)
    free = submit(store, after=[done.id], priority=1)
    later = submit(store)
    urgent = submit(store, priority=5)
    copies.copy_records(store, volume)
    wipe(store)
    report = reindex(store, volume)
    assert report.recovered == {"succeeded": 1, "queued": 5}
    assert store.get(waits.id).waits_for == f"job {bad.id} to succeed"
    order = [store.claim("train", worker="w", device="cpu").id for _ in range(4)]
    assert order == [urgent.id, bad.id, free.id, later.id]
    store.finish(bad.id, 1, State.succeeded, result={})
    assert store.claim("train", worker="w", device="cpu").id == waits.id


def test_a_job_that_waits_for_one_nobody_knows_any_more_fails_and_says_so(store, volume):
    first = submit(store)
    waits = submit(store, after=[first.id])
    third = submit(store, after=[waits.id])
    copies.copy_records(store, volume)
    (volume.job_dir(first.id) / "record.json").write_text("{")
    wipe(store)
    report = reindex(store, volume)
    assert [job_id for job_id, why in report.lost if "damaged" in why] == [first.id]
    for job, other in ((waits, first), (third, waits)):
        error = store.get(job.id).error
        assert error.code == "dependency_failed" and other.id in error.message


def test_a_job_that_was_let_go_is_as_ready_as_before_though_what_it_waited_for_is_deleted(store, volume):
    training = submit(store)
    waits = submit(store, after=[training.id])
    end(store, volume, start(store, volume), State.succeeded, result={})
    copies.copy_records(store, volume)
    store.delete(training.id)
    volume.delete_job(training.id)
    wipe(store)
    reindex(store, volume)
    assert store.claim("train", worker="w", device="cpu").id == waits.id


def test_a_record_that_is_there_is_not_touched_and_a_second_run_changes_nothing(store, volume, ended):
    copies.copy_records(store, volume)
    wipe(store)
    reindex(store, volume)
    copies.copy_records(store, volume)
    live = submit(store)
    running = start(store, volume)
    volume.write_record(store.get(ended["trained"].id).model_copy(update={"name": "another"}))
    before = keys_of(store)
    report = reindex(store, volume)
    assert (report.recovered, report.known, report.lost) == ({}, len(ended) + 1, [])
    assert keys_of(store) == before
    assert store.beat(running.id, 1) == "" and live.id == running.id


def test_a_dry_run_tells_the_same_and_writes_nothing(store, volume, ended):
    submit(store, after=[ended["trained"].id])
    copies.copy_records(store, volume)
    wipe(store)
    told = reindex(store, volume, dry_run=True)
    assert keys_of(store) == {}
    done = reindex(store, volume)
    assert told == done and sum(done.recovered.values()) == len(ended) + 1


def test_a_recovered_record_dies_when_it_would_have_died(store, volume, ended):
    copies.copy_records(store, volume)
    job = ended["failed"]
    longer_ago = job.model_copy(update={"finished_at": job.finished_at - timedelta(milliseconds=store.retention_ms)})
    volume.write_record(longer_ago)
    score = store.redis.zscore(store.keys.ended(), ended["trained"].id)
    wipe(store)
    report = reindex(store, volume)
    assert report.old == 1 and report.recovered["failed"] == 1  # the other is the one given up
    assert abs(store.redis.zscore(store.keys.ended(), ended["trained"].id) - score) <= 1
    a_day_ms = 86_400_000
    for key in (store.keys.job(ended["trained"].id), store.keys.events(ended["trained"].id)):
        assert 0 < store.redis.pttl(key) <= store.retention_ms + a_day_ms
    for job_id in store.redis.zrange(store.keys.ended(), 0, -1):
        store.redis.zadd(store.keys.ended(), {job_id: 1})
    store.forget_ended()
    assert set(keys_of(store)) <= {store.keys.activity(), store.keys.schema()}


def test_a_job_of_which_nothing_can_be_read_is_named_with_the_reason(store, volume):
    empty, bare, foreign = new_id(), new_id(), new_id()
    volume.job_dir(empty).mkdir()
    volume.start_attempt(bare, 1)
    volume.job_dir(foreign).mkdir()
    other = submit(store)
    copies.copy_records(store, volume)
    record = (volume.job_dir(other.id) / "record.json").read_text()
    (volume.job_dir(foreign) / "record.json").write_text(record)  # of another job: not believed
    (volume.root / "jobs" / "no-job").mkdir()
    wipe(store)
    report = reindex(store, volume)
    why = dict(report.lost)
    assert set(why) == {empty, bare, foreign}
    assert "its folder is empty" in why[empty]
    assert "say nothing of what was asked for" in why[bare]
    assert "record.json cannot be read" in why[foreign]


def test_checkpoints_without_a_readable_manifest_are_named(store, volume):
    submit(store)
    job = start(store, volume)
    ref = write_checkpoint(store, volume, job, 3)
    end(store, volume, job, State.succeeded, result={})
    (volume.checkpoint(ref).path / "manifest.json").write_text("{}")
    copies.copy_records(store, volume)
    wipe(store)
    [damage] = reindex(store, volume).damaged
    assert damage.path == f"jobs/{job.id}/attempt-1/checkpoints/00000003" and "manifest" in damage.what


def test_the_events_of_a_recovered_job_tell_its_life_in_order_and_end_with_its_end(store, volume, ended):
    copies.copy_records(store, volume)
    wipe(store)
    reindex(store, volume)
    events = store.events(ended["trained"].id)
    assert [e.type for e in events] == ["submitted", "claimed", "requeued", "claimed", "succeeded"]
    assert events[-1].data == {"headline": "疑是地上霜"}
    assert events[0].at == ended["trained"].created_at and events[-1].at == ended["trained"].finished_at
    assert store.get(ended["trained"].id).revision == events[-1].id
    assert [e.type for e in store.events(ended["given up"].id)][-2:] == ["claimed", "failed"]


def test_a_record_that_changes_while_it_is_copied_is_copied_again(store, volume):
    job = submit(store)
    old = store.get(job.id)
    store.cancel(job.id)
    copies.copy_records(store, volume)
    volume.write_record(old)  # a slower reaper, which had read before
    store.copied({job.id: old.revision})
    assert copies.copy_records(store, volume) == 1
    assert json.loads((volume.job_dir(job.id) / "record.json").read_text())["state"] == "cancelled"


def test_a_record_that_appears_between_the_look_and_the_writing_is_not_touched(store, volume, ended):
    job = ended["trained"].model_copy(update={"name": "another", "state": State.cancelled})
    before = keys_of(store)
    assert store.recover(job, history(job, "", utc_now()), dies_at=utc_now() + timedelta(days=1)) == ("known", [])
    assert keys_of(store) == before


def test_two_who_reindex_at_once_put_each_record_back_once(store, volume, ended):
    for _ in range(50):
        submit(store)
    copies.copy_records(store, volume)
    counts = store.counts()
    wipe(store)
    reports: list[Report] = []
    threads = [threading.Thread(target=lambda: reports.append(reindex(store, volume))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sum(report.recovered.values()) for report in reports) == len(ended) + 50
    assert sum(report.known for report in reports) == len(ended) + 50
    assert store.counts() == counts
    assert [len(store.events(job.id)) for job in store.list_jobs(state="queued", limit=100).jobs] == [1] * 50
