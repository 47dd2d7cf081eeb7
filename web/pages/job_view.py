"""What the job page says about a job, in words. Pure: a Job in, small records for the template out."""

from dataclasses import dataclass
from datetime import datetime

from shared.jobs.job import Attempt, Job, State

_CAUSES = {
    "user_error": "stopped by an error",
    "out_of_memory": "ran out of memory",
    "process_lost": "its process died",
    "worker_lost": "its worker fell silent",
    "infrastructure": "trouble on the server",
    "volume_full": "the volume took no writes",
    "drained": "its worker was shut down in order",
    "paused": "paused",
}

# What a person can do about a job that failed, by error code. Others get _GENERAL.
_REMEDIES = {
    "non_finite_loss": "Lower the learning rate, or set a clip norm, and try again from a clone.",
    "out_of_memory": "Use a smaller batch size or a smaller model, or a device with more memory.",
    "volume_full": "Free room on the volume (old datasets, ended jobs), then retry.",
    "input_missing": "Upload the dataset again or choose another one, then clone the job.",
    "dataset_invalid": "Clone the job with the dataset corrected and uploaded again, or with the params that are named above.",
    "checkpoint_corrupt": "Retry: it starts from the newest checkpoint that can still be read.",
    "start_from_unlike": "Clone it with the params and the data named above set alike, or without a model to start from.",
    "dependency_failed": "See why the job it waited for did not succeed; then retry that one and this one.",
    "deadline_passed": "Clone it with a later deadline, or when fewer jobs wait.",
    "process_lost": "Retry; if it happens again, the log's last lines say what the process was doing.",
    "process_died": "Retry; if it happens again, the log's last lines say what the process was doing.",
    "hung": "Retry; the log holds where it stood still.",
    "worker_lost": "Check the worker's machine, then retry.",
}
_REMEDIES |= dict.fromkeys(
    ("bad_rows", "other_columns", "unknown_series"), "Clone the job, correct what is named above and submit it again."
)
_GENERAL = "Read the log's last lines, correct the params and clone the job; or retry it as it is."


@dataclass(frozen=True)
class Step:
    """One entry of the timeline. look: "", "run", "ok", "bad" or "warn"; until is None while it lasts."""

    title: str
    look: str
    at: datetime | None
    until: datetime | None = None
    details: tuple[str, ...] = ()
    lasts: bool = False


@dataclass(frozen=True)
class Advice:
    """A failure in three sentences."""

    happened: str
    kept: str
    todo: str


def timeline(job: Job) -> list[Step]:
    """Tell a job's life so far, oldest first."""
    steps = [Step("Submitted", "", job.created_at, details=(f"by {job.owner}",))]
    before = 0
    for attempt in job.attempts:
        if attempt.number > before + 1:
            steps.append(_unlisted(job, before + 1, attempt.number - 1))
        steps.append(_attempt(job, attempt))
        before = attempt.number
    if job.state == State.queued:
        again = "Waits for another attempt" if job.attempts else "Waits in the queue"
        steps.append(Step(again, "", job.queued_at, lasts=True))
    elif job.state == State.paused:
        steps.append(Step("Paused", "warn", job.updated_at, lasts=True))
    elif job.state.terminal:
        look = {State.succeeded: "ok", State.failed: "bad"}.get(job.state, "")
        steps.append(Step(str(job.state).capitalize(), look, job.finished_at))
    return steps


def _unlisted(job: Job, first: int, last: int) -> Step:
    """Attempts of which the record says nothing any more."""
    title = f"Attempt {first}" if first == last else f"Attempts {first:,} to {last:,}"
    return Step(title, "", None, details=(f"their logs: trainyard log {job.id} --attempt N",))


def _attempt(job: Job, attempt: Attempt) -> Step:
    details = [f"on {attempt.worker}" + (f" ({attempt.device})" if attempt.device else "")]
    if attempt.resumed_from_step is not None:
        details.append(f"resumed from step {attempt.resumed_from_step:,}")
    last = attempt.last_step
    running = attempt.ended_at is None and job.state == State.running and attempt.number == job.attempt
    if last is None and running and job.progress:
        last = job.progress.step
    if last and job.kind == "train":
        details.append(f"at step {last:,}" if running else f"reached step {last:,}")
    look, ending = "run" if running else "", ""
    if attempt.cause:
        ending = _CAUSES.get(attempt.cause, attempt.cause.replace("_", " "))
        look = "" if attempt.cause in ("drained", "paused") else "warn"
        if attempt.message and attempt.message != ending:
            ending += f": {attempt.message}"
    elif attempt.outcome:
        look = {"succeeded": "ok", "failed": "bad"}.get(attempt.outcome, "")
    if ending:
        details.append(ending)
    return Step(f"Attempt {attempt.number}", look, attempt.started_at, attempt.ended_at, tuple(details), running)


def advice(job: Job, checkpoints: int, artifacts: int, curves: bool) -> Advice | None:
    """Say what happened to a failed job, what was kept and what to do; None when it has not failed."""
    if job.state != State.failed or job.error is None:
        return None
    message, step = job.error.message, job.error.step
    at = f" (step {step:,})" if step is not None and "step" not in message else ""
    kept = [f"{checkpoints} checkpoint{'' if checkpoints == 1 else 's'}"] if checkpoints else []
    kept += [f"{artifacts} artifact{'' if artifacts == 1 else 's'}"] if artifacts else []
    kept += ["the curves and the log" if curves else "the log"]
    none = "" if checkpoints or job.kind == "generate" else "; no checkpoint had been written yet"
    return Advice(
        happened=f"{message[:1].upper()}{message[1:]}{at}",
        kept=f"{' and '.join(kept)}{none}.".capitalize(),
        todo=_REMEDIES.get(job.error.code, _GENERAL),
    )


def actions(job: Job) -> list[tuple[str, str]]:
    """The verbs that make sense now, as (verb, label), in the order of the buttons."""
    if job.state.terminal:
        return [] if job.state == State.succeeded else [("retry", "Retry")]
    found = []
    if job.state == State.paused or job.request == "pause":
        found.append(("resume", "Resume" if job.state == State.paused else "Do not pause"))
    elif job.request != "cancel":
        found.append(("pause", "Pause"))
    if job.request != "cancel":
        found.append(("cancel", "Cancel"))
    return found


def took_s(job: Job, now: datetime) -> float | None:
    """Seconds from the first start to the end, or to now."""
    return ((job.finished_at or now) - job.started_at).total_seconds() if job.started_at else None
