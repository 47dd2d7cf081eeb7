"""Runs one attempt in a child process and watches over it: one loop over its output, the drain pipe and the clock.

Decides nothing about the job's record: it returns an Ending, and worker/supervision/supervisor.py settles it.
"""

import logging
import os
import selectors
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from shared.errors import Hung, JobError, LeaseLost
from shared.jobs.events import WORKER_EVENTS
from shared.jobs.job import CheckpointRef, Job, Progress
from worker.supervision.attempt_log import AttemptLog
from worker.supervision.child import ChildProcess
from worker.supervision.failure import describe_death, oom_kills
from worker.supervision.lease import Lease
from worker.supervision.log_lines import Narrator
from worker.supervision.watchdog import Watchdog

log = logging.getLogger(__name__)

_CANCEL_GRACE_S = 4.0  # with a beat before it, the process is gone within 10 s of the request
_LAST_WORDS_BYTES = 1 << 16  # of what a process writes: room for the stacks of some hundred threads
_DUMP_S = 2.0  # time a hung process has to write its stacks into the log


@dataclass(frozen=True)
class Ending:
    """How an attempt ended.

    done: result is set. interrupted: reason is "cancel", "pause" or "drain". failed: code, message, cause, maybe step.
    lost: the store or the parent process is gone for this attempt; nothing may be published.
    place: where the process died by a fault of its own; got_on: it had published a checkpoint before.
    """

    how: str
    result: dict[str, Any] | None = None
    reason: str = ""
    code: str = ""
    message: str = ""
    cause: str = "user_error"
    step: int | None = None
    place: str = ""
    got_on: bool = False

    @classmethod
    def of_error(cls, err: JobError) -> "Ending":
        return cls("failed", code=err.code, message=err.message, cause=err.cause)


