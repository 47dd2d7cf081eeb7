"""The supervisor at its edges: what an earlier attempt, or an earlier child, has left. No TensorFlow is started."""

import os
import select
import subprocess
import sys

import pytest

from shared.errors import LeaseLost
from shared.jobs.job import JobErrorInfo, JobRequest, State
from tests.integration.stack import ROOT, Stack, children
from worker.supervision.attempt import Ending
from worker.supervision.drain import DrainPipe
from worker.supervision.presence import Status
from worker.supervision.settle import Settlement
from worker.supervision.spare import Crew
from worker.supervision.supervisor import Supervisor
from worker.supervision.volume_check import VolumeCheck
from worker.supervision.wakeups import WakeUps


@pytest.fixture
def stack(settings, tmp_path, store):
    stack = Stack(settings, tmp_path)
    yield stack
    stack.close()


@pytest.fixture
def drain():
    pipe = DrainPipe()
    yield pipe
    pipe.close()


@pytest.fixture
def supervisor(stack, drain):
    read_fd, write_fd = os.pipe()
    made = Supervisor(
        stack.settings,
        stack.store,
        stack.volume,
        Crew({}, keep_spare=False),
        worker="w1",
        device="cpu",
        drain_fd=drain.fd,
        wakeups=WakeUps(stack.celery, stack.settings),
        status=Status(write_fd),
    )
    yield made
    made.close()
    os.close(read_fd)
    os.close(write_fd)


def submit(stack: Stack):
    return stack.store.submit(JobRequest(kind="train", recipe="gpt", params={}))[0]


def test_an_outcome_that_did_not_reach_the_store_ends_the_job_at_the_next_claim_without_another_run(stack, supervisor):
    job = submit(stack)
    stack.store.claim("train", worker="w0", device="cpu")
    stack.volume.start_attempt(job.id, 1)
    stack.volume.write_done(job.id, 1, state=State.succeeded, result={"loss": 1.5})
    stack.store.release(job.id, 1, "worker_lost")
    supervisor.run_one("train")
    done = stack.store.get(job.id)
    assert (done.state, done.result, done.attempt) == (State.succeeded, {"loss": 1.5}, 2)
    assert stack.volume.attempts(job.id) == [1]


def test_a_failure_left_on_the_volume_is_told_with_its_error(stack, supervisor):
    job = submit(stack)
    stack.store.claim("train", worker="w0", device="cpu")
    stack.volume.start_attempt(job.id, 1)
    error = JobErrorInfo(code="non_finite_loss", message="the loss is NaN", step=7)
    stack.volume.write_done(job.id, 1, state=State.failed, error=error)
    stack.store.release(job.id, 1, "worker_lost")
    supervisor.run_one("train")
    assert stack.store.get(job.id).error == error


def test_an_attempt_whose_folder_exists_is_not_run_and_the_job_goes_on_with_the_next_number(stack, supervisor):
    job = submit(stack)
    stack.volume.start_attempt(job.id, 1)  # by a worker whose claim Redis has forgotten
    supervisor.run_one("train")
    back = stack.store.get(job.id)
    assert (back.state, back.attempt, back.attempts[0].cause) == (State.queued, 1, "infrastructure")
    assert "has a folder already" in back.attempts[0].message


def test_a_new_supervisor_gives_back_what_its_dead_predecessor_held_and_only_that(stack, supervisor):
    mine, other = submit(stack), submit(stack)
    stack.store.claim("train", worker="w1", device="cpu")
    stack.store.claim("train", worker="w2", device="cpu")
    supervisor.start()
    assert stack.store.get(mine.id).attempts[0].cause == "worker_lost"
    assert stack.store.get(mine.id).state == State.queued
    assert stack.store.get(other.id).state == State.running


def test_a_worker_that_is_leaving_claims_nothing(stack, supervisor, drain):
    job = submit(stack)
    drain.drain()
    assert supervisor.run_one("train") is None
    assert stack.store.get(job.id).state == State.queued


def test_while_the_volume_takes_no_writes_no_job_is_claimed(stack, supervisor):
    job = submit(stack)
    away = stack.volume.root.with_name("away")
    stack.volume.root.rename(away)
    stack.volume.root.write_text("a file where the volume should be")
    assert supervisor.run_one("train") is None
    assert stack.store.get(job.id).attempt == 0
    stack.volume.root.unlink()
    away.rename(stack.volume.root)


@pytest.fixture
def settlement(stack, drain):
    check = VolumeCheck(stack.volume, "w1")
    return Settlement(
        stack.store, stack.volume, check, WakeUps(stack.celery, stack.settings), drain_fd=drain.fd, patience_s=1
    )


