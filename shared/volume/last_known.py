"""What the volume knows of a job whose record Redis has lost. Reads only. Called by shared/volume/reindex.py.

Looked at in this order: the copy of its record (record.json), the outcome an attempt has left (DONE), and the record as its
newest attempt has claimed it (claimed.json). What ended has ended as they say. What had not ended, and has a copy that says
so, may go on; without a copy it may have ended in a way that only Redis knew, a cancellation say, and is not run unasked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shared.errors import TrainyardError
from shared.jobs.job import Attempt, Job, JobErrorInfo, State
from shared.jobs.small import end_data, small_error, small_message, small_result
from shared.volume import readback, staging
from shared.volume.volume import Done, Volume

Happened = tuple[str, datetime, int, dict[str, Any]]  # type, at, attempt, data of an event

_LOST = "its record in Redis was lost while it had not ended"


class Unreadable(TrainyardError):
    """The volume does not know enough of a job."""

    code = "unreadable"


@dataclass(frozen=True)
class LastKnown:
    """job: as it is to be recovered. said: a sentence for its owner, empty when it is just as it was."""

    job: Job
    said: str = ""


def last_known(volume: Volume, job_id: str, *, now: datetime, hold: bool = False) -> LastKnown:
    """Read a job. hold: what may go on is paused instead of queued. Raises Unreadable."""
    copy = _read(volume.job_dir(job_id) / "record.json", job_id)
    if copy and copy.state.terminal:
        return LastKnown(copy)
    claims = (_read(volume.attempt_dir(job_id, n) / "claimed.json", job_id) for n in reversed(volume.attempts(job_id)))
    claimed = next((job for job in claims if job), None)
    job = max(
        filter(None, (copy, claimed)), key=lambda job: job.attempt, default=None
    )  # of two alike the copy: it is newer
    if job is None:
        raise Unreadable(_why_unreadable(volume, job_id))
    done = volume.find_done(job_id)
    if done:
        return LastKnown(_ended(volume, job, done))
    job = _interrupted(volume, job)
    if copy is None:
        return _outcome_lost(volume, job)
    if copy.request == "cancel":
        return LastKnown(_changed(job, state=State.cancelled, finished_at=job.updated_at))
    return _unfinished(volume, job, State.paused if copy.request == "pause" else copy.state, now, hold)


def history(job: Job, said: str, now: datetime) -> list[Happened]:
    """Events that tell a recovered job's life as its record does; those in between are lost."""
    told: list[Happened] = [
        ("submitted", job.created_at, 0, {"kind": job.kind, "recipe": job.recipe, "owner": job.owner})
    ]
    for attempt in job.attempts:
        told.append(
            ("claimed", attempt.started_at, attempt.number, {"worker": attempt.worker, "device": attempt.device})
        )
        last = job.state.terminal and attempt.number == job.attempt  # what ended it is told below
        if attempt.cause and attempt.ended_at and not last:
            data = {} if attempt.cause == "paused" else {"cause": attempt.cause, "message": attempt.message or ""}
            told.append(("paused" if attempt.cause == "paused" else "requeued", attempt.ended_at, attempt.number, data))
    if said:
        at = job.finished_at or now  # before the last event: readers of a stream leave with that one
        told.append(("note", at, job.attempt, {"level": "warning", "message": said}))
    if job.state.terminal:
        told.append((str(job.state), job.finished_at or now, job.attempt, end_data(job.error, job.result)))
    elif job.state == State.paused:
        told.append(("paused", now, job.attempt, {}))
    return told


def _read(path: Path, job_id: str) -> Job | None:
    try:
        job = Job.model_validate(staging.read_json(path))
    except ValidationError:
        return None
    return job if job.id == job_id else None


def _why_unreadable(volume: Volume, job_id: str) -> str:
    numbers = volume.attempts(job_id)
    paths = [volume.job_dir(job_id) / "record.json"]
    paths += [volume.attempt_dir(job_id, number) / "claimed.json" for number in numbers]
    there = [path.relative_to(volume.job_dir(job_id)).as_posix() for path in paths if path.exists()]
    if there:
        return f"{' and '.join(there)} cannot be read: damaged"
    tried = (
        f"its {len(numbers)} attempt folder(s) say nothing of what was asked for" if numbers else "its folder is empty"
    )
    return f"neither record.json nor claimed.json is there; {tried}"


