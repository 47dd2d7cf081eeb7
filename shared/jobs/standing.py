"""Where a job stands: position in its queue, when it starts and ends (shared/clock/), and why it waits. Pure.

The facts come from shared/jobs/queues.py; nothing here talks to Redis.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import BaseModel

from shared.clock.cost import cold_word
from shared.clock.estimate import Estimate, estimate_of
from shared.clock.features import Features, features_of
from shared.clock.futures import DRAWS, Futures, left, whole
from shared.clock.learning import Learnt
from shared.jobs.job import Job, JobRequest, State
from shared.jobs.presence import WorkerInfo
from shared.jobs.record import warm_key


class Standing(BaseModel):
    """position: 0 is next. why: one sentence on why it waits or what it does.

    eta: seconds until it has ended; of a paused job, of work that is left. starts_in: seconds until a worker takes a queued one.
    Both None where that is not known; unknown then says what is missing.
    """

    position: int | None = None
    ahead: int | None = None
    starts_in: Estimate | None = None
    eta: Estimate | None = None
    unknown: str = ""
    why: str = ""


@dataclass(frozen=True)
class Surroundings:
    """What is around a job. workers: all live ones. running: the jobs they are on. learnt: what is known of jobs like one.

    ahead: the jobs before it in its queue, or at most a first part of them. at_limit: how many jobs of its owner run, when no
    further one may.
    """

    now: datetime
    learnt: Callable[[JobRequest], Learnt]
    workers: Sequence[WorkerInfo] = ()
    running: Sequence[Job] = ()
    ahead: Sequence[Job] = field(default_factory=tuple)
    at_limit: int | None = None


def describe(job: Job, position: int | None, around: Surroundings) -> Standing:
    """Say where a job stands."""
    if job.state == State.running:
        return _running(job, around)
    if job.state == State.paused:
        found = work_left(job, around)
        return Standing(
            eta=_told(found, job, around),
            unknown="" if found else _unknown(job, around),
            why="paused; resume it to put it back into the queue",
        )
    if job.state != State.queued:
        return Standing(why="")
    if job.waits_for:  # for other jobs before it has ever run, after a fault later
        return Standing(why=f"{'held back for a moment:' if job.attempt else 'waits for'} {job.waits_for}")
    here = _queued(job, position, around)
    if around.at_limit is not None:
        why = f"{around.at_limit} of its owner's jobs run, which is the limit: it starts when one of them has ended"
        return Standing(position=here.position, ahead=here.ahead, why=why, unknown="when it may start")
    return here


def expected(request: JobRequest, around: Surroundings) -> Estimate | None:
    """Seconds of work of a job that has not been submitted; None: not yet known."""
    learnt = around.learnt(request)
    found = whole(learnt, _features(request, around))
    return estimate_of(found[0], jobs=len(learnt), guessed=found[1]) if found else None


def work_left(job: Job, around: Surroundings) -> Futures | None:
    """Seconds of work until a job will have ended, by draw, not counting what it waits for; None: not yet known."""
    learnt, features = around.learnt(job), _features(job, around)
    if job.state == State.running or job.attempt:
        return left(learnt, features, job, max((around.now - job.updated_at).total_seconds(), 0.0))
    return whole(learnt, features)


def _features(request: JobRequest, around: Surroundings) -> Features:
    """What a job's cost goes by, where it runs or is likely to."""
    worker = request.worker if isinstance(request, Job) else ""
    serving = [w for w in around.workers if w.id == worker] or [w for w in around.workers if request.kind in w.queues]
    kinds = [w.device_kind for w in serving] or ["cpu"]
    features = features_of(request).with_words(device=max(kinds, key=kinds.count))
    if request.kind != "generate":
        return features
    warm = any(warm_key(request) in w.warm for w in serving)
    if isinstance(request, Job) and request.state == State.running and request.progress:
        phases = {request.progress.phase, *(request.progress.spent or {})}
        warm = "loading" not in phases and (warm or "generating" in phases)
    return features.with_words(cold=cold_word(not warm))


