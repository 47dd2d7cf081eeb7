"""JobStore against a real Redis-compatible server: what each method promises in its docstring."""

import threading

import pytest

from shared.errors import Conflict, LeaseLost, NotFound, QueueFull
from shared.ids import new_id
from shared.jobs.job import CheckpointRef, JobErrorInfo, JobRequest, Progress, State
from shared.jobs.store import JobStore


def request(**changes) -> JobRequest:
    return JobRequest(**({"kind": "train", "recipe": "gpt", "params": {"text": "中文"}} | changes))


def submit(store: JobStore, **changes):
    return store.submit(request(**changes))[0]


def claim(store: JobStore, worker: str = "w1", **options):
    job = store.claim("train", worker=worker, device="cpu", **options)
    assert job is not None
    return job


def let_the_lease_run_out(store: JobStore, job_id: str) -> None:
    store.expired()  # the first call only learns which server this is
    store.redis.zadd(store.keys.leases(), {job_id: 1})


def test_a_submitted_job_is_queued_with_everything_the_owner_asked_for(store):
    job, created = store.submit(request(name="夜间", owner="ann", priority=3))
    assert created
    assert (job.state, job.params, job.name, job.owner, job.priority) == (
        State.queued,
        {"text": "中文"},
        "夜间",
        "ann",
        3,
    )
    assert [e.type for e in store.events(job.id)] == ["submitted"]
    assert store.get(job.id) == job


def test_the_same_idempotency_key_gives_the_same_job_and_another_request_is_refused(store):
    first, _ = store.submit(request(), idempotency_key="k")
    again, created = store.submit(request(), idempotency_key="k")
    assert (again.id, created) == (first.id, False)
    with pytest.raises(Conflict) as refusal:
        store.submit(request(recipe="char_lstm"), idempotency_key="k")
    assert refusal.value.code == "idempotency_mismatch"
    assert store.counts()["queued"] == 1


@pytest.mark.parametrize("key", [None, "k"])
def test_a_submission_sent_twice_because_its_reply_was_lost_is_one_job_whatever_has_happened_since(store, key):
    job_id = new_id()
    store.submit(request(), job_id=job_id, idempotency_key=key)
    for _ in range(3):
        before = store.get(job_id)
        assert store.submit(request(), job_id=job_id, idempotency_key=key) == (before, True)
        store.finish(job_id, before.attempt, State.succeeded, result={}) if before.attempt else claim(store)
    assert [e.type for e in store.events(job_id)] == ["submitted", "claimed", "succeeded"]
    assert store.counts()["queued"] == 0 and store.counts()["succeeded"] == 1


def test_idempotency_keys_of_two_owners_do_not_meet(store):
    first, _ = store.submit(request(owner="ann"), idempotency_key="k")
    second, created = store.submit(request(owner="bob"), idempotency_key="k")
    assert created and second.id != first.id


def test_a_full_queue_refuses_and_writes_nothing(store):
    store.max_queued = 2
    for _ in range(2):
        submit(store)
    with pytest.raises(QueueFull, match="2 jobs wait on train"):
        submit(store)
    assert store.counts()["queued"] == 2


def test_an_unknown_or_malformed_id_is_not_found(store):
    for job_id in (new_id(), "../../etc/passwd", "", "é" * 26):
        with pytest.raises(NotFound):
            store.get(job_id)
        with pytest.raises(NotFound):
            store.cancel(job_id)


def test_every_claim_raises_the_fence_and_is_recorded_as_an_attempt(store):
    job = submit(store)
    for number in (1, 2, 3):
        claimed = claim(store, worker=f"w{number}")
        assert (claimed.id, claimed.attempt, claimed.worker) == (job.id, number, f"w{number}")
        store.release(job.id, number, "drained", "deploy")
    attempts = store.get(job.id).attempts
    assert [(a.number, a.worker, a.cause) for a in attempts] == [(n, f"w{n}", "drained") for n in (1, 2, 3)]
    assert all(a.ended_at for a in attempts)