# --- how it ended ------------------------------------------------------------------------------------------------------


def _ended(volume: Volume, job: Job, done: Done) -> Job:
    """As the attempt that left the outcome says."""
    job = _interrupted(volume, job)
    attempts = [
        attempt
        if attempt.number != done.attempt
        else _changed(
            attempt,
            cause=None,
            outcome=str(done.state),
            ended_at=done.finished_at,
            message=small_message(done.error.message) if done.error else None,
        )
        for attempt in job.attempts
    ]
    return _changed(
        job,
        attempts=attempts,
        state=done.state,
        result=small_result(done.result) if done.result is not None else None,
        error=small_error(done.error) if done.error else None,
        finished_at=done.finished_at,
    )


def _outcome_lost(volume: Volume, job: Job) -> LastKnown:
    goes_on = _where_it_goes_on(volume, job, "a retry begins anew", "a retry goes on from")
    said = f"{_LOST}, and no copy of it is on the volume: {goes_on}"
    error = JobErrorInfo(code="record_lost", message=said)
    return LastKnown(_changed(job, state=State.failed, error=error, finished_at=job.updated_at), said)


def _unfinished(volume: Volume, job: Job, state: State, now: datetime, hold: bool) -> LastKnown:
    becomes = State.paused if hold or state == State.paused else State.queued
    job = _changed(job, state=becomes, queued_at=now if becomes == State.queued else job.queued_at, updated_at=now)
    if becomes == state and not job.attempt:
        return LastKnown(job)  # it waits as it did
    goes_on = _where_it_goes_on(volume, job, "begins anew", "goes on from")
    said = f"{_LOST}: it is {becomes} and {goes_on}"
    return LastKnown(job, said + ("; resume it to have it run" if becomes == State.paused else ""))


def _where_it_goes_on(volume: Volume, job: Job, anew: str, from_step: str) -> str:
    newest = volume.newest_checkpoint(job.id) if job.kind == "train" else None
    return f"{from_step} the checkpoint of step {newest.ref.step}" if newest else anew


# --- attempts ----------------------------------------------------------------------------------------------------------


def _interrupted(volume: Volume, job: Job) -> Job:
    """The job with every attempt closed, those that have a folder and no word in the record too."""
    known = {attempt.number: attempt for attempt in job.attempts}
    seen = {number: _last_sign(volume.attempt_dir(job.id, number)) for number in volume.attempts(job.id)}
    for number, (first, _) in seen.items():
        if number > job.attempt:  # of those below, the record lists as many as it keeps
            known.setdefault(number, Attempt(number=number, worker="unknown", started_at=first))
    attempts = []
    for number, attempt in sorted(known.items()):
        if attempt.ended_at is None:
            last = max(seen[number][1] if number in seen else attempt.started_at, attempt.started_at)
            attempt = _changed(attempt, cause="infrastructure", message=_LOST, ended_at=last)
        if attempt.last_step is None:
            attempt = _changed(attempt, last_step=readback.last_step(volume, job.id, number))
        attempts.append(attempt)
    infos = volume.checkpoints(job.id)
    return _changed(
        job,
        attempts=attempts,
        attempt=max((job.attempt, *known)),
        started_at=job.started_at or (attempts[0].started_at if attempts else None),
        updated_at=max((job.updated_at, *(attempt.ended_at for attempt in attempts if attempt.ended_at))),
        checkpoint=infos[-1].ref if infos else None,
        worker="",
        request="",
        progress=None,
        waits_for=job.waits_for if not attempts else "",
    )


def _last_sign(folder: Path) -> tuple[datetime, datetime]:
    """When an attempt's folder was first and last written, as far as the files still there tell."""
    times = sorted(path.stat().st_mtime for path in _files(folder)) or [folder.stat().st_mtime]
    return datetime.fromtimestamp(times[0], UTC), datetime.fromtimestamp(times[-1], UTC)


def _files(folder: Path) -> Iterator[Path]:
    return (path for name in ("claimed.json", "log.txt", "series.jsonl", "DONE") if (path := folder / name).exists())


def _changed(model: Any, **values: Any) -> Any:
    return model.model_copy(update=values)
