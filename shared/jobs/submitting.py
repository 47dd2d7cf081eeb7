"""What an owner may do to jobs: submit, cancel, pause, resume, delete. The owner's half of shared/jobs/store.py."""

import hashlib
from typing import Any

from shared.errors import Conflict, InvalidParams, NotFound, Problem, QueueFull
from shared.ids import is_id, new_id
from shared.jobs import record
from shared.jobs.job import Job, JobRequest
from shared.jobs.keys import Keys

_DELETED_MS = 7 * 86_400_000  # how long a deletion is remembered: a guess at how late a stopped machine wakes up


class Submitting:
    """What JobStore does for owners; the caller sees to it that they ask about their own jobs only."""

    keys: Keys
    retention_ms: int
    idempotency_ttl_ms: int
    max_queued: int
    max_queued_per_owner: int
    max_job_bytes_per_owner: int
    events_kept: int

    def _run(self, script: str, *args: Any) -> list[str]:
        raise NotImplementedError

    def get(self, job_id: str) -> Job:
        raise NotImplementedError

    def over_quota(self, kept: int) -> Conflict:
        raise NotImplementedError

    def submit(
        self, request: JobRequest, *, idempotency_key: str | None = None, asked: str = "", job_id: str = ""
    ) -> tuple[Job, bool]:
        """Accept a job. Returns it and whether it is new; the caller then sends the wake-up.

        asked: what tells one use of a key from another when it is not the request itself, whose source may have been
        resolved ("the newest checkpoint") to something else the second time. job_id: where the caller had to know it before.

        Atomic. With an idempotency_key repeating is harmless: the same request returns the first job, another one raises
        Conflict("idempotency_mismatch"). Raises QueueFull, Conflict("quota_exceeded"), and InvalidParams or Conflict for a
        job in request.after that does not exist or has ended without success.
        """
        spec = record.encode_spec(request)
        fingerprint = hashlib.sha256((asked or spec).encode()).hexdigest()[:32]
        idem = ""
        if idempotency_key:
            idem = self.keys.idempotency(request.owner, hashlib.sha256(idempotency_key.encode()).hexdigest())
        data = record.to_json({"kind": request.kind, "recipe": request.recipe, "owner": request.owner})
        source = record.warm_key(request)
        deadline = int(request.deadline_at.timestamp() * 1000) if request.deadline_at else ""
        verdict, value, *more = self._run(
            "submit", job_id or new_id(), request.kind, request.owner, request.priority, spec, data, self.events_kept,
            self.max_queued, idem, fingerprint, self.idempotency_ttl_ms, source, self.max_queued_per_owner, deadline,
            self.max_job_bytes_per_owner, *request.after,
        )  # fmt: skip
        if verdict == "full":
            raise QueueFull(f"{value} jobs wait on {request.kind}, the limit is {self.max_queued}; try again later")
        if verdict == "owner_full":
            raise QueueFull(f"{value} of your jobs wait, your limit is {self.max_queued_per_owner}; try again later")
        if verdict == "kept_full":
            raise self.over_quota(int(value))
        if verdict == "no_dependency":
            raise InvalidParams([Problem(field="after", message=f"no job {value!r:.60}")])
        if verdict == "dependency_ended":
            raise Conflict(f"job {value}, which this one is to wait for, has {more[0]}", code="dependency_failed")
        if verdict == "mismatch":
            raise Conflict(
                f"this Idempotency-Key was used for another request (job {value}): a new request needs a key of its own, or none",
                code="idempotency_mismatch",
            )
        if verdict == "deleted":
            raise Conflict(
                f"this Idempotency-Key made job {value}, which has been deleted: to have it made again send another key, or none",
                code="idempotency_mismatch",
            )
        return self.get(value), verdict == "created"

    def _control(self, job_id: str, verb: str, refused: str) -> Job:
        reply = (
            self._run("control", job_id, verb, self.events_kept, self.retention_ms) if is_id(job_id) else ["missing"]
        )
        if reply[0] == "missing":
            raise NotFound(f"no job {job_id!r:.60}")
        if reply[0] == "refused":
            raise Conflict(f"job {job_id} is {reply[1]}: {refused}")
        return self.get(job_id)

    def cancel(self, job_id: str) -> Job:
        """Cancel at once, or ask the worker to. Raises Conflict when it has ended otherwise. Repeating is harmless."""
        return self._control(job_id, "cancel", "it has ended and cannot be cancelled any more")

    def pause(self, job_id: str) -> Job:
        """Pause at once, or ask the worker to after a checkpoint. Raises Conflict when it has ended."""
        return self._control(job_id, "pause", "only a queued or running job can be paused")

    def resume(self, job_id: str) -> Job:
        """Put a paused job back into the queue (the caller then sends a wake-up), or withdraw a pause not yet obeyed."""
        return self._control(job_id, "resume", "only a paused job can be resumed")

    def delete(self, job_id: str) -> None:
        """Forget an ended job: its record, its events, its places in all lists. Its files are the caller's to remove.

        Raises NotFound, and Conflict when it has not ended. For a week deleted() knows it.
        """
        reply = self._run("delete", job_id, _DELETED_MS) if is_id(job_id) else ["missing"]
        if reply[0] == "missing":
            raise NotFound(f"no job {job_id!r:.60}")
        if reply[0] == "refused":
            raise Conflict(f"job {job_id} is {reply[1]}: only an ended job can be deleted; cancel it first")
