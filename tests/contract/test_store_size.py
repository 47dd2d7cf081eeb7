"""How a job's history is told, and how little of a job stays in Redis whatever it has made. A real server."""

import pytest

from shared.ids import new_id
from shared.jobs.job import DATA, START_FROM, CheckpointRef, InputRef, JobErrorInfo, Progress, State
from shared.jobs.store import JobStore
from shared.recipes import get_recipe
from tests.contract.test_store import claim, submit

MOST_BYTES = 4_096  # of memory, of all keys of a job
GPU = "GPU-01234567-89ab-cdef-0123-456789abcdef"


def memory_of(store: JobStore, job_id: str) -> int:
    """Bytes of every key that is a job's own and stays: the feed goes by itself."""
    keys = [key for key in store.redis.scan_iter(f"{store.keys.prefix}:*{job_id}*") if key != store.keys.feed(job_id)]
    return sum(store.redis.memory_usage(key, samples=0) or 0 for key in keys)  # type: ignore[misc]


@pytest.fixture
def whole_job(store):
    """A training with all its params, two inputs and a name; claimed on a GPU."""
    params = get_recipe("gpt").train_params.model_validate({}).model_dump(mode="json")
    start_from = InputRef(checkpoint=CheckpointRef(job_id=new_id(), attempt=1, step=100))
    inputs = {DATA: InputRef(dataset_id="a" * 32), START_FROM: start_from}
    job = submit(store, params=params, inputs=inputs, owner="ann", name="a training with a name")
    assert memory_of(store, job.id) < MOST_BYTES * 3 / 4, "queued"
    return store.claim("train", worker="machine-12345-abcd", device=GPU)


def make_much(store, job):
    """What a training without measure would say: samples, outputs, notes and metrics by the thousand."""
    for step in range(1, 201):
        metrics = {f"val_metric_{n}": step / 7 + n for n in range(500)}
        said = [
            ("sample", {"step": step, "title": "t", "text": "床前明月光" * 40}),
            ("output", {"index": 0, "text": "y" * 500}),
            ("note", {"level": "warning", "message": "w" * 300}),
        ]
        store.beat(job.id, 1, progress=Progress(step=step, total_steps=200, metrics=metrics), events=said)
        ref = CheckpointRef(job_id=job.id, attempt=1, step=step)
        store.checkpoint(job.id, 1, ref, {"metrics": metrics, "bytes": 10**9})


def test_an_ended_job_takes_less_than_4_kb_whatever_it_has_made(store, whole_job):
    make_much(store, whole_job)
    assert len(store.get(whole_job.id).progress.metrics) == 50
    result = {
        "headline": "明" * 120, "outputs": 1_000, "metrics": {f"val_metric_{n}": n / 7 for n in range(500)}, "artifacts": 9,
        "model_id": whole_job.id, "checkpoint": CheckpointRef(job_id=whole_job.id, attempt=1, step=200).model_dump(),
        "steps": 200, "total_steps": 200, "stopped_early": False, "best_step": 100, "best_value": 1 / 3,
        "steps_per_s": 123.456, "device_s": 12.345, "texts": ["z" * 100_000],
        "cost": {"device": GPU, "attempt_s": 12.345, "total_s": 12.345},
    }  # fmt: skip
    done = store.finish(whole_job.id, 1, State.succeeded, result=result)
    used = memory_of(store, whole_job.id)
    print(f"an ended training of much: {used} bytes")
    assert used < MOST_BYTES
    assert done.result["omitted"] == ["texts", "metrics"] and len(done.result["metrics"]) >= 8
    assert done.result["headline"].startswith("明明") and done.result["headline"].endswith("…")
    large = {"metrics", "texts", "omitted", "headline"}
    assert {n: v for n, v in done.result.items() if n not in large} == {
        n: v for n, v in result.items() if n not in large
    }
    assert (done.progress.step, done.progress.metrics) == (200, {})
    assert store.events(whole_job.id, limit=5_000)[-1].data == {"headline": done.result["headline"]}