def test_a_beat_carries_progress_in_and_the_owners_wish_out(store):
    job = claim(store, worker="w") if submit(store) else None
    assert job
    assert (
        store.beat(job.id, 1, progress=Progress(phase="training", step=7), events=[("note", {"message": "hi"})]) == ""
    )
    assert (store.get(job.id).progress or Progress()).step == 7
    store.pause(job.id)
    assert store.beat(job.id, 1) == "pause"
    store.cancel(job.id)
    assert store.beat(job.id, 1) == "cancel"


def test_a_worker_cannot_append_events_that_are_not_its_own(store):
    submit(store)
    job = claim(store)
    with pytest.raises(ValueError, match="succeeded"):
        store.beat(job.id, 1, events=[("succeeded", {})])


@pytest.mark.parametrize("say", ["beat", "checkpoint", "finish", "release"])
def test_an_older_fence_is_refused_whatever_it_says(store, say):
    job = submit(store)
    claim(store)
    store.release(job.id, 1, "drained")
    claim(store, worker="w2")
    before = store.get(job.id)
    with pytest.raises(LeaseLost):
        if say == "beat":
            store.beat(job.id, 1, progress=Progress(step=99))
        elif say == "checkpoint":
            store.checkpoint(job.id, 1, CheckpointRef(job_id=job.id, attempt=1, step=9), {})
        elif say == "finish":
            store.finish(job.id, 1, State.succeeded, result={})
        else:
            store.release(job.id, 1, "drained")
    assert store.get(job.id) == before


def test_finishing_twice_by_the_same_attempt_is_harmless_and_otherwise_refused(store):
    job = submit(store)
    claim(store)
    store.finish(job.id, 1, State.succeeded, result={"n": 1})
    done = store.finish(job.id, 1, State.succeeded, result={"n": 2})
    assert done.result == {"n": 1}
    with pytest.raises(LeaseLost):
        store.finish(job.id, 1, State.failed, error=JobErrorInfo(code="x", message="y"))
    assert store.get(job.id).state == State.succeeded


def test_a_silent_workers_job_is_taken_back_and_given_to_it_again_if_it_returns_first(store):
    job = submit(store)
    claim(store)
    let_the_lease_run_out(store, job.id)
    assert store.expired() == [(job.id, 1)]
    assert (store.take_back(job.id, 1) or job).state == State.queued
    assert store.beat(job.id, 1) == ""
    back = store.get(job.id)
    assert (back.state, back.attempt, back.attempts[0].cause) == (State.running, 1, None)
    assert store.claim("train", worker="w2", device="cpu") is None


def test_a_silent_worker_that_returns_after_another_claim_is_refused(store):
    job = submit(store)
    claim(store)
    let_the_lease_run_out(store, job.id)
    store.take_back(job.id, 1)
    assert claim(store, worker="w2").attempt == 2
    with pytest.raises(LeaseLost):
        store.finish(job.id, 1, State.succeeded, result={})


def test_a_lease_renewed_just_in_time_is_not_taken_back(store):
    job = submit(store)
    claim(store)
    let_the_lease_run_out(store, job.id)
    found = store.expired()
    store.beat(job.id, 1)
    assert [store.take_back(*pair) for pair in found] == [None]
    assert store.get(job.id).state == State.running


def test_after_a_restart_of_redis_leases_get_one_more_period(store):
    job = submit(store)
    claim(store)
    let_the_lease_run_out(store, job.id)
    store.redis.set(store.keys.server(), "the server before the restart")
    assert store.expired() == []
    assert store.redis.zscore(store.keys.leases(), job.id) > 1


def test_a_spent_budget_fails_the_job_and_says_what_happened(store):
    job = submit(store)
    for _ in range(6):
        attempt = claim(store).attempt
        job = store.release(job.id, attempt, "process_lost", "the trainer was killed by signal 9")
    assert (job.state, job.spent["process_lost"]) == (State.failed, 6)
    assert job.error and job.error.code == "process_lost" and "signal 9" in job.error.message