class Attempt:
    """One attempt, from the order to the process's answer."""

    def __init__(
        self,
        job: Job,
        child: ChildProcess,
        lease: Lease,
        log_file: AttemptLog,
        *,
        drain_fd: int,
        stop_grace_s: float,
        watchdog: Watchdog,
        on_message: Callable[[dict[str, Any]], None] = lambda message: None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._job, self._child, self._lease, self._log = job, child, lease, log_file
        self._drain_fd, self._stop_grace_s, self._watchdog = drain_fd, stop_grace_s, watchdog
        self._on_message, self._clock = on_message, clock
        self._narrator = Narrator(log_file.say)
        self._parent = os.getppid()
        self._oom_kills = oom_kills()
        self._ending: Ending | None = None
        self._stopping = ""  # the reason the process was asked to stop for
        self._kill_at: float | None = None  # when it is killed if it has not ended by then
        self._drain_at: float | None = None  # when a short job that may still finish is asked to stop after all
        self._hung: Hung | None = None
        self._progress: Progress | None = None
        self._got_on = False
        self._last_words = b""
        self._selector = selectors.DefaultSelector()

    def run(self, order: dict[str, Any]) -> Ending:
        """Hand the order over and watch until it is answered. The process is killed unless it answered."""
        with self._selector as selector:
            selector.register(self._child.out_fd, selectors.EVENT_READ, self._read_messages)
            selector.register(self._child.log_fd, selectors.EVENT_READ, self._read_log)
            selector.register(self._drain_fd, selectors.EVENT_READ, self._drain)
            if not self._child.send(order):
                log.warning("process %d does not take its order", self._child.pid)
                self._child.kill()
            while self._ending is None:
                try:
                    self._tick()
                    for key, _ in selector.select(max(self._next_at() - self._clock(), 0)):
                        key.data()
                except LeaseLost as lost:
                    log.warning("%s", lost)
                    self._ending = Ending("lost", message=str(lost))
            if self._ending.how == "lost":
                self._child.kill()
            self._read_log()
        return self._ending

    # --- what the clock asks for -----------------------------------------------------------------------------------

    def _next_at(self) -> float:
        end_at = self._watchdog.hung_at if self._kill_at is None else self._kill_at
        return min(self._lease.due_at, end_at, self._drain_at or end_at)

    def _tick(self) -> None:
        now = self._clock()
        if os.getppid() != self._parent:
            raise LeaseLost("the Celery worker is gone")
        if self._kill_at is not None and now >= self._kill_at:
            self._child.kill()
            self._ending = Ending.of_error(self._hung) if self._hung else Ending("interrupted", reason=self._stopping)
            return
        if self._drain_at is not None and now >= self._drain_at:
            self._drain_at = None
            self._stop("drain", self._stop_grace_s / 2)
        if now >= self._watchdog.hung_at and self._kill_at is None:
            self._declare_hung(now)
        if now >= self._lease.due_at:
            request = self._lease.beat()
            if request == "cancel":
                self._stop("cancel", min(_CANCEL_GRACE_S, self._stop_grace_s))
            elif request == "pause":
                self._stop("pause", self._stop_grace_s)

    def _stop(self, reason: str, grace_s: float) -> None:
        """Ask the process to stop; a cancel overtakes a pause or drain on its way, nothing else does."""
        if self._stopping and not (reason == "cancel" and self._stopping != "cancel"):
            return
        self._stopping = reason
        self._log.say(f"stop asked for: {reason}")
        log.info("asking process %d to stop: %s", self._child.pid, reason)
        self._kill_at = min(self._clock() + grace_s, self._kill_at or float("inf"))
        if not self._child.send({"do": "stop", "reason": reason}):
            self._kill_at = self._clock()

    def _declare_hung(self, now: float) -> None:
        limit_s = self._watchdog.limit_s
        self._hung = Hung(
            f"nothing new for {limit_s:.0f} s, far longer than a step usually takes; stacks are in the log"
        )
        self._log.say(self._hung.message)
        self._child.signal(signal.SIGUSR1)
        self._kill_at = now + _DUMP_S

    def _drain(self) -> None:
        """The worker was told to leave: a training stops now, a short generation may finish within half the grace."""
        self._selector.unregister(self._drain_fd)
        if self._job.kind == "generate":
            self._drain_at = self._clock() + self._stop_grace_s / 2
        else:
            self._stop("drain", self._stop_grace_s)

    # --- what the process says --------------------------------------------------------------------------------------

    def _read_log(self) -> None:
        while data := self._child.read_log():
            self._log.feed(data)
            self._last_words = (self._last_words + data)[-_LAST_WORDS_BYTES:]
        if data == b"" and self._child.log_fd in self._selector.get_map():
            self._selector.unregister(self._child.log_fd)

    def _read_messages(self) -> None:
        now = self._clock()
        for message in self._child.read():
            if self._ending is None:
                self._take(message, now)
        if self._child.ended and self._ending is None:
            self._selector.unregister(self._child.out_fd)
            self._read_log()
            self._child.wait(1)  # the pipe closes a moment before the process has ended; one that lingers is killed
            returncode = self._child.returncode
            self._child.kill()
            self._read_log()
            self._ending = self._ending_of_death(returncode)

    def _ending_of_death(self, returncode: int | None) -> Ending:
        if self._hung:
            return Ending.of_error(self._hung)
        if self._stopping:
            return Ending("interrupted", reason=self._stopping)
        died = describe_death(returncode, self._oom_kills, self._last_words.decode(errors="replace"), self._progress)
        return replace(Ending.of_error(died.error), place=died.place, step=died.step, got_on=self._got_on)

    def _take(self, message: dict[str, Any], now: float) -> None:
        self._on_message(message)
        self._narrator.take(message, now)
        match message["ev"]:
            case "ready":
                pass
            case "started":
                self._watchdog.started(now)
            case "progress":
                progress = self._progress = Progress.model_validate(message)
                self._watchdog.progress(progress, now)
                self._lease.progress(progress)
            case "event" if message["type"] in WORKER_EVENTS:
                self._watchdog.life(now)
                self._lease.event(message["type"], message["data"])
            case "checkpoint":
                self._watchdog.life(now)
                self._got_on = True
                ref = CheckpointRef(job_id=self._job.id, attempt=self._job.attempt, step=message["step"])
                self._lease.checkpoint(ref, message["data"])
            case "done":
                self._ending = Ending("done", result=message["result"])
            case "interrupted":
                self._ending = Ending("interrupted", reason=self._stopping or message["reason"])
            case "failed":
                fields = {name: message.get(name) for name in ("code", "message", "cause", "step")}
                self._ending = Ending("failed", **fields)  # type: ignore[arg-type]
            case other:
                log.warning("process %d said %r, which means nothing here", self._child.pid, other)