def test_a_failed_job_takes_less_than_4_kb_whatever_it_says(store, whole_job):
    make_much(store, whole_job)
    done = store.finish(whole_job.id, 1, State.failed, error=JobErrorInfo(code="x", message="错误" * 10_000, step=3))
    assert memory_of(store, whole_job.id) < MOST_BYTES
    assert done.error.message.startswith("错误错误") and done.error.message.endswith("…") and done.error.step == 3


def test_a_job_given_back_with_a_long_message_stays_small(store, whole_job):
    job = store.release(whole_job.id, 1, "infrastructure", "坏" * 10_000, delay_s=5)
    assert memory_of(store, whole_job.id) < MOST_BYTES and job.waits_for.startswith("坏坏")


def test_a_usual_job_that_did_not_get_to_its_end_still_says_how_far_it_came(store):
    submit(store)
    job = claim(store)
    progress = Progress(phase="training", step=7, total_steps=10, metrics={"loss": 0.5, "val_loss": 0.6})
    store.beat(job.id, 1, progress=progress)
    assert store.finish(job.id, 1, State.cancelled).progress == progress


def test_a_usual_job_keeps_all_it_has_said(store):
    submit(store)
    job = claim(store)
    store.beat(job.id, 1, events=[("note", {"message": "3 duplicates dropped"})])
    result = {"headline": "loss 0.5", "metrics": {"val_loss": 0.123456789012345, "val_accuracy": 0.5}, "outputs": 2}
    assert store.finish(job.id, 1, State.succeeded, result=result).result == result
    events = store.events(job.id)
    assert [e.type for e in events] == ["submitted", "claimed", "note", "succeeded"]
    print(f"a usual ended job: {memory_of(store, job.id)} bytes")


def test_what_is_on_the_volume_too_is_told_in_order_with_the_rest_and_forgotten_a_minute_after_the_end(store):
    submit(store)
    job = claim(store)
    store.beat(job.id, 1, events=[("note", {"message": "a"}), ("sample", {"step": 1, "title": "b"})])
    store.checkpoint(job.id, 1, CheckpointRef(job_id=job.id, attempt=1, step=1), {})
    store.beat(job.id, 1, events=[("note", {"message": "c"}), ("output", {"index": 0, "text": "d"})])
    assert store.redis.ttl(store.keys.feed(job.id)) == -1, "as long as it runs"
    store.finish(job.id, 1, State.succeeded, result={})
    told = ["submitted", "claimed", "note", "sample", "checkpoint", "note", "output", "succeeded"]
    found = store.events(job.id)
    assert [e.type for e in found] == told
    pages, after = [], "0"
    while page := store.events(job.id, after=after, limit=3):
        pages += page
        after = page[-1].id
    assert pages == found, "pages of three give the same"
    assert store.get(job.id).revision == found[-1].id
    assert 0 < store.redis.pttl(store.keys.feed(job.id)) <= 60_000
    store.redis.delete(store.keys.feed(job.id))  # the minute is over
    assert [e.type for e in store.events(job.id)] == ["submitted", "claimed", "note", "note", "succeeded"]


def test_a_reader_who_waits_misses_nothing_where_one_stream_has_more_than_is_read_at_once(store):
    submit(store)
    job = claim(store)
    for n in range(450):
        events = [("output", {"index": 0, "text": str(n)})] + ([("note", {"message": ""})] if n % 150 == 149 else [])
        store.beat(job.id, 1, events=events, progress=Progress(step=n))
    seen, after = [], job.revision
    while found := store.wait(job.id, after=after, timeout_s=0.05):
        seen += found
        after = found[-1].id
    assert [e.data["text"] for e in seen if e.type == "output"] == [str(n) for n in range(450)]
    assert [e.type for e in seen].count("note") == 3
    assert [e.data["step"] for e in seen if e.type == "progress"] == [449]
    places = [tuple(map(int, e.id.split("-"))) for e in seen]
    assert places == sorted(set(places))