def test_a_job_that_gets_on_is_never_given_up(store):
    job = submit(store)
    for step in range(1, 12):
        attempt = claim(store).attempt
        store.checkpoint(job.id, attempt, CheckpointRef(job_id=job.id, attempt=attempt, step=step), {})
        job = store.release(job.id, attempt, "worker_lost")
        assert job.state == State.queued


def test_out_of_memory_is_tried_once_more_and_a_users_error_never(store):
    job = submit(store)
    assert store.release(job.id, claim(store).attempt, "out_of_memory").state == State.queued
    assert store.release(job.id, claim(store).attempt, "out_of_memory").state == State.failed
    job = submit(store)
    assert store.release(job.id, claim(store).attempt, "user_error").state == State.failed


def test_a_delayed_job_is_held_back_and_says_why(store):
    job = submit(store)
    claim(store)
    job = store.release(job.id, 1, "infrastructure", "the volume is full", delay_s=60)
    assert (job.state, job.waits_for) == (State.queued, "the volume is full")
    assert store.ready_count("train") == 0
    store.redis.zadd(store.keys.delayed("train"), {job.id: 1})
    assert store.ready_count("train") == 1
    assert claim(store).waits_for == ""


def test_what_the_owner_asked_for_wins_over_a_lost_worker(store):
    for verb, state in (("cancel", State.cancelled), ("pause", State.paused)):
        job = submit(store)
        attempt = claim(store).attempt
        getattr(store, verb)(job.id)
        assert store.release(job.id, attempt, "worker_lost").state == state


def test_pausing_resuming_and_cancelling_a_job_that_waits_happens_at_once(store):
    job = submit(store)
    assert store.pause(job.id).state == State.paused
    assert store.claim("train", worker="w", device="cpu") is None
    assert store.resume(job.id).state == State.queued
    assert store.cancel(job.id).state == State.cancelled
    assert store.cancel(job.id).state == State.cancelled
    for verb in (store.pause, store.resume):
        with pytest.raises(Conflict, match="cancelled"):
            verb(job.id)


def test_a_pause_not_yet_obeyed_can_be_withdrawn(store):
    job = submit(store)
    claim(store)
    store.pause(job.id)
    assert store.resume(job.id).request == ""
    assert store.beat(job.id, 1) == ""


def test_wait_returns_as_soon_as_something_happened(store):
    job = submit(store)
    answers: list[list[str]] = []
    waiter = threading.Thread(
        target=lambda: answers.append([e.type for e in store.wait(job.id, after=job.revision, timeout_s=30)])
    )
    waiter.start()
    claim(store)
    waiter.join(timeout=10)
    assert answers == [["claimed"]]


def test_progress_reaches_those_who_watch_and_does_not_fill_the_history(store):
    submit(store)
    job = claim(store)
    for step in range(300):
        store.beat(job.id, 1, progress=Progress(step=step), events=[("note", {"message": "x"})] if step == 7 else [])
    seen = store.wait(job.id, after=job.revision, timeout_s=5)
    assert [(e.type, e.data.get("step")) for e in seen] == [("note", None), ("progress", 299)]
    assert [e.type for e in store.events(job.id)] == ["submitted", "claimed", "note"]
    assert store.get(job.id).revision == seen[-1].id
    store.finish(job.id, 1, State.succeeded, result={})
    assert not store.redis.exists(store.keys.live(job.id))


def test_wait_gives_up_at_its_timeout(store):
    job = submit(store)
    assert store.wait(job.id, after=job.revision, timeout_s=0.05) == []


