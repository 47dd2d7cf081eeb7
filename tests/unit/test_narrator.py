"""worker/supervision/log_lines.py: what an owner reads in a job's log."""

import pytest

from shared.jobs.job import Progress
from worker.supervision.log_lines import Narrator


@pytest.fixture
def lines():
    return []


@pytest.fixture
def narrator(lines):
    return Narrator(lines.append)


def progress(phase: str, step: int = 0, **more):
    return {"ev": "progress", **Progress(phase=phase, step=step, total_steps=1000, **more).model_dump(mode="json")}


def test_a_training_is_told_by_phases_and_every_ten_seconds_by_steps(narrator, lines):
    narrator.take(progress("loading"), 0)
    narrator.take(progress("training", 10), 1)
    narrator.take(progress("training", 90), 9)
    narrator.take(progress("training", 200, metrics={"loss": 1.92345}, steps_per_s=88.11), 11)
    assert lines == [
        "loading",
        "training: step 10 of 1000",
        "training: step 200 of 1000, loss 1.923, 88.1 steps/s",
    ]


def test_checkpoints_and_notes_are_told_at_once_and_outputs_not_at_all(narrator, lines):
    narrator.take({"ev": "checkpoint", "step": 60, "data": {"bytes": 123456, "metrics": {}}}, 0)
    narrator.take({"ev": "event", "type": "note", "data": {"level": "warning", "message": "3 rows dropped"}}, 0)
    narrator.take({"ev": "event", "type": "output", "data": {"index": 0, "text": "not for the log"}}, 0)
    assert lines == ["checkpoint at step 60, 123,456 bytes", "warning: 3 rows dropped"]
