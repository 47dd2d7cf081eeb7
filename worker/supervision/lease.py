"""The right to run one attempt, as the supervisor holds it: carries news to the store, brings the owner's wishes back.

While Redis is out of reach it keeps the news and tries again, ever more slowly; the training goes on meanwhile.
"""

import logging
from collections.abc import Callable
from typing import Any

import redis

from shared.jobs.job import CheckpointRef, Job, Progress, Request
from shared.jobs.store import JobStore
from worker.supervision.phase_meter import PhaseMeter

log = logging.getLogger(__name__)

_PROGRESS_S = 1.0  # pages are live at this grain
_FIRST_RETRY_S, _LAST_RETRY_S = 0.5, 5.0
_KEPT = 2_000  # events kept while Redis is away; beyond, the oldest go


class Lease:
    """Batches progress, events and checkpoints into beats. Times are of the clock given.

    Every beat carries the newest progress with what the attempt has spent by then: time left is told in long phases too.
    """

    def __init__(self, store: JobStore, job: Job, *, beat_s: float, clock: Callable[[], float]):
        self._store = store
        self._job_id, self._fence = job.id, job.attempt
        self._beat_s = beat_s
        self._clock = clock
        self._meter = PhaseMeter(clock())
        self._phases: set[str] = set()
        self._events: list[tuple[str, dict[str, Any]]] = []
        self._checkpoint: CheckpointRef | None = None
        self._resumed_from_step: int | None = None
        self._last_beat_at = clock()
        self._retry_s = 0.0  # > 0: Redis was out of reach at the last try
        self.due_at = self._last_beat_at + beat_s

    def progress(self, progress: Progress) -> None:
        """Replace the progress to be carried: a phase's first at once, else within a second."""
        self._meter.take(progress, self._clock())
        self._want(self._clock() if progress.phase not in self._phases else self._last_beat_at + _PROGRESS_S)
        self._phases.add(progress.phase)

    def event(self, type: str, data: dict[str, Any]) -> None:
        """Add an event, to be carried at once."""
        self._events = [*self._events[-_KEPT:], (type, data)]
        self._resumed_from_step = data.get("resumed_from_step", self._resumed_from_step)
        self._want(self._clock())

    def checkpoint(self, ref: CheckpointRef, data: dict[str, Any]) -> None:
        """Add a checkpoint that lies on the volume; the newest becomes the record's."""
        self._checkpoint = ref
        self.event("checkpoint", {"step": ref.step, **data})

    def _want(self, at: float) -> None:
        if not self._retry_s:
            self.due_at = min(self.due_at, at)

    def beat(self) -> Request | None:
        """Beat now. Returns what the owner asks for, or None when Redis is out of reach.

        Raises LeaseLost when the store refuses this attempt.
        """
        events, self._events = self._events, []
        try:
            request = self._store.beat(
                self._job_id,
                self._fence,
                progress=self._meter.stamp(self._clock()),
                events=events,
                checkpoint=self._checkpoint,
                resumed_from_step=self._resumed_from_step,
            )
        except redis.RedisError as err:
            self._events = events
            self._retry_s = min(self._retry_s * 2, _LAST_RETRY_S) or _FIRST_RETRY_S
            self.due_at = self._clock() + self._retry_s
            log.warning("Redis is out of reach, the job goes on: %s", err)
            return None
        self._checkpoint = self._resumed_from_step = None
        self._retry_s = 0.0
        self._last_beat_at = self._clock()
        self.due_at = self._last_beat_at + self._beat_s
        return request
