"""Position, ETA and why a job waits: what the owner is told, from given facts."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.ids import new_id
from shared.jobs.job import Attempt, Job, Progress, State
from shared.jobs.presence import WorkerInfo
from shared.jobs.standing import describe

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


def running(remaining_s: float | None) -> Job:
    attempt = Attempt(number=1, worker="w", started_at=NOW - timedelta(seconds=10))
    return a_job(State.running, progress=Progress(phase="training", remaining_s=remaining_s), attempts=[attempt])


def stand(job: Job, **facts):
    defaults: dict[str, Any] = {"now": NOW, "position": 0, "workers": [], "running": [], "durations": []}
    return describe(job, **(defaults | facts))


def test_without_a_worker_the_job_says_so_and_promises_nothing():
    standing = stand(a_job(), position=3, workers=[a_worker(queues=["generate"])])
    assert "no worker serves queue train" in standing.why and "3 jobs ahead" in standing.why
    assert standing.eta_s is None and standing.position == 3


def test_a_draining_worker_is_not_counted_on():
    assert "no worker serves" in stand(a_job(), workers=[a_worker(state="draining")]).why


def test_a_free_worker_means_an_immediate_start():
    standing = stand(a_job(), workers=[a_worker()], durations=[60, 80, 100])
    assert "starts at once" in standing.why
    assert standing.starts_in_s == 0 and standing.eta_s == 80
    assert standing.eta_basis == "median of the last 3 gpt training jobs"


def test_behind_a_busy_worker_the_start_is_when_that_worker_is_free():
    other = running(300)
    standing = stand(a_job(), workers=[a_worker("w", other)], running=[other], durations=[60])
    assert standing.why == "next on train, 1 worker busy until about 12:05 UTC"
    assert (standing.starts_in_s, standing.eta_s) == (300, 360)


def test_jobs_ahead_are_dealt_to_the_workers_as_they_become_free():
    one, two = running(100), running(10)
    standing = stand(
        a_job(), position=3, workers=[a_worker("a", one), a_worker("b", two)], running=[one, two],
        durations=[50], ahead_durations=[50, 50, 50],
    )  # fmt: skip
    # b: 10 -> 60 -> 110, a: 100 -> 150; the fourth job starts when b is free again
    assert standing.starts_in_s == 110 and standing.eta_s == 160


def test_an_owner_at_the_limit_is_told_so_and_promised_nothing():
    standing = stand(a_job(), workers=[a_worker()], durations=[60], at_limit=2)
    assert standing.why.startswith("2 of its owner's jobs run, which is the limit")
    assert (standing.starts_in_s, standing.eta_s, standing.position) == (None, None, 0)


def test_an_unknown_length_ahead_makes_the_eta_unknown_instead_of_wrong():
    other = running(None)
    standing = stand(a_job(), workers=[a_worker("w", other)], running=[other], durations=[60])
    assert standing.eta_s is None and standing.eta_basis.startswith("unknown")
    known = running(10)
    standing = stand(
        a_job(), position=1, workers=[a_worker("w", known)], running=[known], durations=[60], ahead_durations=[None]
    )
    assert standing.eta_s is None


def test_a_running_job_is_judged_by_its_own_rate_then_by_its_peers_then_not_at_all():
    assert stand(running(42)).eta_s == 42
    assert stand(running(None), durations=[30]).eta_s == 20
    assert stand(running(None)).eta_s is None
    assert stand(running(None), durations=[5]).eta_s is None  # longer than its peers: they tell nothing


def test_paused_held_back_and_stopping_jobs_say_why_they_do_not_run():
    assert "resume it" in stand(a_job(State.paused)).why
    assert stand(a_job(waits_for="the volume is full", attempt=1)).why == "held back for a moment: the volume is full"
    assert stand(a_job(waits_for="job x to succeed")).why == "waits for job x to succeed"
    assert "being cancelled" in stand(a_job(State.running, request="cancel")).why
    assert stand(a_job(State.succeeded)).why == ""