def test_lists_page_through_everything_once_newest_first(store):
    ids = [submit(store, owner=f"o{n % 3}").id for n in range(25)]
    seen, cursor = [], None
    while True:
        page = store.list_jobs(limit=10, cursor=cursor)
        seen += [job.id for job in page.jobs]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == sorted(ids) and len(seen) == len(set(seen))
    assert len(store.list_jobs(owner="o1", limit=50).jobs) == 8
    assert store.list_jobs(state="failed").jobs == []


def test_records_that_died_unseen_leave_the_lists_when_somebody_looks(store):
    submitted = [submit(store, owner="ann") for _ in range(5)]
    ids = sorted((job.id for job in submitted), key=lambda i: (store.redis.zscore(store.keys.jobs(), i), i))
    store.redis.delete(store.keys.job(ids[1]), store.keys.job(ids[3]))
    first = store.list_jobs(owner="ann", limit=2)
    assert [job.id for job in first.jobs] == [ids[4], ids[2]]
    assert [job.id for job in store.list_jobs(owner="ann", limit=2, cursor=first.next_cursor).jobs] == [ids[0]]
    assert store.counts("ann")["queued"] == 5, "the index of the state is cleared when that one is read"
    assert len(store.list_jobs(owner="ann", state="queued").jobs) == 3
    assert store.counts("ann")["queued"] == 3


def test_an_ended_job_leaves_nothing_behind_once_its_time_is_over(store):
    job = submit(store)
    claim(store)
    store.finish(job.id, 1, State.failed, error=JobErrorInfo(code="x", message="y"))
    a_day_ms = 86_400_000  # of grace, for when no reaper runs
    assert 0 < store.redis.pttl(store.keys.job(job.id)) <= store.retention_ms + a_day_ms
    assert 0 < store.redis.pttl(store.keys.events(job.id)) <= store.retention_ms + a_day_ms
    store.redis.zadd(store.keys.ended(), {job.id: 1})
    assert store.forget_ended() == 1
    left = {key for key in store.redis.scan_iter(f"{store.keys.prefix}:*") if store.redis.type(key) != "hash"}
    assert left <= {store.keys.activity(), store.keys.schema()}
    with pytest.raises(NotFound):
        store.get(job.id)


def test_the_event_log_is_capped(store):
    store.events_kept = 100
    submit(store)
    job = claim(store)
    for n in range(600):
        store.beat(job.id, 1, events=[("note", {"message": str(n)})])
    assert len(store.events(job.id, limit=1000)) < 300


def test_numbers_that_json_cannot_say_are_refused_before_redis_sees_them(store):
    submit(store)
    job = claim(store)
    with pytest.raises(ValueError):
        store.beat(job.id, 1, events=[("note", {"loss": float("nan")})])


def test_the_literal_fields_of_a_record_are_read(store):
    """The fields of schema 2. Extend it, never change it: it stands for records that lie in someone's Redis."""
    job_id = new_id()
    spec = (
        '{"kind":"generate","recipe":"gpt","params":{"prompt":"x"},"use":"batch","files":["00112233445566778899aabbccddeeff"],'
        '"inputs":{"data":{"dataset_id":"0123456789abcdef0123456789abcdef"},'
        '"model":{"checkpoint":{"job_id":"01m8e3r02jys7s0amcspbvqkvs","attempt":2,"step":30}}},"unknown":1}'
    )
    store.redis.hset(
        store.keys.job(job_id),
        mapping={"spec": spec, "state": "running", "queue": "generate", "attempt": "1", "created_ms": "1790000000000",
                 "attempt:1": '{"number":1,"worker":"w","device":"cpu","started_ms":1790000001000}'},
    )  # fmt: skip
    job = store.get(job_id)
    assert (job.state, job.attempt, job.attempts[0].worker) == (State.running, 1, "w")
    assert (job.use, job.files, job.owner) == ("batch", ["00112233445566778899aabbccddeeff"], "local")
    assert job.source == CheckpointRef(job_id="01m8e3r02jys7s0amcspbvqkvs", attempt=2, step=30)
    assert job.dataset_ids == ["0123456789abcdef0123456789abcdef"]
