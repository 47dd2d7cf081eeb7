"""The checker names every broken invariant: a history in order, then the same with one thing wrong."""

import hashlib
import json
import os
import time

import pytest

from shared.ids import new_id
from tests.faults.checker import History, check
from tests.faults.follower import Follower

P = "checked"


class World:
    """What an installation leaves behind: keys in Redis and files, written by hand."""

    def __init__(self, client, data):
        self.client, self.data, self.history = client, data, History()
        self.job = self.accepted()

    def accepted(self, state="succeeded", attempt=2):
        job = new_id()
        self.history.accepted[job] = {}
        self.record(job, state=state, attempt=attempt)
        for kind, number in (("submitted", 0), ("claimed", 1), ("claimed", 2), (state, 2)):
            self.event(job, kind, number)
        self.client.zadd(f"{P}:jobs", {job: 1})
        self.checkpoint(job, 1, 10)
        self.row(job, 2, resumed_from_step=10)
        self.checkpoint(job, 2, 20)
        self.file(job, "attempt-2/DONE", json.dumps({"state": state}))
        return job

    def record(self, job, **fields):
        self.client.hset(f"{P}:job:{job}", mapping={name: str(value) for name, value in fields.items()})
        self.client.expire(f"{P}:job:{job}", 1000)

    def event(self, job, kind, attempt, id="*", **data):
        self.client.xadd(f"{P}:events:{job}", {"type": kind, "attempt": str(attempt), "data": json.dumps(data)}, id=id)
        self.client.expire(f"{P}:events:{job}", 1000)

    def told(self, job, attempt, step, kind="checkpoint"):
        """An entry of the feed, which goes a minute after the job's end."""
        fields = {"type": kind, "attempt": str(attempt), "data": json.dumps({"step": step})}
        self.client.xadd(f"{P}:feed:{job}", fields)
        self.client.expire(f"{P}:feed:{job}", 60)

    def file(self, job, name, text):
        path = self.data / "jobs" / job / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def checkpoint(self, job, attempt, step):
        self.file(job, f"attempt-{attempt}/checkpoints/{step}/state", f"state of {step}")
        digest = hashlib.sha256(f"state of {step}".encode()).hexdigest()
        manifest = {"files": [{"path": "state", "sha256": digest}]}
        self.file(job, f"attempt-{attempt}/checkpoints/{step}/manifest.json", json.dumps(manifest))

    def row(self, job, attempt, **values):
        self.file(job, f"attempt-{attempt}/series.jsonl", json.dumps(values) + "\n")

    def violations(self):
        return check(self.client, P, self.data, self.history).violations


@pytest.fixture
def world(store, tmp_path):
    yield World(store.redis, tmp_path)
    for key in store.redis.scan_iter(f"{P}:*"):
        store.redis.delete(key)


def test_a_history_in_order_is_not_accused(world):
    assert world.violations() == []


def test_an_outcome_only_the_copied_record_holds_is_one(world):
    (world.data / "jobs" / world.job / "attempt-2" / "DONE").unlink()
    assert [v[:2] for v in world.violations()] == ["I2"]
    world.file(world.job, "record.json", json.dumps({"state": "succeeded"}))
    assert world.violations() == []


def test_a_deleted_job_needs_no_record_and_no_file(world):
    world.history.deleted.add(world.job)
    world.client.delete(f"{P}:job:{world.job}", f"{P}:events:{world.job}")
    assert world.violations() == []


@pytest.mark.parametrize(
    ("numbers", "said"), [([1, 2, 3], []), ([1, 2], ["1 rows"]), ([1, 2, 2, 3], ["1 twice"]), ([1, 3, 2], ["0 twice"])]
)
def test_a_batch_must_hold_every_row_once_and_in_order(world, numbers, said):
    world.history.rows[world.job] = 3
    world.file(world.job, "attempt-2/artifacts/rows.csv", "\ufeffrow,x\n" + "".join(f"{n},a\n" for n in numbers))
    found = world.violations()
    assert len(found) == len(said) and all(part in found[0] for part in said)


def test_a_batch_without_a_file_or_with_what_an_attempt_has_kept_is_accused(world):
    world.history.rows[world.job] = 1
    assert "not there" in world.violations()[0]
    world.file(world.job, "attempt-2/artifacts/rows.csv", "row\n1\n")
    world.file(world.job, "attempt-1/rows/rows.part", "row\n")
    assert [v[:2] for v in world.violations()] == ["I9"]


def lose_the_record(world):
    world.client.delete(f"{P}:job:{world.job}")


def leave_it_running(world):
    world.record(world.job, state="running")


def end_it_twice(world):
    world.event(world.job, "failed", 2)


def publish_two_outcomes(world):
    world.file(world.job, "attempt-1/DONE", json.dumps({"state": "succeeded"}))