@pytest.fixture
def claimed(stack):
    submit(stack)
    job = stack.store.claim("train", worker="w1", device="cpu")
    stack.volume.start_attempt(job.id, 1)
    return job


def test_a_pause_withdrawn_while_the_process_was_stopping_puts_the_job_back_into_the_queue(stack, settlement, claimed):
    stack.store.pause(claimed.id)
    stack.store.resume(claimed.id)
    settlement.settle(claimed, Ending("interrupted", reason="pause"), {})
    assert (stack.store.get(claimed.id).state, stack.store.get(claimed.id).spent) == (State.queued, {})


def test_a_pause_still_wanted_pauses(stack, settlement, claimed):
    stack.store.pause(claimed.id)
    settlement.settle(claimed, Ending("interrupted", reason="pause"), {})
    assert stack.store.get(claimed.id).state == State.paused


def test_a_fault_that_repeats_waits_longer_each_time_before_the_job_is_tried_again(stack, settlement, claimed):
    lost = Ending("failed", code="process_died", message="ended by SIGSEGV", cause="process_lost")
    settlement.settle(claimed, lost, {})
    assert stack.store.ready_count("train") == 1
    again = stack.store.claim("train", worker="w1", device="cpu")
    settlement.settle(again, lost, {})
    assert stack.store.ready_count("train") == 0
    assert stack.store.get(claimed.id).state == State.queued
    assert "SIGSEGV" in stack.store.get(claimed.id).waits_for


def test_a_full_volume_is_waited_for_all_night(stack, settlement, claimed):
    for _ in range(100):
        job = stack.store.get(claimed.id)
        settlement.settle(job, Ending("failed", code="volume_full", message="no space", cause="volume_full"), {})
        waiting = stack.store.get(claimed.id)
        assert waiting.state == State.queued and "no space" in waiting.waits_for
        stack.store.redis.zadd(stack.store.keys.delayed("train"), {claimed.id: 1})
        claimed = stack.store.claim("train", worker="w1", device="cpu")
    assert claimed.attempt == 101 and claimed.spent == {"volume_full": 100}


def test_a_spent_budget_fails_the_job_with_the_code_of_what_happened(stack, settlement, claimed):
    full = Ending("failed", code="out_of_memory", message="not enough memory", cause="out_of_memory")
    settlement.settle(claimed, full, {})
    again = stack.store.claim("train", worker="w1", device="cpu")
    settlement.settle(again, full, {})
    failed = stack.store.get(claimed.id)
    assert (failed.state, failed.error.code) == (State.failed, "out_of_memory")


def test_the_outcome_is_on_the_volume_before_the_store_is_told_and_survives_a_refusal(stack, settlement, claimed):
    stack.store.release(claimed.id, 1, "worker_lost")
    stack.store.claim("train", worker="w2", device="cpu")
    with pytest.raises(LeaseLost):
        settlement.settle(claimed, Ending("done", result={"loss": 1.0}), {"attempt_s": 1})
    assert stack.store.get(claimed.id).state == State.running
    assert stack.volume.find_done(claimed.id).result == {"loss": 1.0, "cost": {"attempt_s": 1}}


def test_the_drain_pipe_stays_readable_however_often_it_is_said_and_read():
    pipe = DrainPipe()
    assert not select.select([pipe.fd], [], [], 0)[0]
    pipe.drain()
    pipe.drain()
    for _ in range(3):
        assert select.select([pipe.fd], [], [], 0)[0]
    pipe.close()


def test_more_than_one_child_per_worker_is_refused_with_what_to_do_instead(stack):
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "-c", "2"]
    run = subprocess.run(command, cwd=ROOT, env=stack.env, capture_output=True, text=True, timeout=60)
    assert run.returncode != 0
    assert "-c 1, and start more workers" in run.stderr


def test_started_by_celerys_own_command_it_serves_the_queues_asked_for_and_never_loads_tensorflow(stack):
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "worker.app",
        "worker",
        "-P",
        "prefork",
        "-c",
        "1",
        "-Q",
        "generate",
    ]
    worker = stack.run(command, spare="false")
    stack.until(lambda: [w for w in stack.store.presence.workers() if w.state == "idle"], 30)
    info = stack.store.presence.workers()[0]
    assert (info.pid, info.queues, info.device) == (worker.pid, ["generate"], "cpu")
    for pid in (worker.pid, *children(worker.pid)):
        with open(f"/proc/{pid}/maps") as maps:
            assert "tensorflow" not in maps.read()
    worker.terminate()
    assert worker.wait(20) == 0
    assert stack.store.presence.workers() == []
