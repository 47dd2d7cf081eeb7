"""A real Celery worker on a real server trains a real, tiny model; then it is killed, drained, cancelled."""

import io
import os
import signal

import pytest

from shared.datasets import Limits, delete_dataset, import_dataset
from shared.jobs.job import DATA, MODEL, CheckpointRef, InputRef, State
from shared.jobs.models import get_model
from shared.jobs.pins import jobs_that_need, pins
from shared.volume.readback import artifacts, log, outputs, series
from tests.integration.stack import Stack, children, is_alive
from tests.support.tiny_pictures import idx_files

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def stack(settings, tmp_path, store):
    stack = Stack(settings, tmp_path, checkpoint_interval_s=0.5, stop_grace_s=10)
    yield stack
    stack.close()


@pytest.fixture
def pictures(stack):
    files = [(name, io.BytesIO(content)) for name, content in idx_files()]
    return import_dataset(stack.volume, Limits(), files, name="bands", owner="ann").id


# Killed while it writes a checkpoint, a process leaves its staging folder, which the reaper's sweep removes later.
killed_while_it_may_write = pytest.mark.makes_staging


def train(stack: Stack, dataset: str, epochs: int):
    """About 7 steps an epoch, some hundred steps a second."""
    params = {"epochs": epochs, "batch_size": 8, "width": 4, "seed": 1}
    inputs = {DATA: InputRef(dataset_id=dataset)}
    return stack.submit(kind="train", recipe="image_classifier", params=params, inputs=inputs, owner="ann")


def checkpoint_of(stack: Stack, job) -> CheckpointRef:
    stack.until(lambda: stack.store.get(job.id).checkpoint is not None, 60)
    checkpoint = stack.store.get(job.id).checkpoint
    assert checkpoint is not None
    return checkpoint


def test_a_submitted_training_runs_to_its_end_and_its_model_generates(stack, pictures):
    stack.start_worker()
    job = train(stack, pictures, epochs=3)
    stack.until(lambda: stack.store.get(job.id).state.terminal, 90)
    done = stack.store.get(job.id)
    assert done.state == State.succeeded, stack.logs()
    assert done.result["steps"] == done.result["total_steps"] > 0
    assert done.result["cost"]["device"] == "cpu"
    assert series(stack.volume, job.id)[-1]["step"] == done.result["steps"]
    assert artifacts(stack.volume, job.id) and outputs(stack.volume, job.id)
    assert not jobs_that_need(stack.volume, pictures)
    assert get_model(stack.volume, job.id).checkpoint == CheckpointRef(**done.result["checkpoint"])
    assert "TRAINYARD" not in log(stack.volume, job.id, 1).text
    types = [e.type for e in stack.store.events(job.id)]
    assert types[:2] == ["submitted", "claimed"] and types[-1] == "succeeded" and "checkpoint" in types

    inputs = {MODEL: InputRef(checkpoint=done.result["checkpoint"]), DATA: InputRef(dataset_id=pictures)}
    request = {
        "kind": "generate",
        "use": "batch",
        "recipe": "image_classifier",
        "params": {"part": "test"},
        "inputs": inputs,
    }
    first, second = stack.submit(**request), None
    stack.until(lambda: stack.store.get(first.id).state.terminal, 60)
    stack.until(lambda: not pins(stack.volume.job_dir(job.id)), 10)
    assert stack.store.get(first.id).state == State.succeeded, stack.logs()
    second = stack.submit(**request)
    stack.until(lambda: stack.store.get(second.id).state.terminal, 60)
    shown = outputs(stack.volume, first.id)
    assert shown and outputs(stack.volume, second.id) == shown
    assert stack.store.get(second.id).result["outputs"] == len(shown)
    stack.until(lambda: len(stack.store.presence.workers()[0].warm) == 1, 10)


@killed_while_it_may_write
def test_a_killed_trainer_is_replaced_within_seconds_and_goes_on_from_its_checkpoint(stack, pictures):
    worker = stack.start_worker()
    job = train(stack, pictures, epochs=60)
    step = checkpoint_of(stack, job).step
    supervisor = children(worker.pid)[0]
    os.kill(children(supervisor)[0], signal.SIGKILL)
    stack.until(lambda: stack.store.get(job.id).attempt == 2, 5)
    stack.until_state(job, State.succeeded, 120)
    done = stack.store.get(job.id)
    assert [a.cause for a in done.attempts] == ["process_lost", None]
    steps = [row["step"] for row in series(stack.volume, job.id)]
    assert steps == sorted(set(steps)) and steps[-1] == done.result["total_steps"]
    notes = [e.data["message"] for e in stack.store.events(job.id, limit=2000) if e.type == "note"]
    assert any("going on from step" in note and int(note.split()[4].strip(",")) >= step for note in notes), notes