def name_a_checkpoint_that_is_not_there(world):
    world.record(world.job, result=json.dumps({"checkpoint": {"job_id": world.job, "attempt": 2, "step": 10}}))


def leave_a_model_of_nothing(world):
    model = world.data / "models" / f"{world.job}.json"
    model.parent.mkdir()
    model.write_text(json.dumps({"checkpoint": {"job_id": world.job, "attempt": 2, "step": 99}}))


def run_a_stranger(world):
    world.file(new_id(), "attempt-1/log.txt", "")


def accept_it_twice(world):
    world.client.zadd(f"{P}:jobs", {new_id(): 2})


def repeat_an_attempt(world):
    world.event(world.job, "claimed", 1)


def change_published_bytes(world):
    world.file(world.job, "attempt-1/checkpoints/10/state", "other bytes")


def change_a_published_sample(world):
    digest = hashlib.sha256(b"a sample").hexdigest()
    manifest = {"files": [{"path": "outputs.json", "sha256": digest}]}
    world.file(world.job, "attempt-1/samples/10/manifest.json", json.dumps(manifest))
    world.file(world.job, "attempt-1/samples/10/outputs.json", "another")


def lose_published_assets(world):
    manifest = {"files": [{"path": "a.json", "sha256": "0"}]}
    world.file(world.job, "assets/abc/manifest.json", json.dumps(manifest))


def leave_a_feed_for_ever(world):
    world.told(world.job, attempt=2, step=20)
    world.client.persist(f"{P}:feed:{world.job}")


def lose_published_bytes(world):
    (world.data / "jobs" / world.job / "attempt-1/checkpoints/10/state").unlink()


def begin_anew(world):
    world.row(world.job, 2, resumed_from_step=0)


def begin_before_a_checkpoint_since_removed(world):
    world.told(world.job, attempt=1, step=15)


def begin_before_a_checkpoint_since_removed_and_forgotten(world):
    world.told(world.job, attempt=1, step=15)
    with Follower(world.client, P, world.history):
        pass
    world.client.delete(f"{P}:feed:{world.job}")


def run_before_what_it_waits_for(world):
    job = world.accepted()
    world.record(job, spec=json.dumps({"after": [world.job]}))
    world.client.delete(f"{P}:events:{job}")
    world.event(job, "claimed", 1, id="5-0")


def run_what_was_deleted(world):
    world.history.deleted.add(world.job)
    world.record(world.job, state="running")


def write_after_a_cancel(world):
    job = world.accepted(state="cancelled")
    world.history.cancelled[job] = time.time() - 100
    os.utime(world.file(job, "attempt-2/late.txt", "late"))


def leave_a_key(world):
    world.client.set(f"{P}:forgotten", "1")


def leave_a_record_for_ever(world):
    world.client.persist(f"{P}:job:{world.job}")


def leave_a_lease(world):
    world.client.zadd(f"{P}:leases", {world.job: 1})


def leave_a_staging_folder(world):
    world.file(world.job, "attempt-2/checkpoints/.tmp-x", "")


BROKEN = {
    lose_the_record: "I1",
    leave_it_running: "I1",
    end_it_twice: "I2",
    publish_two_outcomes: "I2",
    name_a_checkpoint_that_is_not_there: "I2",
    leave_a_model_of_nothing: "I2",
    run_a_stranger: "I2",
    accept_it_twice: "I2",
    repeat_an_attempt: "I3",
    change_published_bytes: "I4",
    lose_published_bytes: "I4",
    begin_anew: "I5",
    begin_before_a_checkpoint_since_removed: "I5",
    begin_before_a_checkpoint_since_removed_and_forgotten: "I5",
    change_a_published_sample: "I4",
    lose_published_assets: "I4",
    leave_a_feed_for_ever: "I8",
    run_before_what_it_waits_for: "I1",
    run_what_was_deleted: "I2",
    write_after_a_cancel: "I7",
    leave_a_key: "I8",
    leave_a_record_for_ever: "I8",
    leave_a_lease: "I8",
    leave_a_staging_folder: "I9",
}


def test_a_follower_reads_each_entry_once_and_goes_on(world):
    job = world.accepted(state="running", attempt=1)
    world.told(job, 1, 5, kind="sample")
    world.told(job, 1, 5)
    follower = Follower(world.client, P, world.history)
    follower.look()
    assert world.history.checkpoints == {job: {(1, 5)}}
    world.history.checkpoints.clear()
    world.told(job, 1, 7)
    world.record(job, state="succeeded")
    follower.look()
    assert world.history.checkpoints == {job: {(1, 7)}}


@pytest.mark.makes_staging
@pytest.mark.parametrize("breaks", BROKEN, ids=lambda function: function.__name__)
def test_a_broken_invariant_is_named(world, breaks):
    breaks(world)
    assert BROKEN[breaks] in {violation[:2] for violation in world.violations()}
