"""Where a job stands: position in its queue, an honest ETA with its basis, and why it waits. Pure.

The numbers come from JobStore.standing; nothing here talks to Redis.
"""

import heapq
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median

from pydantic import BaseModel

from shared.jobs.job import Job, State
from shared.jobs.presence import WorkerInfo


class Standing(BaseModel):
    """position: 0 is next. eta_s: seconds until the job ends (None: not known). eta_basis: what the ETA rests on.

    starts_in_s: for a queued job, seconds until a worker takes it, when that can be told.
    why: one sentence on why it waits or what it does.
    """

    position: int | None = None
    ahead: int | None = None
    starts_in_s: float | None = None
    eta_s: float | None = None
    eta_basis: str = ""
    why: str = ""


def describe(
    job: Job,
    *,
    now: datetime,
    position: int | None,
    workers: Sequence[WorkerInfo],
    running: Sequence[Job],
    durations: Sequence[float],
    ahead_durations: Sequence[float | None] = (),
    at_limit: int | None = None,
) -> Standing:
    """Say where a job stands.

    workers: all live workers. running: the jobs those that serve this queue are on, of any queue.
    durations: seconds of recent jobs of this kind and recipe, newest first.
    ahead_durations: usual seconds of each of the jobs before this one, None where unknown; at most a first part of them.
    at_limit: how many jobs of its owner run, when no further one may.
    """
    if job.state == State.running:
        return _running(job, durations, now)
    if job.state == State.paused:
        return Standing(why="paused; resume it to put it back into the queue")
    if job.state != State.queued:
        return Standing(why="")
    if job.waits_for:  # for other jobs before it has ever run, after a fault later
        return Standing(why=f"{'held back for a moment:' if job.attempt else 'waits for'} {job.waits_for}")
    here = _queued(job, now, position, workers, running, durations, ahead_durations)
    if at_limit is not None:
        why = f"{at_limit} of its owner's jobs run, which is the limit: it starts when one of them has ended"
        return Standing(position=here.position, ahead=here.ahead, why=why, eta_basis="unknown: the owner's limit")
    return here


def _running(job: Job, durations: Sequence[float], now: datetime) -> Standing:
    if job.request == "cancel":
        return Standing(why="stopping: it is being cancelled")
    if job.request == "pause":
        return Standing(why="stopping: it is being paused after a checkpoint")
    progress = job.progress
    where = progress.phase if progress else "starting"
    if progress and progress.remaining_s is not None:
        return Standing(eta_s=progress.remaining_s, eta_basis="its own rate over the last seconds", why=where)
    if durations and job.attempts:
        left = median(durations) - (now - job.attempts[-1].started_at).total_seconds()
        if left > 0:
            return Standing(eta_s=left, eta_basis=_history(job, durations), why=where)
    return Standing(eta_basis=f"unknown: no rate measured yet and no {job.recipe} job to compare with", why=where)


def _queued(
    job: Job,
    now: datetime,
    position: int | None,
    workers: Sequence[WorkerInfo],
    running: Sequence[Job],
    durations: Sequence[float],
    ahead_durations: Sequence[float | None],
) -> Standing:
    ahead = position or 0
    serving = [w for w in workers if job.queue in w.queues and w.state != "draining"]
    before = f"{ahead} job{'' if ahead == 1 else 's'} ahead on {job.queue}" if ahead else f"next on {job.queue}"
    here = Standing(position=position, ahead=ahead)
    if not serving:
        here.why = f"no worker serves queue {job.queue}; start one to run it" + (f" ({before})" if ahead else "")
        here.eta_basis = "unknown: no worker"
        return here

    by_id = {r.id: r for r in running}
    busy = [[by_id[i] for i in w.jobs if i in by_id] for w in serving]
    idle = sum(1 for jobs in busy if not jobs)
    free_in = [_longest(jobs) for jobs in busy]
    known = [seconds for seconds in free_in if seconds is not None]
    if idle and idle > ahead:
        here.why = f"{before}, a worker is free: it starts at once"
    else:
        taken = len(serving) - idle
        here.why = f"{before}, {taken} worker{'' if taken == 1 else 's'} busy"
        if known:
            soonest = now + timedelta(seconds=min(known))
            here.why += f" until about {soonest:%H:%M} UTC"

    if len(known) == len(free_in) and len(ahead_durations) >= ahead and None not in ahead_durations[:ahead]:
        ends = list(known)
        heapq.heapify(ends)
        for seconds in ahead_durations[:ahead]:
            heapq.heappush(ends, heapq.heappop(ends) + (seconds or 0.0))
        here.starts_in_s = ends[0]
        if durations:
            here.eta_s = ends[0] + median(durations)
            here.eta_basis = _history(job, durations) + (" and the rates of the running jobs" if max(known) > 0 else "")
        else:
            here.eta_basis = f"start known from the jobs ahead; no {job.recipe} job has ended yet to tell its length"
    else:
        here.eta_basis = "unknown: a job ahead has no measured rate and no earlier job to compare with"
    return here


def _longest(jobs: Sequence[Job]) -> float | None:
    """Seconds until a worker's jobs have ended; 0 when it has none, None when one of them cannot tell."""
    left = [j.progress.remaining_s if j.progress else None for j in jobs]
    if None in left:
        return None
    return max((seconds for seconds in left if seconds is not None), default=0.0)


def _history(job: Job, durations: Sequence[float]) -> str:
    verb = "training" if job.kind == "train" else "generation"
    count = len(durations)
    return f"median of the last {count} {job.recipe} {verb} job{'' if count == 1 else 's'}"