def _told(found: Futures | None, job: Job, around: Surroundings) -> Estimate | None:
    if found is None:
        return None
    spent = (job.progress.spent if job.progress else None) or {}
    own_s = sum(part.seconds for part in spent.values())
    return estimate_of(found[0], jobs=len(around.learnt(job)), own_s=own_s, guessed=found[1])


def _unknown(job: Job, around: Surroundings) -> str:
    """What an ETA waits for."""
    verb = "training" if job.kind == "train" else "generation"
    return (
        f"no {job.recipe} {verb} has ended here yet to tell by"
        if not len(around.learnt(job))
        else "no pace measured yet"
    )


def _running(job: Job, around: Surroundings) -> Standing:
    if job.request == "cancel":
        return Standing(why="stopping: it is being cancelled")
    if job.request == "pause":
        return Standing(why="stopping: it is being paused after a checkpoint")
    where = job.progress.phase if job.progress else "starting"
    found = work_left(job, around)
    return Standing(eta=_told(found, job, around), unknown="" if found else _unknown(job, around), why=where)


def _queued(job: Job, position: int | None, around: Surroundings) -> Standing:
    ahead = position or 0
    serving = [w for w in around.workers if job.queue in w.queues and w.state != "draining"]
    before = f"{ahead} job{'' if ahead == 1 else 's'} ahead on {job.queue}" if ahead else f"next on {job.queue}"
    here = Standing(position=position, ahead=ahead)
    if not serving:
        here.why = f"no worker serves queue {job.queue}; start one to run it" + (f" ({before})" if ahead else "")
        here.unknown = "when a worker will come"
        return here

    by_id = {r.id: r for r in around.running}
    busy = [[by_id[i] for i in w.jobs if i in by_id] for w in serving]
    idle = sum(1 for jobs in busy if not jobs)
    free_in = [_longest(jobs, around) for jobs in busy]
    known = [estimate_of(futures, jobs=0).median_s for futures in free_in if futures is not None]
    if idle and idle > ahead:
        here.why = f"{before}, a worker is free: it starts at once"
    else:
        taken = len(serving) - idle
        here.why = f"{before}, {taken} worker{'' if taken == 1 else 's'} busy"
        if known:
            soonest = around.now + timedelta(seconds=min(known))
            here.why += f" until about {soonest:%H:%M} UTC"
    starts = _starts(free_in, around.ahead, ahead, around)
    own = work_left(job, around)
    if starts is None:
        here.unknown = "how long the jobs before it take"
        return here
    here.starts_in = estimate_of(starts, jobs=0) if max(starts) > 0 else None
    if own is None:
        here.unknown = _unknown(job, around)
    else:
        ends = [start + seconds for start, seconds in zip(starts, own[0], strict=True)]
        here.eta = estimate_of(ends, jobs=len(around.learnt(job)), guessed=own[1])
    return here


def _starts(
    free_in: Sequence[list[float] | None], before: Sequence[Job], ahead: int, around: Surroundings
) -> list[float] | None:
    """Seconds until a worker is free for a job, by draw; None where a job before it cannot be told."""
    lengths = [work_left(other, around) for other in before[:ahead]]
    if None in free_in or None in lengths or len(lengths) < ahead:
        return None
    found = []
    for draw in range(DRAWS):
        ends = [futures[draw] for futures in free_in if futures is not None]
        heapq.heapify(ends)
        for length in lengths:
            heapq.heappush(ends, heapq.heappop(ends) + (length[0][draw] if length else 0.0))
        found.append(ends[0])
    return found


def _longest(jobs: Sequence[Job], around: Surroundings) -> list[float] | None:
    """Seconds until a worker's jobs have ended, by draw; zeros when it has none, None when one of them cannot tell."""
    found = [work_left(job, around) for job in jobs]
    if None in found:
        return None
    return [max((f[0][draw] for f in found if f), default=0.0) for draw in range(DRAWS)]
