"""What an attempt may do to its job: claim it, say how it goes, end it or give it back. The worker's half of shared/jobs/store.py.

Whatever an attempt says carries its number, the fence: a job that another attempt has claimed meanwhile is not changed.
"""

from collections.abc import Sequence
from typing import Any

from shared.errors import LeaseLost
from shared.jobs import record
from shared.jobs.events import WORKER_EVENTS
from shared.jobs.job import RETRY_BUDGET, CheckpointRef, Job, JobErrorInfo, Progress, Request, State
from shared.jobs.keys import Keys
from shared.jobs.small import end_data, small_error, small_message, small_progress, small_result

WARM_PATIENCE_MS = 2_000  # a guess: how long a job may be passed by for one whose model is already loaded


class Attempts:
    """What JobStore does for workers, and for the reaper in the place of one that has fallen silent."""

    keys: Keys
    lease_ms: int
    retention_ms: int
    events_kept: int
    max_running_per_owner: int

    def _run(self, script: str, *args: Any) -> list[str]:
        raise NotImplementedError

    def get(self, job_id: str) -> Job:
        raise NotImplementedError

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
