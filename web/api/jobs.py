"""/jobs: submit, list, look, cancel, pause, resume, retry, delete."""

from typing import Any, Literal

from flask import Response, jsonify, request
from pydantic import Field

from shared.jobs.job import Job
from shared.jobs.queues import expected, standings
from web import access
from web.api.common import (
    JOB_ID,
    JobPath,
    KeyHeader,
    LookHeader,
    Query,
    Reply,
    SubmitHeader,
    WaitQuery,
    preferred_wait,
    resource,
)
from web.api.shapes import ExpectedShape, JobPage, JobShape, JobWithOutputs
from web.deletion import delete_job
from web.job_body import JobBody, RetryBody
from web.job_request import build_request, look_into
from web.problems import documented
from web.representation import API, etag, job_json, outputs_json, record_json
from web.services import services
from web.submission import retry_request, submit
from web.waiting import wait_for_change, wait_for_end

blueprint = resource("jobs", "Trainings and generations.")


class ListQuery(Query):
    """Filters of a list."""

    state: Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"] | None = None
    kind: Literal["train", "generate"] | None = None
    recipe: str | None = Field(None, max_length=100)
    owner: str | None = Field(None, max_length=200)
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = Field(None, pattern=JOB_ID, description="next_cursor of the page before.")


def _accepted(job: Job, body: dict[str, Any], *, status: int) -> Response:
    response = jsonify(body)
    response.status_code = status
    response.headers["Location"] = f"{API}/jobs/{job.id}"
    if not job.state.terminal:
        response.headers["Retry-After"] = "1"
    response.set_etag(etag(body), weak=True)
    return response


@blueprint.post(
    "/jobs",
    summary="Submit a job",
    description="202 with Location. Prefer: wait=N answers 200 with the ended job and its outputs if it ends within N "
    "seconds. The same Idempotency-Key with the same body gives the same job and the header Idempotent-Replayed.",
    responses={"200": JobWithOutputs, "202": JobShape, **documented(409, 413, 415, 429, 507)},
)
def submit_job(body: JobBody, header: SubmitHeader) -> Reply:
    here = services()
    job, created = submit(here, build_request(here, body), header.idempotency_key, body)
    wait_s = preferred_wait(header)
    if wait_s:
        job = wait_for_end(here, job, wait_s)
    ended = bool(wait_s) and job.state.terminal
    shown = job_json(here, job) | (outputs_json(here, job) if ended else {})
    response = _accepted(job, shown, status=200 if ended else 202)
    if wait_s:
        response.headers["Preference-Applied"] = f"wait={wait_s:.0f}"
    if not created:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@blueprint.get("/jobs", summary="List jobs, newest first", responses={"200": JobPage})
def list_jobs(query: ListQuery) -> Reply:
    page = access.list_jobs(**query.model_dump())
    shown = [
        record_json(job, place) for job, place in zip(page.jobs, standings(services().store, page.jobs), strict=True)
    ]
    return jsonify({"jobs": shown, "next_cursor": page.next_cursor})


@blueprint.post(
    "/jobs/expected",
    summary="How long a job would take, and what it would learn from",
    description="Of a job as it would be submitted; nothing is. By what jobs like it took here; waiting is not counted.",
    responses={"200": ExpectedShape, **documented(413, 415)},
)
def expected_job(body: JobBody) -> Reply:
    here = services()
    wanted, seen = look_into(here, body)
    eta = expected(here.store, wanted)
    outputs = [output.model_dump(mode="json") for output in seen.outputs]
    return jsonify({"eta": eta.model_dump(mode="json") if eta else None, "outputs": outputs})


@blueprint.get(
    "/jobs/<job_id>",
    summary="One job, where it stands and why it waits",
    description="ETag and If-None-Match; with ?wait= or Prefer: wait= it answers as soon as something has changed. An ended job "
    "comes with its outputs, unless they are long.",
    responses={"200": JobWithOutputs, "304": {"description": "Nothing has changed"}},
)
def get_job(path: JobPath, query: WaitQuery, header: LookHeader) -> Reply:
    here = services()
    job = access.job(path.job_id)
    wait_s = preferred_wait(header, query.wait)
    known = request.if_none_match.as_set(include_weak=True)
    if wait_s and not known:
        known = {etag(job_json(here, job))}
    job, body, tag = wait_for_change(here, job, known, wait_s)
    if not request.if_none_match.contains_weak(tag):
        body |= outputs_json(here, job)
    response = jsonify(body)
    response.set_etag(tag, weak=True)
    return response.make_conditional(request)


@blueprint.post(
    "/jobs/<job_id>/cancel",
    summary="Cancel",
    description="Waiting jobs at once; a running one stops at the end of its batch.",
    responses={"200": JobShape, **documented(409, 413, 415)},
)
def cancel_job(path: JobPath) -> Reply:
    here = services()
    return jsonify(job_json(here, here.store.cancel(path.job_id)))


@blueprint.post(
    "/jobs/<job_id>/pause",
    summary="Pause",
    description="A running job writes a checkpoint first and then frees its device.",
    responses={"200": JobShape, **documented(409, 413, 415)},
)
def pause_job(path: JobPath) -> Reply:
    here = services()
    return jsonify(job_json(here, here.store.pause(path.job_id)))


@blueprint.post(
    "/jobs/<job_id>/resume",
    summary="Resume a paused job",
    responses={"200": JobShape, **documented(409, 413, 415)},
)
def resume_job(path: JobPath) -> Reply:
    here = services()
    job = here.store.resume(path.job_id)
    here.wake(job.queue)
    return jsonify(job_json(here, job))


@blueprint.post(
    "/jobs/<job_id>/retry",
    summary="Submit an ended job again",
    description="A new job. An unchanged training goes on from the newest checkpoint; params replace those of the same name.",
    responses={"202": JobShape, **documented(409, 413, 415, 429, 507)},
    openapi_extensions={
        "requestBody": {"content": {"application/json": {"schema": RetryBody.model_json_schema()}}, "required": False}
    },
)
def retry_job(path: JobPath, header: KeyHeader) -> Reply:
    here = services()
    body = RetryBody.model_validate(request.get_json() if request.get_data() else {})
    job, created = submit(here, retry_request(here, access.job(path.job_id), body), header.idempotency_key, body)
    response = _accepted(job, job_json(here, job), status=202)
    if not created:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@blueprint.delete(
    "/jobs/<job_id>",
    summary="Delete an ended job with its files",
    description="Checkpoints, artifacts, curves and log go, and the model that a training left under its own id. Refused before "
    "it has ended, while a waiting job needs its checkpoints, and while another model names one of them.",
    responses={"204": None, **documented(409, 413, 415)},
)
def remove_job(path: JobPath) -> Reply:
    delete_job(services(), path.job_id)
    return "", 204