def test_the_feed_of_a_job_is_capped_and_goes_with_it(store):
    store.events_kept = 100
    submit(store)
    job = claim(store)
    for n in range(600):
        store.beat(job.id, 1, events=[("output", {"index": 0, "text": str(n)})])
    assert store.redis.xlen(store.keys.feed(job.id)) <= 200
    assert [e.type for e in store.events(job.id, limit=2)] == ["submitted", "claimed"], (
        "what it says pushes no history out"
    )
    store.finish(job.id, 1, State.cancelled)
    store.delete(job.id)
    assert not store.redis.exists(store.keys.feed(job.id))


def test_a_record_put_back_is_as_small_as_one_that_never_was_lost(store, whole_job):
    store.finish(whole_job.id, 1, State.succeeded, result={"headline": "x"})
    job = store.get(whole_job.id)
    before = store.redis.hgetall(store.keys.job(job.id))
    store.redis.delete(store.keys.job(job.id), store.keys.events(job.id))
    assert store.recover(job, [("submitted", job.created_at, 0, {})], dies_at=job.finished_at) == ("recovered", [])
    after = store.redis.hgetall(store.keys.job(job.id))
    assert after.keys() <= before.keys()


def many_attempts(store, job, count):
    """A job given back again and again with long words, as by machines that are switched off every few minutes."""
    for n in range(1, count):
        store.release(job.id, n, "drained", "坏" * 10_000)
        assert store.claim("train", worker="machine-12345-abcd", device=GPU).attempt == n + 1


def test_of_hundreds_of_attempts_the_first_and_the_newest_stay(store):
    submit(store)
    job = claim(store)
    for n in range(1, 300):
        store.release(job.id, n, "drained")
        claim(store)
    found = store.get(job.id)
    assert [a.number for a in found.attempts] == [1, 296, 297, 298, 299, 300]
    claims = [e.attempt for e in store.events(job.id, limit=5_000) if e.type == "claimed"]
    assert claims == [1, 296, 297, 298, 299, 300]
    back = store.release(job.id, 300, "drained")
    assert memory_of(store, job.id) < MOST_BYTES, "queued"
    assert (back.attempt, back.revision) == (300, store.events(job.id)[-1].id)
    done = store.finish(job.id, claim(store).attempt, State.succeeded, result={"headline": "x"})
    assert memory_of(store, job.id) < MOST_BYTES, "ended"
    assert [a.number for a in done.attempts] == [1, 297, 298, 299, 300, 301]


def test_what_the_attempts_cost_that_are_no_longer_listed_is_not_forgotten(store):
    submit(store)
    job = claim(store)
    for n in range(1, 12):
        store.redis.hset(
            store.keys.job(job.id),
            f"attempt:{n}",
            store.redis.hget(store.keys.job(job.id), f"attempt:{n}").replace('"started_ms":1', '"started_ms":0'),
        )
        store.release(job.id, n, "drained")
        claim(store)
    found = store.get(job.id)
    listed = sum((a.ended_at - a.started_at).total_seconds() for a in found.attempts if a.ended_at)
    assert found.forgotten_s == pytest.approx(listed / 5 * 6, rel=0.01)


def test_a_large_record_keeps_fewer_of_many_attempts_and_all_notes(store, whole_job):
    make_much(store, whole_job)
    noted = [e for e in store.events(whole_job.id) if e.type == "note"]
    many_attempts(store, whole_job, 30)
    back = store.release(whole_job.id, 30, "drained", "坏" * 10_000)
    assert memory_of(store, whole_job.id) < MOST_BYTES, "queued"
    assert back.attempts[-1].number == 30
    assert noted[0].id in [e.id for e in store.events(whole_job.id) if e.type == "note"]
    job = store.claim("train", worker="machine-12345-abcd", device=GPU)
    store.finish(job.id, 31, State.failed, error=JobErrorInfo(code="x", message="错误" * 10_000, step=3))
    assert memory_of(store, job.id) < MOST_BYTES, "ended"
    assert store.get(job.id).attempts[-1].outcome == "failed"
