"""Settles how an attempt ended: DONE on the volume, then the record; or the job given back; and that it is heard.

Called by worker/supervision/supervisor.py. Every method may raise LeaseLost: another attempt has the job, nothing was changed.
"""

import logging
import os
import select
import time
from collections.abc import Callable
from typing import Any

import redis

from shared.errors import LeaseLost, NotFound, VolumeFull
from shared.jobs.job import Job, JobErrorInfo, State
from shared.jobs.pins import unpin
from shared.jobs.store import JobStore
from shared.volume.volume import Done, Volume
from worker.supervision.attempt import Ending
from worker.supervision.volume_check import VolumeCheck
from worker.supervision.wakeups import WakeUps

log = logging.getLogger(__name__)

_FIRST_DELAY_S, _LAST_DELAY_S = 5.0, 300.0  # before a job that met a fault is tried again; doubles with each


class Settlement:
    """drain_fd: readable once the worker is to leave. patience_s: how long it then still tries to reach Redis."""

    def __init__(
        self,
        store: JobStore,
        volume: Volume,
        volume_check: VolumeCheck,
        wakeups: WakeUps,
        *,
        drain_fd: int,
        patience_s: float,
    ):
        self._store, self._volume, self._volume_check, self._wakeups = store, volume, volume_check, wakeups
        self._drain_fd, self._patience_s = drain_fd, patience_s
        self._parent = os.getppid()

    def settle(self, job: Job, ending: Ending, cost: dict[str, Any]) -> None:
        """Carry the ending of an attempt to the volume and the store. cost goes into the result."""
        match ending.how:
            case "done":
                self._finish(job, State.succeeded, result={**(ending.result or {}), "cost": cost})
            case "interrupted" if ending.reason == "cancel":
                self._finish(job, State.cancelled)
            case "interrupted" if ending.reason == "pause" and self._still_to_pause(job):
                self.release(job, "paused")
            case "interrupted" if ending.reason == "pause":
                self.release(job, "drained", "the pause was withdrawn while the process stopped")
            case "interrupted":
                self.release(job, "drained", "the worker was asked to leave")
            case "failed" if ending.cause == "user_error":
                error = JobErrorInfo(code=ending.code, message=ending.message, step=ending.step)
                self._finish(job, State.failed, error=error)
            case "failed":
                if ending.cause == "volume_full":
                    self._volume_check.suspect = True
                self.release(job, ending.cause, ending.message, code=ending.code)
            case _:  # the lease is lost: what became of the job is another's to say
                log.warning("nothing published: %s", ending.message)

    def _still_to_pause(self, job: Job) -> bool:
        """False when the owner has withdrawn the pause meanwhile."""
        try:
            return self._store.get(job.id).request == "pause"
        except (redis.RedisError, NotFound):
            return True

    def _finish(
        self, job: Job, state: State, *, result: dict[str, Any] | None = None, error: JobErrorInfo | None = None
    ) -> None:
        """DONE on the volume first: if the word to the store is lost, the next claim finds it and finishes at once."""
        try:
            self._volume.write_done(job.id, job.attempt, state=state, result=result, error=error)
        except (VolumeFull, OSError) as err:
            log.warning("the outcome could not be written to the volume: %s", err)
            self._volume_check.suspect = True
        self._until_heard(lambda: self._store.finish(job.id, job.attempt, state, result=result, error=error))
        self._unpin(job)

    def finish_as(self, job: Job, done: Done) -> None:
        """End the job as an attempt before this one had, whose word did not reach the store."""
        log.info("attempt %d had ended this job: %s", done.attempt, done.state)
        self._until_heard(
            lambda: self._store.finish(job.id, job.attempt, done.state, result=done.result, error=done.error)
        )
        self._unpin(job)

    def _unpin(self, job: Job) -> None:
        try:
            unpin(self._volume, job, job.id)
        except OSError as err:
            log.warning("pins are left for the reaper to remove: %s", err)

    def release(self, job: Job, cause: str, message: str = "", *, code: str = "") -> None:
        """Give the job back. A repeated fault waits ever longer; a full or unwritable volume from the first time on."""
        spent = job.spent.get(cause, 0)
        delay_s = 0.0
        if cause in ("infrastructure", "volume_full") or (spent and cause in ("process_lost", "out_of_memory")):
            delay_s = min(_FIRST_DELAY_S * 2**spent, _LAST_DELAY_S)

        def release() -> None:
            self._store.release(job.id, job.attempt, cause, message, delay_s=delay_s, error_code=code)

        log.warning("giving the job back (%s): %s", cause, message)
        self._until_heard(release)
        if not delay_s and cause != "paused":
            self._wakeups.send(job.queue)

    def _until_heard(self, say: Callable[[], Any]) -> None:
        """Repeat until Redis answers; a worker that is leaving gives up after its patience.

        What was not said is found by the next claim (DONE) or the reaper (lease). Raises LeaseLost when refused.
        """
        wait_s, give_up_at = 0.2, None
        while True:
            try:
                say()
                return
            except redis.RedisError as err:
                log.warning("Redis is out of reach, trying again: %s", err)
            if give_up_at is None and select.select([self._drain_fd], [], [], 0)[0]:
                give_up_at = time.monotonic() + self._patience_s
            if os.getppid() != self._parent or (give_up_at is not None and time.monotonic() > give_up_at):
                raise LeaseLost("gave up telling Redis how the job ended: the worker is leaving")
            select.select([] if give_up_at else [self._drain_fd], [], [], wait_s)
            wait_s = min(wait_s * 2, 5.0)
