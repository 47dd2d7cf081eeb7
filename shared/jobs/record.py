"""Turns a job's Redis hash into a Job and back. Called by shared/jobs/store.py only; the fields are listed in submit.lua."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.jobs.events import Event
from shared.jobs.job import MODEL, Attempt, CheckpointRef, Job, JobErrorInfo, JobRequest, Progress


def to_json(value: Any) -> str:
    """Compact JSON, Chinese text kept readable, NaN refused (ValueError)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def from_ms(ms: str | float) -> datetime:
    return datetime.fromtimestamp(float(ms) / 1000, UTC)


def to_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def source_key(ref: CheckpointRef | None) -> str:
    """How a worker names a checkpoint it holds warm: "<job id>/<attempt>/<step>", "" for none."""
    return f"{ref.job_id}/{ref.attempt}/{ref.step}" if ref else ""


def warm_key(request: JobRequest) -> str:
    """What a worker is to hold warm for a generation: a checkpoint as source_key names it, a base as base_key does; "" for none."""
    given = request.inputs.get(MODEL)
    if request.kind != "generate" or given is None:
        return ""
    return base_key(given.base_id, request.recipe) if given.base_id else source_key(given.checkpoint)


def base_key(base_id: str, recipe: str) -> str:
    """Names a base as a recipe uses it: another recipe makes something else of it."""
    return f"base/{base_id}/{recipe}"


def encode_spec(request: JobRequest) -> str:
    """What the user asked for, without what is as usual: every job that is kept has it in memory."""
    return to_json(request.model_dump(mode="json", exclude_defaults=True))


def _attempt(fields: dict[str, Any]) -> Attempt:
    fields = dict(fields)
    fields["started_at"] = from_ms(fields.pop("started_ms"))
    if "ended_ms" in fields:
        fields["ended_at"] = from_ms(fields.pop("ended_ms"))
    return Attempt.model_validate(fields)


def decode_job(job_id: str, fields: Mapping[str, str]) -> Job:
    """Rebuild a Job from its hash. Unknown fields are ignored, so older and newer writers can live side by side."""

    def moment(name: str) -> datetime | None:
        return from_ms(fields[name]) if fields.get(name) else None

    def part(name: str, model: Any) -> Any:
        return model.model_validate_json(fields[name]) if fields.get(name) else None

    numbers = sorted(int(name.partition(":")[2]) for name in fields if name.startswith("attempt:"))
    created_at = from_ms(fields["created_ms"])
    return Job(
        **json.loads(fields["spec"]),
        id=job_id,
        state=fields["state"],  # type: ignore[arg-type]
        queue=fields["queue"],
        attempt=int(fields["attempt"]),
        request=fields.get("request", ""),  # type: ignore[arg-type]
        worker=fields.get("worker", ""),
        created_at=created_at,
        updated_at=moment("updated_ms") or created_at,
        queued_at=moment("queued_ms"),
        started_at=moment("started_ms"),
        finished_at=moment("finished_ms"),
        progress=part("progress", Progress),
        checkpoint=part("checkpoint", CheckpointRef),
        attempts=[_attempt(json.loads(fields[f"attempt:{n}"])) for n in numbers],
        forgotten_s=int(fields.get("forgotten_ms", 0)) / 1000,
        spent={name.partition(":")[2]: int(value) for name, value in fields.items() if name.startswith("spent:")},
        error=part("error", JobErrorInfo),
        result=json.loads(fields["result"]) if fields.get("result") else None,
        waits_for=fields.get("waits_for", ""),
        revision=fields.get("revision", ""),
    )


def encode_job(job: Job) -> dict[str, str]:
    """The hash of a job whose record is put back: decode_job gives the job again, but for state and revision.

    A job that had not ended is given no worker and no request; its place in the queue is the script's to find.
    """
    fields = {
        "spec": encode_spec(JobRequest.model_validate(job.model_dump())),
        "queue": job.queue,
        "owner": job.owner,
        "priority": str(job.priority),
        "source": warm_key(job),
        "attempt": str(job.attempt),
        "request": "",
        "worker": "",
        "requeue_cause": "",
        "created_ms": str(to_ms(job.created_at)),
        "updated_ms": str(to_ms(job.updated_at)),
    }
    moments = {"queued_ms": job.queued_at, "started_ms": job.started_at, "finished_ms": job.finished_at}
    fields |= {name: str(to_ms(moment)) for name, moment in moments.items() if moment}
    parts = {"progress": job.progress, "checkpoint": job.checkpoint, "error": job.error}
    fields |= {name: part.model_dump_json() for name, part in parts.items() if part}
    if job.result is not None:
        fields["result"] = to_json(job.result)
    if job.forgotten_s:
        fields["forgotten_ms"] = str(round(job.forgotten_s * 1000))
    if job.checkpoint:
        fields["checkpoint_step"] = str(job.checkpoint.step)
    fields |= {f"attempt:{attempt.number}": _encode_attempt(attempt) for attempt in job.attempts}
    return fields | {f"spent:{cause}": str(count) for cause, count in job.spent.items()}


def _encode_attempt(attempt: Attempt) -> str:
    fields = attempt.model_dump(exclude={"started_at", "ended_at"}, exclude_none=True)
    fields["started_ms"] = to_ms(attempt.started_at)
    if attempt.ended_at:
        fields["ended_ms"] = to_ms(attempt.ended_at)
    return to_json(fields)


def decode_event(event_id: str, fields: Mapping[str, str]) -> Event:
    return Event(
        id=event_id,
        type=fields["type"],
        at=from_ms(fields["at"]),
        attempt=int(fields["attempt"]),
        data=json.loads(fields["data"]),
    )