@killed_while_it_may_write
def test_a_killed_supervisor_takes_its_trainer_along_and_the_job_is_back_within_seconds(stack, pictures):
    worker = stack.start_worker()
    job = train(stack, pictures, epochs=5000)
    checkpoint_of(stack, job)
    supervisor = children(worker.pid)[0]
    processes = children(supervisor)
    os.kill(supervisor, signal.SIGKILL)
    stack.until(lambda: not any(is_alive(pid) for pid in processes), 3)
    stack.until(lambda: stack.store.get(job.id).attempt == 2, 8)
    assert stack.store.get(job.id).attempts[0].cause == "worker_lost"
    stack.store.cancel(job.id)
    stack.until_state(job, State.cancelled, 15)


@killed_while_it_may_write
def test_a_killed_worker_leaves_no_process_and_the_reaper_gives_its_job_to_another(stack, pictures):
    stack.start("worker.upkeep.reaper")
    worker = stack.start_worker()
    job = train(stack, pictures, epochs=5000)
    checkpoint_of(stack, job)
    supervisor = children(worker.pid)[0]
    processes = [supervisor, *children(supervisor)]
    worker.kill()
    worker.wait()
    stack.until(lambda: not any(is_alive(pid) for pid in processes), 3)
    stack.start_worker(spare_ready=False)
    stack.until(lambda: stack.store.get(job.id).attempt == 2, stack.settings.lease_s + 5)
    stack.store.cancel(job.id)
    stack.until_state(job, State.cancelled, 15)


def test_a_worker_told_to_leave_saves_a_checkpoint_and_another_goes_on_from_there(stack, pictures):
    worker = stack.start_worker()
    job = train(stack, pictures, epochs=60)
    checkpoint_of(stack, job)
    worker.send_signal(signal.SIGTERM)
    stack.until_state(job, State.queued, stack.settings.stop_grace_s)
    assert worker.wait(20) == 0
    first = stack.store.get(job.id).attempts[0]
    assert (first.cause, stack.store.get(job.id).spent) == ("drained", {})
    left_at = stack.volume.newest_checkpoint(job.id).ref.step
    stack.start_worker(spare_ready=False)
    stack.until_state(job, State.succeeded, 120)
    resumed = [e.data["message"] for e in stack.store.events(job.id, limit=2000) if e.type == "note"]
    assert any(f"going on from step {left_at}," in message for message in resumed), resumed


def test_a_cancelled_training_is_gone_within_ten_seconds_and_writes_nothing_more(stack, pictures):
    worker = stack.start_worker()
    job = train(stack, pictures, epochs=10_000)
    checkpoint_of(stack, job)
    trainer = children(children(worker.pid)[0])[0]
    stack.store.cancel(job.id)
    assert stack.until_state(job, State.cancelled, 10) < 10
    stack.until(lambda: not is_alive(trainer), 2)
    files = {p: p.stat().st_mtime_ns for p in stack.volume.job_dir(job.id).rglob("*")}
    stack.until(lambda: stack.store.presence.workers()[0].state == "idle", 10)
    stack.until(lambda: stack.store.presence.workers()[0].spare_ready, 60)  # long enough for anything left to write
    assert files == {p: p.stat().st_mtime_ns for p in stack.volume.job_dir(job.id).rglob("*")}
    assert not [p for p in files if p.name.startswith(".tmp-")]


def test_a_paused_training_frees_its_worker_and_goes_on_where_it_stopped(stack, pictures):
    stack.start_worker()
    job = train(stack, pictures, epochs=60)
    checkpoint_of(stack, job)
    stack.store.pause(job.id)
    stack.until_state(job, State.paused, 15)
    stack.until(lambda: stack.store.presence.workers()[0].state == "idle", 10)
    stack.store.resume(job.id)
    stack.wake("train")
    stack.until_state(job, State.succeeded, 120)
    assert stack.store.get(job.id).spent == {}


def test_a_dataset_deleted_between_submit_and_start_is_named(stack, pictures):
    job = train(stack, pictures, epochs=2)
    delete_dataset(stack.volume, pictures)
    stack.start_worker(spare_ready=False)
    stack.until_state(job, State.failed, 90)
    error = stack.store.get(job.id).error
    assert error.code == "input_missing" and pictures in error.message


@killed_while_it_may_write
def test_a_trainer_that_hangs_is_ended_and_the_job_goes_on(stack, pictures):
    worker = stack.start_worker(hang_floor_s=12)
    job = train(stack, pictures, epochs=60)
    checkpoint_of(stack, job)
    os.kill(children(children(worker.pid)[0])[0], signal.SIGSTOP)
    stack.until(lambda: stack.store.get(job.id).attempt == 2, 30)
    assert "nothing new for" in stack.store.get(job.id).attempts[0].message
    stack.until_state(job, State.succeeded, 120)
