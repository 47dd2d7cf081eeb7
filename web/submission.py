"""Puts a JobRequest into the queue: pinned, recorded, told, copied. Plain functions; API and pages share them."""

import logging

import redis
from pydantic import BaseModel

from shared.errors import Conflict, NotFound, TrainyardError, VolumeFull
from shared.ids import new_id
from shared.jobs import pins
from shared.jobs.job import START_FROM, CheckpointRef, InputRef, Job, JobRequest
from shared.volume.large_params import set_aside
from web import access
from web.job_body import InputChoice, JobBody, RetryBody
from web.job_request import build_request
from web.services import Services

log = logging.getLogger(__name__)


def submit(
    services: Services, request: JobRequest, idempotency_key: str | None = None, asked: BaseModel | None = None
) -> tuple[Job, bool]:
    """Record first, wake-up second, a copy on the volume third, so that what is answered outlives a Redis that loses its
    last second. Returns the job and whether it is new.

    asked: the body the request was made from; with it the same key and body give the same job even when what the body
    names ("the newest checkpoint") is another thing by now.
    """
    request = set_aside(services.volume, request)
    said = f"{request.retry_of or ''} {asked.model_dump_json()}" if asked else ""
    job_id = new_id()
    pins.pin(services.volume, request, job_id)  # or OSError: a job that may find what it needs gone is not accepted
    try:
        job, created = services.store.submit(request, idempotency_key=idempotency_key, asked=said, job_id=job_id)
    except TrainyardError:
        _unpin(services, request, job_id)
        raise  # with no answer from Redis the job may have been accepted: its pin stays
    if not created:
        _unpin(services, request, job_id)
    else:
        services.wake(job.queue)
        _copy(services, job)
    return job, created


def _copy(services: Services, job: Job) -> None:
    """Write the copy of a new record, and spare the reaper writing it again."""
    try:
        services.volume.write_record(job)
        services.store.copied({job.id: job.revision})
    except (VolumeFull, OSError, redis.RedisError) as err:
        log.warning("job %s has no copy on the volume yet, the reaper will write it: %s", job.id, err)


def _unpin(services: Services, request: JobRequest, job_id: str) -> None:
    try:
        pins.unpin_all(services.volume, request, job_id)
    except OSError as err:
        log.warning("a pin is left for the reaper to remove: %s", err)


def retry_request(services: Services, job: Job, body: RetryBody) -> JobRequest:
    """A new request like an ended job's. An unchanged training goes on from its newest checkpoint.

    Raises Conflict when the job has not ended or its params are gone, InvalidParams when what it used is gone.
    """
    if not job.state.terminal:
        raise Conflict(f"job {job.id} is {job.state}: only an ended job can be retried; cancel it first")
    if job.params_file and not job.params:
        raise Conflict(
            f"the params of job {job.id} can no longer be read: its file {job.params_file} is gone or damaged"
        )
    params = {**job.params, **body.params}
    inputs = {role: _again(ref) for role, ref in job.inputs.items()}
    if job.kind == "train" and not body.from_start and params == job.params:
        newest = services.volume.newest_checkpoint(job.id)
        inputs |= {START_FROM: InputChoice.model_validate(newest.ref)} if newest else {}
    again = JobBody(
        kind=job.kind,
        recipe=job.recipe,
        use=job.use,
        params=params,
        inputs=inputs,
        name=job.name,
        priority=job.priority,
    )
    return build_request(services, again, retry_of=job.id)


def _again(ref: InputRef) -> InputChoice:
    """How the same thing is asked for a second time: by its model's name, which outlives the record of its training."""
    if ref.dataset_id:
        return InputChoice(dataset_id=ref.dataset_id)
    if ref.base_id:
        return InputChoice(base_id=ref.base_id)
    if ref.checkpoint is None or _still_names(ref.model_id, ref.checkpoint):
        return InputChoice(model_id=ref.model_id)
    return InputChoice.model_validate(ref.checkpoint)


def _still_names(model_id: str | None, source: CheckpointRef) -> bool:
    try:
        return model_id is not None and access.model(model_id).checkpoint == source
    except NotFound:
        return False
