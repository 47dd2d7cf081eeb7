"""Claims one job, has it run in a child process, and settles how it ended. The plain function behind the Celery task.

Called by worker/tasks.py in the Celery child. Never imports TensorFlow. The order of things is what makes a crash at any
point harmless: claim, exclusive mkdir, run, DONE on the volume, finish in the store, wake-up.
"""

import contextlib
import logging
import os
import select
import shutil
import time
from collections.abc import Callable
from typing import Any

import redis

from shared.errors import Conflict, LeaseLost, VolumeFull
from shared.job import QUEUES, Job, JobErrorInfo, State
from shared.settings import Settings
from shared.staging import STAGING_PREFIX
from shared.store import JobStore
from shared.volume import Volume
from worker.attempt import Attempt, Ending
from worker.attempt_log import AttemptLog
from worker.child import ChildProcess
from worker.lease import Lease
from worker.logs import job_fields
from worker.presence import Status
from worker.spare import Crew
from worker.wakeups import WakeUps
from worker.watchdog import Watchdog

log = logging.getLogger(__name__)

_SPARE_LEAD_S = 15.0  # the next spare is started this long before a training ends: its import takes about 8 s of one core
_PROBE_BYTES = 4 * 1024**2
_LAST_DELAY_S = 300.0


class Supervisor:
    """One per Celery child. worker: the id leases are taken under; device: the slot's name."""

    def __init__(
        self,
        settings: Settings,
        store: JobStore,
        volume: Volume,
        crew: Crew,
        *,
        worker: str,
        device: str,
        drain_fd: int,
        wakeups: WakeUps,
        status: Status,
    ):
        self._settings, self._store, self._volume, self._crew = settings, store, volume, crew
        self._worker, self._device, self._drain_fd = worker, device, drain_fd
        self._wakeups, self._status = wakeups, status
        self._predecessor_settled = False
        self._volume_suspect = True  # until it has taken a write
        self._parent = os.getppid()

    def start(self) -> None:
        """Give back what a dead predecessor held and start the spare."""
        self._settle_predecessor()
        self._crew.prepare()
        self._say_idle()

    def close(self) -> None:
        """End the processes kept for the next job."""
        self._crew.close()

    @property
    def draining(self) -> bool:
        """The worker was told to leave."""
        return bool(select.select([self._drain_fd], [], [], 0)[0])

    def run_one(self, queue: str) -> Job | None:
        """Claim the best job of a queue and run it to its ending. Returns the job as claimed, or None.

        None: nothing was ready, the worker is leaving, the volume cannot be written, or Redis is out of reach; the reaper
        sends the next wake-up then.
        """
        if self.draining or not self._settle_predecessor() or not self._volume_usable():
            return None
        try:
            job = self._store.claim(queue, worker=self._worker, device=self._device, prefer=self._crew.warm)
        except redis.RedisError as err:
            log.warning("cannot claim from %s, Redis is out of reach: %s", queue, err)
            return None
        if job is None:
            return None
        with job_fields(job.id, job.attempt):
            self._status.tell(state="busy", jobs=[job.id], spare_pid=self._crew.spare_pid, warm=self._crew.warm)
            try:
                self._run(job)
            except LeaseLost as lost:
                log.warning("%s", lost)
        self._crew.prepare()
        self._say_idle()
        self._wake_next(job)
        return job

    # --- one job ----------------------------------------------------------------------------------------------------

    def _run(self, job: Job) -> None:
        done = self._volume.find_done(job.id)
        if done is not None:  # an attempt before this one ended it, and its word did not reach the store
            log.info("attempt %d had ended this job: %s", done.attempt, done.state)
            self._until_heard(lambda: self._store.finish(job.id, job.attempt, done.state, result=done.result, error=done.error))
            return
        try:
            folder = self._volume.start_attempt(job.id, job.attempt)
            self._volume.write_request(job)
            log_file = AttemptLog(folder / "log.txt")
        except Conflict:
            message = f"the folder of attempt {job.attempt} exists already (Redis has lost its last writes); going on with the next"
            self._release(job, "infrastructure", message)
            return
        except (VolumeFull, OSError) as err:
            self._volume_suspect = True
            self._release(job, "infrastructure", f"the volume cannot be written: {err}", code="volume_full")
            return
        began = time.monotonic()
        log.info("running %s %s on %s", job.kind, job.recipe, self._device)
        try:
            ending = self._attempt(job, log_file)
            log.info("ended: %s %s", ending.how, ending.reason or ending.code)
            self._settle(job, ending, time.monotonic() - began, log_file)
        finally:
            log_file.close()

    def _attempt(self, job: Job, log_file: AttemptLog) -> Ending:
        child = self._take_child(job)
        settings = self._settings
        lease = Lease(self._store, job, beat_s=settings.beat_s, clock=time.monotonic)
        watchdog = Watchdog(floor_s=settings.hang_floor_s, factor=settings.hang_factor, now=time.monotonic())
        attempt = Attempt(
            job,
            child,
            lease,
            log_file,
            drain_fd=self._drain_fd,
            stop_grace_s=settings.stop_grace_s,
            watchdog=watchdog,
            on_message=self._overhear,
        )
        order = {
            "do": job.kind,
            "job": job.model_dump(mode="json"),
            "attempt_dir": str(self._volume.attempt_dir(job.id, job.attempt)),
            "data": str(settings.data.resolve()),
            "settings": {
                "checkpoint_interval_s": settings.checkpoint_interval_s,
                "keep_checkpoints": settings.keep_checkpoints,
                "warm_models": settings.warm_models,
            },
        }
        try:
            ending = attempt.run(order)
        finally:
            if job.kind == "train":
                child.close()  # everything is on the volume: its memory is wanted
        if job.kind == "generate" and (not child.alive or ending.cause in ("out_of_memory", "process_lost")):
            self._crew.dismiss_generator()
        if not child.alive:
            self._clear_staging(job)
        if ending.how in ("done", "failed"):
            lease.beat()  # carries the last news, and an attempt whose lease was lost meanwhile leaves no DONE behind
        return ending

    def _clear_staging(self, job: Job) -> None:
        """Remove what a process that is dead for certain was in the middle of writing."""
        for path in self._volume.attempt_dir(job.id, job.attempt).rglob(f"{STAGING_PREFIX}*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _take_child(self, job: Job) -> ChildProcess:
        if job.kind == "generate":
            return self._crew.generator()
        if self._device != "cpu" or job.spent.get("out_of_memory"):
            self._crew.dismiss_generator()  # its memory is wanted
        return self._crew.trainer()

    def _overhear(self, message: dict[str, Any]) -> None:
        """Prepare what comes after: the next spare shortly before a training ends, the list of warm models."""
        if message["ev"] == "done":
            self._crew.warm = message.get("warm") or self._crew.warm
        elif message["ev"] == "progress" and self._crew.spare_pid is None:
            remaining_s = message.get("remaining_s")
            if remaining_s is not None and remaining_s < _SPARE_LEAD_S:
                self._crew.prepare()

    # --- how it ended -------------------------------------------------------------------------------------------------

    def _settle(self, job: Job, ending: Ending, seconds: float, log_file: AttemptLog) -> None:
        match ending.how:
            case "done":
                result = {**(ending.result or {}), "cost": self._cost(job, seconds)}
                self._finish(job, State.succeeded, result=result)
            case "interrupted" if ending.reason == "cancel":
                self._finish(job, State.cancelled)
            case "interrupted" if ending.reason == "pause":
                self._release(job, "paused", "")
            case "interrupted":
                self._release(job, "drained", "the worker was asked to leave")
            case "failed" if ending.cause == "user_error":
                log_file.say(f"failed: {ending.message}")
                self._finish(
                    job, State.failed, error=JobErrorInfo(code=ending.code, message=ending.message, step=ending.step)
                )
            case "failed":
                log_file.say(f"failed: {ending.message}")
                self._volume_suspect = ending.cause == "infrastructure"
                self._release(job, ending.cause, ending.message, code=ending.code)
            case _:
                log_file.say(f"stopped: {ending.message}")

    def _cost(self, job: Job, seconds: float) -> dict[str, Any]:
        """Seconds a device was held: by this attempt and by all of the job's."""
        before = sum((a.ended_at - a.started_at).total_seconds() for a in job.attempts if a.ended_at)
        return {"device": self._device, "attempt_s": round(seconds, 3), "total_s": round(before + seconds, 3)}

    def _finish(self, job: Job, state: State, *, result: dict[str, Any] | None = None, error: JobErrorInfo | None = None) -> None:
        """DONE on the volume first: if the word to the store is lost, the next claim finds it and finishes at once."""
        try:
            self._volume.write_done(job.id, job.attempt, state=state, result=result, error=error)
        except (VolumeFull, OSError) as err:
            log.warning("the outcome could not be written to the volume: %s", err)
            self._volume_suspect = True
        self._until_heard(lambda: self._store.finish(job.id, job.attempt, state, result=result, error=error))

    def _release(self, job: Job, cause: str, message: str, *, code: str = "") -> None:
        """Give the job back; a repeated fault waits ever longer, a full or unwritable volume from the first time on."""
        spent = job.spent.get(cause, 0)
        delay_s = 0.0
        if cause == "infrastructure" or (spent and cause in ("process_lost", "out_of_memory")):
            delay_s = min(5.0 * 2**spent, _LAST_DELAY_S)

        def release() -> None:
            self._store.release(job.id, job.attempt, cause, message, delay_s=delay_s, error_code=code)

        log.warning("giving the job back (%s): %s", cause, message)
        self._until_heard(release)
        if not delay_s and cause != "paused":
            self._wakeups.send(job.queue)

    def _until_heard(self, say: Callable[[], Any]) -> None:
        """Repeat until Redis answers; a worker that is leaving gives up after its grace (the lease or DONE then does the work).

        Raises LeaseLost when the store refuses.
        """
        wait_s, give_up_at = 0.2, None
        while True:
            try:
                say()
                return
            except redis.RedisError as err:
                log.warning("Redis is out of reach, trying again: %s", err)
            if self.draining and give_up_at is None:
                give_up_at = time.monotonic() + self._settings.stop_grace_s / 2
            if os.getppid() != self._parent or (give_up_at is not None and time.monotonic() > give_up_at):
                raise LeaseLost("gave up telling Redis how the job ended: the worker is leaving")
            watched = [] if give_up_at else [self._drain_fd]
            select.select(watched, [], [], wait_s)
            wait_s = min(wait_s * 2, 5.0)

    # --- around jobs --------------------------------------------------------------------------------------------------

    def _say_idle(self) -> None:
        self._status.tell(state="idle", jobs=[], spare_pid=self._crew.spare_pid, warm=self._crew.warm)

    def _wake_next(self, job: Job) -> None:
        """One message was one claim: see that a message is there for what is ready now.

        The end of a training may have let jobs of any queue go that waited for it.
        """
        try:
            for queue in QUEUES if job.kind == "train" else (job.queue,):
                if not self.draining and self._store.ready_count(queue) and not self._wakeups.waiting(queue):
                    self._wakeups.send(queue)
        except redis.RedisError as err:
            log.warning("cannot look for further jobs: %s", err)

    def _settle_predecessor(self) -> bool:
        """Release what an earlier child of this very worker held when it died. False when Redis is out of reach.

        A Celery parent starts the next child only after the last one's end, and runs one (worker/app.py insists on it), so
        nobody can be running these jobs.
        """
        if self._predecessor_settled:
            return True
        try:
            for job in self._store.running_on(self._worker):
                try:
                    self._store.release(job.id, job.attempt, "worker_lost", "the worker's supervising process died")
                except LeaseLost:
                    continue
                log.warning("released job %s, attempt %d: its supervisor died", job.id, job.attempt)
                self._wakeups.send(job.queue)
        except redis.RedisError as err:
            log.warning("Redis is out of reach: %s", err)
            return False
        self._predecessor_settled = True
        return True

    def _volume_usable(self) -> bool:
        """After a failed write, take no job until the volume takes one again: other jobs' budgets are not spent on it."""
        if not self._volume_suspect:
            return True
        probe = self._volume.root / f".tmp-probe-{self._worker}"
        try:
            self._volume.ensure()
            with probe.open("wb", buffering=0) as file:
                file.write(b"\0" * _PROBE_BYTES)
                os.fsync(file.fileno())
        except OSError as err:
            log.warning("the volume cannot be written, taking no jobs: %s", err)
            return False
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)
        self._volume_suspect = False
        return True
