"""A process that dies by a fault of its own: twice at the same place is enough, and the message says all that is known."""

import os
import sys
from pathlib import Path

import pytest

from shared.jobs.job import InputRef, JobRequest, State
from tests.integration.stack import Stack
from tests.support import crashing
from worker.supervision.drain import DrainPipe
from worker.supervision.presence import Status
from worker.supervision.spare import Crew
from worker.supervision.supervisor import Supervisor
from worker.supervision.wakeups import WakeUps

LINE = crashing.here.__code__.co_firstlineno + 1


@pytest.fixture
def stack(settings, tmp_path, store):
    stack = Stack(settings, tmp_path)
    yield stack
    stack.close()


@pytest.fixture
def supervisor(stack, tmp_path, monkeypatch):
    stand_in = tmp_path / "python"
    stand_in.write_text(f"#!/bin/sh\nexec {sys.executable} -S -E {Path(crashing.__file__)}\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stand_in))  # what worker/supervision/child.py starts
    drain = DrainPipe()
    read_fd, write_fd = os.pipe()
    made = Supervisor(
        stack.settings, stack.store, stack.volume, Crew({}, keep_spare=False), worker="w1", device="cpu", drain_fd=drain.fd,
        wakeups=WakeUps(stack.celery, stack.settings), status=Status(write_fd),
    )  # fmt: skip
    yield made
    made.close()
    drain.close()
    os.close(read_fd)
    os.close(write_fd)


def submit(stack: Stack, dies: list[str], *, dataset: str = "d1", owner: str = "ann", **params):
    return stack.store.submit(
        JobRequest(
            kind="train",
            recipe="gpt",
            owner=owner,
            inputs={"data": InputRef(dataset_id=dataset)},
            params={"dies": dies} | params,
        )
    )[0]


def test_a_job_that_dies_twice_at_the_same_place_fails_and_says_what_is_known(stack, supervisor):
    for width in (16, 64):
        submit(stack, [""], width=width, optimizer="adam", seed=1)
        supervisor.run_one("train")
    submit(stack, [""], width=4, owner="bob")  # another owner's job is nobody else's to hear of
    supervisor.run_one("train")
    job = submit(stack, ["here", "here", "here"], width=4, optimizer="adam", seed=1)
    supervisor.run_one("train")
    first = stack.store.get(job.id)
    assert (first.state, first.attempts[0].cause) == (State.queued, "process_lost")
    supervisor.run_one("train")
    failed = stack.store.get(job.id)
    assert (failed.state, failed.attempt, failed.error.code, failed.error.step) == (State.failed, 2, "process_died", 13)
    assert "died twice at the same place and is not tried again" in failed.error.message
    assert f"SIGSEGV at tests/support/crashing.py:{LINE} (here), step 13 of training" in failed.error.message
    assert failed.error.message.endswith("it differs by width 4 (they: 16 to 64)")
    log = (stack.volume.attempt_dir(job.id, 2) / "log.txt").read_text()
    assert "Fatal Python error: Segmentation fault" in log
    assert "in main" in log


@pytest.mark.parametrize(
    "how",
    [
        {"dies": ["here", "there"]},  # another place
        {"dies": ["here", "here"], "checkpoint": True},  # it got on in between
        {"dies": ["killed", "killed"]},  # from outside
    ],
)
def test_a_job_that_may_get_on_is_tried_again(stack, supervisor, how):
    job = submit(stack, **how)
    supervisor.run_one("train")
    supervisor.run_one("train")
    tried = stack.store.get(job.id)
    assert (tried.state, [attempt.cause for attempt in tried.attempts]) == (State.queued, ["process_lost"] * 2)


def test_without_jobs_that_worked_that_is_said_and_a_dataset_of_its_own_counts_as_a_difference(stack, supervisor):
    job = submit(stack, ["here", "here"])
    for _ in range(2):
        supervisor.run_one("train")
    assert "there is none to compare it with" in stack.store.get(job.id).error.message
    submit(stack, [""], dataset="d1")
    supervisor.run_one("train")
    job = submit(stack, ["here", "here"], dataset="d2")
    for _ in range(2):
        supervisor.run_one("train")
    assert "its dataset (none of theirs)" in stack.store.get(job.id).error.message
