"""worker/supervision/failure.py: what ended an attempt, in the words of its record."""

import errno
import logging

import pytest

from shared.errors import DatasetInvalid, InputMissing, NonFiniteLoss
from shared.jobs.job import Progress
from worker.supervision.crash import place_of
from worker.supervision.failure import describe_death, describe_failure, oom_kills


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's is: it is told by its name, so that nothing here imports TensorFlow."""


@pytest.mark.parametrize(
    ("err", "code", "cause", "said"),
    [
        (ValueError("bad shape\nlong story"), "recipe_failed", "user_error", "ValueError: bad shape"),
        (KeyError(), "recipe_failed", "user_error", "KeyError"),
        (MemoryError(), "out_of_memory", "out_of_memory", "batch_size"),
        (ResourceExhaustedError("OOM when allocating tensor"), "out_of_memory", "out_of_memory", "OOM when allocating"),
        (OSError(errno.ENOSPC, "No space left on device"), "volume_full", "volume_full", "No space left"),
        (OSError(errno.ENOENT, "No such file"), "recipe_failed", "user_error", "No such file"),
        (InputMissing("dataset x is gone"), "input_missing", "user_error", "dataset x is gone"),
        (DatasetInvalid("one class only"), "dataset_invalid", "user_error", "one class only"),
    ],
)
def test_each_failure_gets_a_code_a_cause_and_a_short_message(err, code, cause, said):
    told = describe_failure(err)
    assert (told["code"], told["cause"]) == (code, cause)
    assert said in told["message"]
    assert "\n" not in told["message"]


def test_the_traceback_goes_to_the_log_and_the_step_at_fault_to_the_record(caplog):
    err = NonFiniteLoss("the training loss is not a finite number")
    err.step = 17
    with caplog.at_level(logging.ERROR):
        assert describe_failure(err)["step"] == 17
    assert "NonFiniteLoss" in caplog.text


def test_a_process_killed_while_memory_ran_out_is_told_from_one_killed_by_hand():
    assert describe_death(-9, oom_kills()).error.cause == "process_lost"
    assert describe_death(-9, oom_kills() - 1).error.cause == "out_of_memory"
    assert "SIGSEGV" in describe_death(-11, oom_kills() - 1).error.message
    assert "exit status 3" in describe_death(3, 0).error.message


DUMP = """something before
Fatal Python error: Aborted

Thread 0x00007f01 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 324 in wait

Current thread 0x00007f02 (most recent call first):
  File "/x/.venv/lib/python3.11/site-packages/tensorflow/python/eager/execute.py", line 53 in quick_execute
  File "/x/.venv/lib/python3.11/site-packages/keras/src/trainer.py", line 5 in one_step
  File "/srv/trainyard/worker/training/steps.py", line 88 in run
  File "<frozen runpy>", line 88 in _run_code

Extension modules: numpy (total: 1)
"""


def test_the_place_of_a_fault_is_our_innermost_line_and_the_innermost_of_all():
    place = "worker/training/steps.py:88 (run), within tensorflow/python/eager/execute.py:53"
    assert place_of(DUMP) == place
    # a fault in a thread of the library's own: no thread is the current one, the main one is told last
    assert place_of(DUMP.replace("Current thread", "Thread")) == place
    assert place_of("killed") == place_of("Fatal Python error: Segmentation fault\n\n<no Python frame>\n") == ""
    died = describe_death(-6, 0, DUMP, Progress(phase="training", step=13))
    assert (died.place, died.step) == (place, 13)
    assert died.error.message == f"SIGABRT at {place}, step 13 of training; its log has the stack"
