"""JobStore: the only code that reads or writes jobs in Redis.

Every change of a job is one Lua script (shared/jobs/lua/), so a crash between two lines of Python leaves either the old record
or the new one. Methods that may be retried after a lost reply say what repeating them costs.
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from shared import redis_url
from shared.errors import LeaseLost, SchemaMismatch
from shared.jobs import record
from shared.jobs.disk_usage import Kept
from shared.jobs.events import WORKER_EVENTS
from shared.jobs.history import History
from shared.jobs.job import (
    RETRY_BUDGET,
    SCHEMA_VERSION,
    CheckpointRef,
    Job,
    JobErrorInfo,
    Progress,
    Request,
    State,
)
from shared.jobs.keys import Keys
from shared.jobs.listing import Listing
from shared.jobs.presence import Presence
from shared.jobs.small import end_data, small_error, small_message, small_progress, small_result
from shared.jobs.submitting import Submitting
from shared.settings import Settings
from shared.volume.copies import Copies

SCRIPTS = (
    "submit", "claim", "beat", "finish", "release", "control", "ready", "reap", "forget", "deadlines", "copied", "recover",
    "delete", "unsettled", "schema",
)  # fmt: skip
WARM_PATIENCE_MS = 2_000  # a guess: how long a job may be passed by for one whose model is already loaded


class JobStore(Listing, History, Copies, Kept, Submitting):
    """Jobs, their events and their queues. Thread-safe; one per process.

    All methods raise redis.RedisError when Redis is out of reach; nothing has then been decided, except that a reply may
    have been lost on the way back.
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        prefix: str = "trainyard",
        lease_s: float = 30,
        retention_s: float = 90 * 86_400,
        idempotency_ttl_s: float = 86_400,
        max_queued: int = 100_000,
        max_queued_per_owner: int = 100_000,
        max_running_per_owner: int = 10_000,
        max_job_bytes_per_owner: int = 1024**4,
        events_kept: int = 2_000,
    ):
        self.redis = client
        self.keys = Keys(prefix)
        self.presence = Presence(client, self.keys)
        self.lease_ms = int(lease_s * 1000)
        self.retention_ms = int(retention_s * 1000)
        self.idempotency_ttl_ms = int(idempotency_ttl_s * 1000)
        self.max_queued = max_queued
        self.max_queued_per_owner = max_queued_per_owner
        self.max_running_per_owner = max_running_per_owner
        self.max_job_bytes_per_owner = max_job_bytes_per_owner
        self.events_kept = events_kept
        self._schema_known = False
        folder = files("shared.jobs") / "lua"
        common = f"local SCHEMA = '{SCHEMA_VERSION}'\n" + (folder / "_common.lua").read_text()
        self._scripts = {
            name: client.register_script(common + (folder / f"{name}.lua").read_text()) for name in SCRIPTS
        }

    @classmethod
    def connect(cls, settings: Settings, **connection: Any) -> "JobStore":
        """Open a pool of connections that notice a dead link within seconds. Does not talk to Redis yet."""
        options: dict[str, Any] = {
            "decode_responses": True,
            "socket_timeout": 5,
            "socket_connect_timeout": 3,
            "socket_keepalive": True,
            "health_check_interval": 15,
            "retry": Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=1),
            "max_connections": 2_048,
        }
        client = redis_url.client(settings.redis_url, **(options | connection))
        return cls(
            client,
            prefix=settings.key_prefix,
            lease_s=settings.lease_s,
            retention_s=settings.retention_s,
            idempotency_ttl_s=settings.idempotency_ttl_s,
            max_queued=settings.max_queued,
            max_queued_per_owner=settings.max_queued_per_owner,
            max_running_per_owner=settings.max_running_per_owner,
            max_job_bytes_per_owner=settings.max_job_bytes_per_owner,
            events_kept=settings.events_kept,
        )

    def require_schema(self) -> None:
        """Raise SchemaMismatch when Redis holds jobs of another version. Changes nothing: with the first job comes its version.

        The first change of anything asks by itself, for a Redis that was out of reach when the process began.
        """
        found = self._scripts["schema"](args=[self.keys.prefix])
        if found != str(SCHEMA_VERSION):
            raise SchemaMismatch(
                f"the jobs in Redis under {self.keys.prefix!r} (TRAINYARD_KEY_PREFIX) were written by version {found} of "
                f"Trainyard's format; this is version {SCHEMA_VERSION}, which cannot use them: go on with the version they were "
                "made by, or choose another prefix or database. They were left as they are"
            )
        self._schema_known = True

    def _run(self, script: str, *args: Any) -> list[str]:
        if not self._schema_known:
            self.require_schema()
        return self._scripts[script](args=[self.keys.prefix, *args])  # type: ignore[return-value]

    # --- the worker's side ------------------------------------------------------------------------------------------

    def claim(self, queue: str, *, worker: str, device: str, prefer: Sequence[str] = ()) -> Job | None:
        """Take the best ready job, or None. prefer: source_keys of checkpoints held warm.

        Atomic. If the reply is lost the job waits for one lease period until the reaper takes it back.
        """
        reply = self._run(
            "claim", queue, worker, device, self.lease_ms, self.events_kept, WARM_PATIENCE_MS,
            self.max_running_per_owner, *prefer,
        )  # fmt: skip
        if not reply:
            return None
        return record.decode_job(reply[0], dict(zip(reply[1::2], reply[2::2], strict=True)))

    def beat(
        self,
        job_id: str,
        fence: int,
        *,
        progress: Progress | None = None,
        events: Sequence[tuple[str, dict[str, Any]]] = (),
        checkpoint: CheckpointRef | None = None,
        resumed_from_step: int | None = None,
    ) -> Request:
        """Renew the lease, publish progress and events, return what the owner has asked for ("", "cancel", "pause").

        Raises LeaseLost when another attempt owns the job or it has ended. Repeating after a lost reply repeats events.
        """
        flat: list[str] = []
        for kind, data in events:
            if kind not in WORKER_EVENTS:
                raise ValueError(f"event type {kind!r} is not a worker's to append")
            flat += [kind, record.to_json(data)]
        reply = self._run(
            "beat", job_id, fence, self.lease_ms, self.events_kept,
            small_progress(progress).model_dump_json() if progress else "",
            checkpoint.model_dump_json() if checkpoint else "",
            checkpoint.step if checkpoint else "",
            record.to_json({"resumed_from_step": resumed_from_step}) if resumed_from_step is not None else "",
            *flat,
        )  # fmt: skip
        self._refuse_if_lost(reply, job_id, fence)
        return reply[1]  # type: ignore[return-value]

    def checkpoint(self, job_id: str, fence: int, ref: CheckpointRef, data: dict[str, Any]) -> Request:
        """Publish a checkpoint that lies on the volume, with its event. Otherwise like beat()."""
        return self.beat(job_id, fence, events=[("checkpoint", {"step": ref.step, **data})], checkpoint=ref)

    def finish(
        self,
        job_id: str,
        fence: int,
        state: State,
        *,
        result: dict[str, Any] | None = None,
        error: JobErrorInfo | None = None,
    ) -> Job:
        """End the job: succeeded (with result), failed (with error) or cancelled. Raises LeaseLost.

        Compare-and-set on the fence; repeating by the same attempt is harmless. The record keeps of both what is small
        (shared/jobs/small.py), the event of a result only its headline.
        """
        if not state.terminal:
            raise ValueError(f"{state} does not end a job")
        job = self.get(job_id)
        error, result = small_error(error) if error else None, small_result(result) if result is not None else None
        told = small_message(error.message) if error else ""
        reply = self._run(
            "finish", job_id, fence, str(state),
            record.to_json(result) if result is not None else "",
            error.model_dump_json() if error else "",
            record.to_json(end_data(error, result)), self.events_kept, self.retention_ms,
            self.keys.durations(job.kind, job.recipe), self.lease_ms, told,
        )  # fmt: skip
        self._refuse_if_lost(reply, job_id, fence)
        return self.get(job_id)

    def release(
        self, job_id: str, fence: int, cause: str, message: str = "", *, delay_s: float = 0, error_code: str = ""
    ) -> Job:
        """End an attempt but not the job: queued again (after delay_s), paused, or failed when the cause's budget is spent.

        cause: a Cause of shared/jobs/job.py. error_code: what the job fails with when the budget is spent. Raises LeaseLost.
        """
        return self._release(job_id, fence, cause, message, delay_s, error_code, only_expired=False)

    def take_back(self, job_id: str, fence: int) -> Job | None:
        """Release a job whose lease has run out (the reaper). None when it has been renewed or released meanwhile."""
        message = "its worker has not been heard of for a whole lease"
        try:
            return self._release(job_id, fence, "worker_lost", message, 0, "", only_expired=True)
        except LeaseLost:
            return None

    def _release(
        self, job_id: str, fence: int, cause: str, message: str, delay_s: float, code: str, *, only_expired: bool
    ) -> Job:
        budget = -1 if cause in ("drained", "paused") else RETRY_BUDGET[cause]
        tried = f" (and {budget} further attempt{'' if budget == 1 else 's'})" if budget > 0 else ""
        message = small_message(message)
        error = JobErrorInfo(code=code or cause, message=(message or cause.replace("_", " ")) + tried)
        reply = self._run(
            "release", job_id, fence, cause, message, budget, int(delay_s * 1000), self.events_kept,
            error.model_dump_json(), self.retention_ms, "1" if only_expired else "",
        )  # fmt: skip
        self._refuse_if_lost(reply, job_id, fence)
        return self.get(job_id)

    @staticmethod
    def _refuse_if_lost(reply: Sequence[str], job_id: str, fence: int) -> None:
        if reply[0] == "lost":
            state, attempt = reply[1] or "gone", reply[2] or "none"
            raise LeaseLost(f"attempt {fence} of job {job_id} may not speak: it is {state}, attempt {attempt}")

    # --- the reaper's side --------------------------------------------------------------------------------------------

    def expired(self, limit: int = 1_000) -> list[tuple[str, int]]:
        """(job id, fence) of running jobs whose lease has run out by Redis' clock; pass each to take_back.

        The first call after a restart of Redis extends all leases by one period instead.
        """
        run_id = self.redis.info("server")["run_id"]  # type: ignore[index]
        reply = self._run("reap", run_id, self.lease_ms, limit)
        return [(job_id, int(fence)) for job_id, fence in zip(reply[::2], reply[1::2], strict=True)]

    def enforce_deadlines(self, limit: int = 1_000) -> int:
        """Cancel jobs whose deadline has passed. Returns how many were cancelled or asked to stop."""
        return int(self._run("deadlines", self.events_kept, self.retention_ms, limit))  # type: ignore[arg-type]

    def settle_waiting(self) -> int:
        """Tell some of the jobs that wait for ended ones. Returns how many ended ones still have some; call again then.

        Nearly all are told by the script that ends a job; this is for those that more than a few hundred wait for.
        """
        return int(self._run("unsettled", self.events_kept, self.retention_ms))  # type: ignore[arg-type]

    def ready_count(self, queue: str) -> int:
        """How many jobs can be claimed now."""
        return int(self._run("ready", queue))  # type: ignore[arg-type]

    def forget_ended(self, limit: int = 1_000) -> int:
        """Drop index entries of records that have died. Returns how many."""
        return int(self._run("forget", limit))  # type: ignore[arg-type]

    def ping(self) -> None:
        """Ask Redis for a sign of life."""
        self.redis.ping()
