"""Reads over several jobs at once: where one stands, how long each queue is. Uses JobStore and Presence, writes nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel

from shared.clock.estimate import Estimate
from shared.clock.learning import Learnt
from shared.jobs.job import QUEUES, Job, JobRequest, State
from shared.jobs.presence import WorkerInfo
from shared.jobs.record import from_ms
from shared.jobs.standing import Standing, Surroundings, describe
from shared.jobs.standing import expected as told_of
from shared.jobs.store import JobStore

_OLDEST_LOOKED_AT = 1_000
_LOOK_AHEAD = 200  # jobs before a job that are looked up for its ETA; further back the ETA is not told


class QueueInfo(BaseModel):
    """One queue: jobs that can be claimed, jobs held back for a moment, running jobs, and who serves it."""

    name: str
    ready: int
    delayed: int
    running: int
    oldest_wait_s: float | None
    workers: list[str]


@dataclass(frozen=True)
class Looked:
    """What was read of all that is around some jobs. position: by id of a queued job. ahead: by queue, the first ready jobs.

    learnt: by the key of a log of costs. at_limit: by owner.
    """

    now: datetime
    workers: list[WorkerInfo]
    running: list[Job]
    position: dict[str, int | None]
    ahead: dict[str, list[Job]]
    at_limit: dict[str, int]
    learnt: dict[str, Learnt]

    def around(self, job: JobRequest, key_of: Callable[[JobRequest], str]) -> Surroundings:
        place = self.position.get(job.id) if isinstance(job, Job) else None
        ahead = self.ahead[job.queue][:place] if isinstance(job, Job) and place and place <= _LOOK_AHEAD else []
        limit = self.at_limit.get(job.owner)
        return Surroundings(self.now, lambda r: self.learnt[key_of(r)], self.workers, self.running, ahead, limit)


def look_around(store: JobStore, requests: Sequence[JobRequest], jobs: Sequence[Job]) -> Looked:
    """Read what is around some requests and jobs: a few reads for all of them, not atomic."""
    queued = [job for job in jobs if job.state == State.queued]
    position = _positions(store, queued)
    ahead = _ahead(store, queued, position)
    workers = store.presence.workers()
    busy = [i for w in workers for i in w.jobs] if queued else []
    running = [job for job in store.get_many(busy) if job.state == State.running]
    line = [job for some in ahead.values() for job in some]
    learnt = store.costs.learnt([*requests, *jobs, *running, *line])
    at_limit = _at_limit(store, {job.owner for job in queued})
    return Looked(from_ms(_server_ms(store)), workers, running, position, ahead, at_limit, learnt)


def standings(store: JobStore, jobs: Sequence[Job]) -> list[Standing]:
    """Where each of some jobs stands now; the next call may say otherwise."""
    waiting = [job for job in jobs if not job.state.terminal]
    if not waiting:
        return [Standing() for _ in jobs]
    found = look_around(store, (), waiting)
    return [
        Standing()
        if job.state.terminal
        else describe(job, found.position.get(job.id), found.around(job, store.costs.key_of))
        for job in jobs
    ]


def expected(store: JobStore, request: JobRequest) -> Estimate | None:
    """How long a job would take that has not been submitted; None: not yet known. Waiting is not counted."""
    return told_of(request, look_around(store, [request], ()).around(request, store.costs.key_of))


def _positions(store: JobStore, queued: Sequence[Job]) -> dict[str, int | None]:
    """Id -> place among the ready jobs of its queue, None for one that is not ready."""
    with store.redis.pipeline(transaction=False) as pipe:
        for job in queued:
            pipe.zrank(store.keys.ready(job.queue), job.id)
        return dict(zip((job.id for job in queued), pipe.execute(), strict=True))


def _at_limit(store: JobStore, owners: set[str]) -> dict[str, int]:
    """Owner -> running jobs, of those who may not have more."""
    order = sorted(owners)
    with store.redis.pipeline(transaction=False) as pipe:
        for owner in order:
            pipe.zcard(store.keys.jobs_of(owner, State.running))
        counts = dict(zip(order, pipe.execute(), strict=True))
    return {owner: count for owner, count in counts.items() if count >= store.max_running_per_owner}


def _ahead(store: JobStore, queued: Sequence[Job], position: dict[str, int | None]) -> dict[str, list[Job]]:
    """Queue -> the first ready jobs, as many as stand before one of those that are near enough to the front."""
    found: dict[str, list[Job]] = {}
    for queue in {job.queue for job in queued}:
        places = [position[job.id] for job in queued if job.queue == queue]
        near = max((place for place in places if place is not None and place <= _LOOK_AHEAD), default=0)
        ids = store.redis.zrange(store.keys.ready(queue), 0, near - 1) if near else []
        found[queue] = store.get_many(ids)  # type: ignore[arg-type]
    return found


def placed(store: JobStore, job: Job) -> tuple[Job, Standing]:
    """A job and where it stands, of one moment: what has left its queue since it was read is read again. Raises NotFound."""
    while True:
        (found,) = standings(store, [job])
        if job.state != State.queued or job.waits_for or found.position is not None:
            return job, found
        known, job = job.revision, store.get(job.id)
        if job.revision == known:
            return job, found


def queues(store: JobStore, workers: list[WorkerInfo] | None = None) -> list[QueueInfo]:
    """All queues, in the order of shared.jobs.job.QUEUES."""
    workers = store.presence.workers() if workers is None else workers
    now_ms = _server_ms(store)
    running = store.get_many(store.redis.zrange(store.keys.leases(), 0, -1))  # type: ignore[arg-type]
    found = []
    for name in QUEUES:
        head: list[str] = store.redis.zrange(store.keys.ready(name), 0, 0)  # type: ignore[assignment]
        oldest = _oldest_wait_s(store, name, now_ms) if head else None
        found.append(
            QueueInfo(
                name=name,
                ready=store.redis.zcard(store.keys.ready(name)),  # type: ignore[arg-type]
                delayed=store.redis.zcard(store.keys.delayed(name)),  # type: ignore[arg-type]
                running=sum(1 for job in running if job.queue == name),
                oldest_wait_s=oldest,
                workers=[w.id for w in workers if name in w.queues],
            )
        )
    return found


def _server_ms(store: JobStore) -> float:
    seconds, micros = store.redis.time()  # type: ignore[misc]
    return seconds * 1000 + micros / 1000


def _oldest_wait_s(store: JobStore, queue: str, now_ms: float) -> float | None:
    """Age of the job that has waited longest among the oldest submissions: the first fifty with one of this queue."""
    for start in range(0, _OLDEST_LOOKED_AT, 50):
        ids: list[str] = store.redis.zrange(store.keys.jobs_in("queued"), start, start + 49)  # type: ignore[assignment]
        with store.redis.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hmget(store.keys.job(job_id), "queue", "queued_ms")
            rows = pipe.execute()
        waits = [now_ms - float(since) for name, since in rows if name == queue and since]
        if waits:
            return max(waits) / 1000
        if len(ids) < 50:
            break
    return None
