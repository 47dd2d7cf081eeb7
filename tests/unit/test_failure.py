"""worker/supervision/failure.py: what ended an attempt, in the words of its record."""

import errno
import logging

import pytest

from shared.errors import DatasetInvalid, InputMissing, NonFiniteLoss
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
    assert describe_death(-9, oom_kills()).cause == "process_lost"
    assert describe_death(-9, oom_kills() - 1).cause == "out_of_memory"
    assert "SIGSEGV" in describe_death(-11, oom_kills() - 1).message
    assert "exit status 3" in describe_death(3, 0).message
