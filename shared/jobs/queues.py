"""Reads over several jobs at once: where one stands, how long each queue is. Uses JobStore and Presence, writes nothing."""

from collections.abc import Sequence
from statistics import median

from pydantic import BaseModel

from shared.jobs.job import QUEUES, Job, State, utc_now
from shared.jobs.presence import WorkerInfo
from shared.jobs.record import from_ms
from shared.jobs.standing import Standing, describe
from shared.jobs.store import JobStore

_OLDEST_LOOKED_AT = 1_000
_LOOK_AHEAD = 200  # jobs before a job whose usual length is looked up for its ETA; further ahead the ETA is not told


class QueueInfo(BaseModel):
    """One queue: jobs that can be claimed, jobs held back for a moment, running jobs, and who serves it."""

    name: str
    ready: int
    delayed: int
    running: int
    oldest_wait_s: float | None
    workers: list[str]


def _durations(store: JobStore, pairs: set[tuple[str, str]]) -> dict[tuple[str, str], list[float]]:
    order = sorted(pairs)
    with store.redis.pipeline(transaction=False) as pipe:
        for kind, recipe in order:
            pipe.lrange(store.keys.durations(kind, recipe), 0, 19)
        rows = pipe.execute()
    return {pair: [float(value) for value in row] for pair, row in zip(order, rows, strict=True)}


def standings(store: JobStore, jobs: Sequence[Job]) -> list[Standing]:
    """Where each of some jobs stands now: a few reads for all of them, not atomic; the next call may say otherwise."""
    own = {(job.kind, job.recipe) for job in jobs if job.state in (State.queued, State.running)}
    now = from_ms(_server_ms(store)) if own else utc_now()
    queued = [job for job in jobs if job.state == State.queued]
    workers = store.presence.workers() if queued else []
    position = _positions(store, queued)
    ahead = _ahead(store, queued, position)
    durations = _durations(store, own | {(job.kind, job.recipe) for line in ahead.values() for job in line})
    usual = {pair: median(values) if values else None for pair, values in durations.items()}
    at_limit = _at_limit(store, {job.owner for job in queued})
    running = [job for job in store.get_many([i for w in workers for i in w.jobs]) if job.state == State.running]

    def one(job: Job) -> Standing:
        place = position.get(job.id)
        before = ahead[job.queue][:place] if place is not None and place <= _LOOK_AHEAD else []
        serving = {i for w in workers if job.queue in w.queues for i in w.jobs}
        return describe(
            job,
            now=now,
            position=place,
            workers=workers,
            running=[r for r in running if r.id in serving],
            durations=durations.get((job.kind, job.recipe), []),
            ahead_durations=[usual[(j.kind, j.recipe)] for j in before],
            at_limit=at_limit.get(job.owner),
        )

    return [one(job) for job in jobs]


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
