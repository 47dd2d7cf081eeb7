"""Claims one job, has it run in a child process, and settles how it ended. The plain function behind the Celery task.

Called by worker/tasks.py in the Celery child. Never imports TensorFlow. The order of things makes a crash at any point
harmless: claim, exclusive mkdir, run, DONE on the volume, finish in the store, wake-up.
"""

import contextlib
import logging
import select
import shutil
import time
from typing import Any

import redis

from shared.errors import Conflict, LeaseLost, VolumeFull
from shared.jobs.job import QUEUES, Job, State
from shared.jobs.store import JobStore
from shared.settings import Settings
from shared.volume.cache import make_room
from shared.volume.staging import STAGING_PREFIX
from shared.volume.volume import Volume
from worker.logs import job_fields
from worker.supervision.attempt import Attempt, Ending
from worker.supervision.attempt_log import AttemptLog
from worker.supervision.child import ChildProcess
from worker.supervision.giving_up import died_there_before, given_up
from worker.supervision.lease import Lease
from worker.supervision.presence import Status
from worker.supervision.settle import Settlement
from worker.supervision.spare import Crew
from worker.supervision.volume_check import VolumeCheck
from worker.supervision.wakeups import WakeUps
from worker.supervision.watchdog import Watchdog

log = logging.getLogger(__name__)

_COMPARED_WITH = 20  # jobs that worked, a guess
_SPARE_LEAD_S = 15.0  # the next spare is started this long before a training ends: it needs about 8 s of one core


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
        self._volume_check = VolumeCheck(volume, worker)
        self._settlement = Settlement(
            store, volume, self._volume_check, wakeups, drain_fd=drain_fd, patience_s=settings.stop_grace_s / 2
        )

    def start(self) -> None:
        """Give back what a dead predecessor held and start the spare."""
        self._settle_predecessor()
        self._crew.prepare()
        self._tell("idle", [])

    def close(self) -> None:
        """End the processes kept for the next job."""
        self._crew.close()

    @property
    def draining(self) -> bool:
        """The worker was told to leave."""
        return bool(select.select([self._drain_fd], [], [], 0)[0])

    def run_one(self, queue: str) -> Job | None:
        """Claim the best job of a queue and run it to its ending. Returns the job as claimed, or None.

        None: nothing was ready, the worker is leaving, the volume cannot be written, or Redis is out of reach; the
        reaper sends the next wake-up then.
        """
        if self.draining or not self._settle_predecessor() or not self._volume_check.usable():
            return None
        try:
            job = self._store.claim(queue, worker=self._worker, device=self._device, prefer=self._crew.warm)
        except redis.RedisError as err:
            log.warning("cannot claim from %s, Redis is out of reach: %s", queue, err)
            return None
        if job is None:
            return None
        with job_fields(job.id, job.attempt):
            try:
                self._run(job)
            except LeaseLost as lost:
                log.warning("%s", lost)
        self._crew.prepare()
        self._tell("idle", [])
        self._wake_next(job)
        return job

    # --- one job ----------------------------------------------------------------------------------------------------

    def _run(self, job: Job) -> None:
        """Run a claimed job to its ending. The one place with broad catching: whatever goes wrong here, the job goes back."""
        try:
            done = self._volume.find_done(job.id)
            if done is not None:
                self._settlement.finish_as(job, done)
                return
            make_room(self._volume)
            folder = self._volume.start_attempt(job.id, job.attempt)
            self._volume.write_claimed(job)
            with contextlib.closing(AttemptLog(folder / "log.txt")) as log_file:
                self._run_in(log_file, job)
        except Conflict:
            message = (
                f"attempt {job.attempt} has a folder already (Redis has lost its last writes); going on with the next"
            )
            self._settlement.release(job, "infrastructure", message)
        except (VolumeFull, OSError) as err:
            self._volume_check.suspect = True
            message = f"the volume cannot be used: {err}"
            self._settlement.release(job, "volume_full", message)
        except Exception as err:
            log.exception("the supervisor failed")
            self._crew.dismiss_generator()
            self._settlement.release(job, "infrastructure", f"the supervisor failed: {err!r:.200}", code="internal")

    def _run_in(self, log_file: AttemptLog, job: Job) -> None:
        began = time.monotonic()
        log.info("running %s %s on %s", job.kind, job.recipe, self._device)
        log_file.say(f"job {job.id}, attempt {job.attempt}: {job.kind} {job.recipe} on {self._device}, {self._worker}")
        ending = self._attempt(job, log_file)
        if died_there_before(job, ending):
            ending = given_up(job, ending, self._worked(job))
        log.info("ended: %s %s", ending.how, ending.reason or ending.code)
        if ending.message:
            log_file.say(f"{ending.how}: {ending.message}")
        self._settlement.settle(job, ending, self._cost(job, time.monotonic() - began))

    def _worked(self, job: Job) -> list[Job]:
        """The newest jobs of this owner and recipe that succeeded; none where they cannot be read now."""
        try:
            like = {"kind": job.kind, "recipe": job.recipe, "owner": job.owner}
            return self._store.list_jobs(state=State.succeeded, limit=_COMPARED_WITH, **like).jobs
        except redis.RedisError as err:
            log.warning("no jobs to compare with: %s", err)
            return []

    def _attempt(self, job: Job, log_file: AttemptLog) -> Ending:
        child = self._take_child(job)
        self._tell("busy", [job.id])
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
            "data": str(settings.data.resolve()),
            "settings": {
                "checkpoint_interval_s": settings.checkpoint_interval_s,
                "keep_checkpoints": settings.keep_checkpoints,
                "warm_models": settings.warm_models,
                "max_cache_bytes": settings.max_cache_bytes,
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
        """Prepare what comes after: the next spare when a training is about to end, the list of warm models."""
        if message["ev"] == "done":
            self._crew.warm = message.get("warm") or self._crew.warm
        elif message["ev"] == "progress" and self._crew.spare_pid is None and self._ends_soon(message):
            self._crew.prepare()
            self._status.tell(spare_pid=self._crew.spare_pid)

    def _ends_soon(self, progress: dict[str, Any]) -> bool:
        """On a GPU the import costs the training nothing; on the CPU it waits for the last step, not to slow the others."""
        if self._device == "cpu":
            return progress["total_steps"] is not None and progress["step"] >= progress["total_steps"]
        return progress["remaining_s"] is not None and progress["remaining_s"] < _SPARE_LEAD_S

    def _cost(self, job: Job, seconds: float) -> dict[str, Any]:
        """Seconds a device was held: by this attempt and by all of the job's."""
        listed = sum((a.ended_at - a.started_at).total_seconds() for a in job.attempts if a.ended_at)
        before = job.forgotten_s + listed
        return {"device": self._device, "attempt_s": round(seconds, 3), "total_s": round(before + seconds, 3)}

    # --- around jobs --------------------------------------------------------------------------------------------------

    def _tell(self, state: str, jobs: list[str]) -> None:
        self._status.tell(state=state, jobs=jobs, spare_pid=self._crew.spare_pid, warm=self._crew.warm)

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

        A Celery parent starts the next child only after the last one's end, and runs one (worker/app.py insists on it),
        so nobody can be running these jobs.
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
