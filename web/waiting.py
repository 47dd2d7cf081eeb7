"""Waiting inside a request: for a change of a job, or for its end. Who finds no seat is answered without waiting."""

import time
from collections.abc import Collection
from typing import Any

from shared.jobs.job import Job, State
from web.representation import etag, job_json
from web.services import Services

SLICE_S = 2.0  # longest single wait: how soon a stopping server is noticed
_LOOK_AGAIN_S = 1.0  # a queued job's standing may change with every job of the installation: not looked at more often


def wait_for_change(
    here: Services, job: Job, known: Collection[str], timeout_s: float
) -> tuple[Job, dict[str, Any], str]:
    """Return (job, representation, etag) as soon as the etag is none of `known`, or as they are after timeout_s.

    An ended job changes no more and is returned at once.
    """
    give_up_at = time.monotonic() + timeout_s
    body = job_json(here, job)
    tag = etag(body)
    if timeout_s <= 0:
        return job, body, tag
    with here.seats.taken() as seated:
        while seated and tag in known and not job.state.terminal and not here.seats.closing:
            left_s = give_up_at - time.monotonic()
            if left_s <= 0:
                break
            queued = job.state == State.queued
            after = job.revision or "0"
            happened = here.store.wait(job.id, after=after, timeout_s=min(left_s, SLICE_S), also_queue=queued)
            if not happened and not queued:
                continue
            job = here.store.get(job.id)
            body = job_json(here, job)
            tag = etag(body)
            if (
                not happened and tag in known
            ):  # others moved: let them be for a moment, but not what happens to this one
                pause_s = min(give_up_at - time.monotonic(), _LOOK_AGAIN_S)
                here.store.wait(job.id, after=job.revision or "0", timeout_s=pause_s)
    return job, body, tag


def wait_for_end(here: Services, job: Job, timeout_s: float) -> Job:
    """Return the job once it is terminal or paused, or as it is after timeout_s."""
    with here.seats.taken() as seated:
        return wait_seated(here, job, timeout_s) if seated else job


def wait_seated(here: Services, job: Job, timeout_s: float) -> Job:
    """The same for who holds a seat already."""
    give_up_at = time.monotonic() + timeout_s
    while not job.state.terminal and job.state != State.paused and not here.seats.closing:
        left_s = give_up_at - time.monotonic()
        if left_s <= 0:
            break
        if here.store.wait(job.id, after=job.revision or "0", timeout_s=min(left_s, SLICE_S)):
            job = here.store.get(job.id)
    return job
