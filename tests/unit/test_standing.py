"""Position, ETA and why a job waits: what the owner is told, from given facts."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.clock.estimate import Estimate
from shared.clock.learning import Learnt
from shared.ids import new_id
from shared.jobs.job import Attempt, Job, PhaseSpent, Progress, State
from shared.jobs.presence import WorkerInfo
from shared.jobs.standing import Standing, Surroundings, describe
from tests.support.synthetic_costs import a_cost

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def a_job(state: State = State.queued, **changes) -> Job:
    fields: dict[str, Any] = {
        "id": new_id(),
        "kind": "train",
        "recipe": "gpt",
        "params": {},
        "queue": "train",
        "state": state,
    }
    return Job.model_validate(fields | {"created_at": NOW, "updated_at": NOW} | changes)


def a_worker(name: str = "w", *jobs: Job, **changes) -> WorkerInfo:
    fields: dict[str, Any] = {"id": name, "host": "h", "pid": 1, "device": "cpu", "queues": ["train"], "since": NOW}
    return WorkerInfo.model_validate(fields | {"jobs": [j.id for j in jobs]} | changes)


def running(left_s: float, done_s: float = 100.0) -> Job:
    """A job that has trained for done_s and will for left_s, by its own pace of one step a second."""
    total = int(done_s + left_s)
    spent = {
        "compiling": PhaseSpent(seconds=4, times=1, first_seconds=4, first_times=1),
        "training": PhaseSpent(seconds=done_s, times=int(done_s)),
    }
    progress = Progress(
        phase="training", step=int(done_s), total_steps=total, steps_per_s=1.0, evaluations_left=0, stages_left=0,
        phase_s=done_s, silent_s=0.1, spent=spent,
    )  # fmt: skip
    return a_job(
        State.running, progress=progress, attempt=1, attempts=[Attempt(number=1, worker="w", started_at=NOW)], **SIZE
    )


SIZE: dict[str, Any] = {"params": {"steps": 100, "width": 8, "batch_size": 4, "eval_every": 25, "schedule": "cosine"}}
LONG = sum(spent.seconds for spent in a_cost().phases.values())  # what a job of SIZE takes
NOTHING, SOME = Learnt(()), Learnt([a_cost() for _ in range(3)])


def stand(job: Job, position: int | None = 0, past: Learnt = NOTHING, **facts: Any) -> Standing:
    return describe(job, position, Surroundings(NOW, lambda request: past, **facts))


def median(told: Estimate | None) -> float | None:
    return told.median_s if told else None


def test_without_a_worker_the_job_says_so_and_promises_nothing():
    standing = stand(a_job(), 3, SOME, workers=[a_worker(queues=["generate"])])
    assert "no worker serves queue train" in standing.why and "3 jobs ahead" in standing.why
    assert (standing.eta, standing.unknown, standing.position) == (None, "when a worker will come", 3)


def test_a_draining_worker_is_not_counted_on():
    assert "no worker serves" in stand(a_job(), workers=[a_worker(state="draining")]).why


def test_a_free_worker_means_an_immediate_start():
    standing = stand(a_job(**SIZE), 0, SOME, workers=[a_worker()])
    assert "starts at once" in standing.why and standing.starts_in is None
    assert standing.eta is not None and standing.eta.jobs == 3
    assert standing.eta.median_s == pytest.approx(LONG, rel=0.05)


def test_behind_a_busy_worker_the_start_is_when_that_worker_is_free():
    other = running(300)
    standing = stand(a_job(**SIZE), 0, SOME, workers=[a_worker("w", other)], running=[other])
    assert standing.why.startswith("next on train, 1 worker busy until about 12:0")
    assert median(standing.starts_in) == pytest.approx(305, rel=0.1)
    assert median(standing.eta) == pytest.approx(305 + LONG, rel=0.1)


def test_jobs_ahead_are_dealt_to_the_workers_as_they_become_free():
    one, two = running(100), running(10)
    workers, ahead = [a_worker("a", one), a_worker("b", two)], [a_job(**SIZE) for _ in range(3)]
    standing = stand(a_job(**SIZE), 3, SOME, workers=workers, running=[one, two], ahead=ahead)
    # b has ended after 15 s, then takes three, all before a has ended (105 s) but the last
    assert median(standing.starts_in) == pytest.approx(15 + 3 * LONG, rel=0.1)
    assert median(standing.eta) == pytest.approx(15 + 4 * LONG, rel=0.1)


def test_an_owner_at_the_limit_is_told_so_and_promised_nothing():
    standing = stand(a_job(**SIZE), 0, SOME, workers=[a_worker()], at_limit=2)
    assert standing.why.startswith("2 of its owner's jobs run, which is the limit")
    assert (standing.starts_in, standing.eta, standing.position) == (None, None, 0)


def test_an_unknown_length_ahead_makes_the_eta_unknown_instead_of_wrong():
    other = a_job(State.running, progress=Progress(phase="compiling", phase_s=1.0), attempt=1)
    standing = stand(a_job(), 0, workers=[a_worker("w", other)], running=[other])
    assert (standing.eta, standing.unknown) == (None, "how long the jobs before it take")
    known = running(10)
    standing = stand(a_job(), 1, workers=[a_worker("w", known)], running=[known], ahead=[a_job()])
    assert standing.eta is None
    standing = stand(a_job(), 0, workers=[a_worker("w", known)], running=[known])
    assert standing.starts_in is not None and standing.unknown == "no gpt training has ended here yet to tell by"


def test_a_running_job_is_judged_by_its_own_pace_then_by_its_peers_then_not_at_all():
    assert median(stand(running(42)).eta) == pytest.approx(42 + 2.3, rel=0.1)
    fresh = a_job(State.running, attempt=1, attempts=[Attempt(number=1, worker="w", started_at=NOW)], **SIZE)
    assert median(stand(fresh, past=SOME).eta) == pytest.approx(LONG, rel=0.1)
    assert stand(fresh).eta is None


def test_a_paused_job_tells_the_work_that_is_left():
    was = running(42)
    assert was.progress
    ended = was.attempts[0].model_copy(update={"ended_at": NOW, "spent": was.progress.spent})
    paused = was.model_copy(update={"state": State.paused, "attempts": [ended]})
    told = stand(paused).eta
    assert told is not None and told.median_s == pytest.approx(
        42 + 0.5 + 1 + 4 + 2.3, rel=0.2
    )  # it has to load and compile again


def test_paused_held_back_and_stopping_jobs_say_why_they_do_not_run():
    assert "resume it" in stand(a_job(State.paused)).why
    assert stand(a_job(waits_for="the volume is full", attempt=1)).why == "held back for a moment: the volume is full"
    assert stand(a_job(waits_for="job x to succeed")).why == "waits for job x to succeed"
    assert "being cancelled" in stand(a_job(State.running, request="cancel")).why
    assert stand(a_job(State.succeeded)).why == ""
