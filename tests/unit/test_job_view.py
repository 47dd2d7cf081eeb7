"""web/pages/job_view.py"""

from shared.ids import new_id
from shared.jobs.job import Attempt, Job, State, utc_now
from web.pages.job_view import timeline


def job_with(numbers: list[int], attempt: int) -> Job:
    now = utc_now()
    attempts = [Attempt(number=n, worker="w", started_at=now, ended_at=now, cause="drained") for n in numbers]
    return Job(
        id=new_id(), kind="train", recipe="gpt", params={}, state=State.queued, queue="train", attempt=attempt,
        created_at=now, updated_at=now, queued_at=now, attempts=attempts,
    )  # fmt: skip


def test_attempts_that_are_no_longer_listed_are_counted_where_they_were():
    job = job_with([1, 8, 9], 9)
    assert [step.title for step in timeline(job)][1:-1] == ["Attempt 1", "Attempts 2 to 7", "Attempt 8", "Attempt 9"]
    assert f"trainyard log {job.id} --attempt N" in timeline(job)[2].details[0]


def test_one_attempt_that_is_no_longer_listed_is_named():
    assert [step.title for step in timeline(job_with([2], 2))][1:-1] == ["Attempt 1", "Attempt 2"]


def test_a_job_whose_attempts_are_all_listed_says_nothing_of_others():
    assert [step.title for step in timeline(job_with([1, 2], 2))] == [
        "Submitted", "Attempt 1", "Attempt 2", "Waits for another attempt",
    ]  # fmt: skip


def test_steps_are_told_of_a_training_alone():
    for kind, told in (("train", ["reached step 400"]), ("generate", [])):
        job = job_with([1], 1)
        attempt = job.attempts[0].model_copy(update={"last_step": 400})
        job = job.model_copy(update={"kind": kind, "attempts": [attempt]})
        assert [detail for step in timeline(job) for detail in step.details if "400" in detail] == told
