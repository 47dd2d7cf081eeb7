"""What the resources share: blueprints with documented errors, path models, job representations, waiting."""

import hashlib
import re
from typing import Any

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response as WerkzeugResponse

from shared.job import Job, State
from shared.queues import standing
from web.problems import documented
from web.services import Services

API = "/api/v1"
MOST_WAIT_S = 60.0
Reply = (
    Response | WerkzeugResponse | tuple[Response | str, int]
)  # what views return; flask.typing's alias cannot be resolved
JOB_ID = r"^[0-9a-hjkmnp-tv-z]{26}$"


def resource(name: str, about: str, *, prefix: str = API) -> APIBlueprint:
    """A blueprint whose operations all document the errors that can happen anywhere."""
    return APIBlueprint(
        f"api_{name}",
        __name__,
        url_prefix=prefix,
        abp_tags=[Tag(name=name, description=about)],
        abp_responses=documented(400, 404, 422, 503),
    )


class JobPath(BaseModel):
    """A job's id."""

    job_id: str = Field(pattern=JOB_ID, description="26 characters.")


class WaitQuery(BaseModel):
    """How long to wait for a change."""

    model_config = ConfigDict(extra="forbid")

    wait: float = Field(
        0, ge=0, le=MOST_WAIT_S, description="Answer as soon as something changed, at most after so many seconds."
    )


def preferred_wait(query_wait: float = 0) -> float:
    """Seconds to wait: ?wait=, or RFC 7240's Prefer: wait=N."""
    match = re.search(r"(?:^|[,;\s])wait=(\d{1,5})", request.headers.get("Prefer", ""))
    return min(max(query_wait, float(match.group(1)) if match else 0), MOST_WAIT_S)


def job_json(services: Services, job: Job) -> dict[str, Any]:
    """A job as the API shows it: the record, where it stands, and where to go from here."""
    here = f"{API}/jobs/{job.id}"
    links = {
        "self": here,
        "events": f"{here}/events",
        "metrics": f"{here}/metrics",
        "log": f"{here}/log",
        "artifacts": f"{here}/artifacts",
        "checkpoints": f"{here}/checkpoints",
        "samples": f"{here}/samples",
        "page": f"/jobs/{job.id}",
    }
    body = job.model_dump(mode="json")
    return body | {"standing": standing(services.store, job).model_dump(mode="json"), "links": links}


def etag(body: dict[str, Any]) -> str:
    """Changes when anything but a passing second does: estimates of time are left out."""
    place = body["standing"]
    why = re.sub(r"\d\d:\d\d", "", place["why"])
    return hashlib.sha256(f"{body['revision']} {body['state']} {place['position']} {why}".encode()).hexdigest()[:24]


def wait_for_change(services: Services, job: Job, known: str, timeout_s: float) -> tuple[Job, dict[str, Any], str]:
    """Return (job, body, etag) as soon as the etag differs from `known`, or as they are after timeout_s.

    A queued job's standing changes with other jobs and workers, which leave no event here: it is looked at every 2 s too.
    """
    body = job_json(services, job)
    tag = etag(body)
    left = timeout_s
    while tag == known and left > 0 and not job.state.terminal:
        queued = job.state == State.queued
        slice_s = min(left, 2.0) if queued else left
        services.store.wait(job.id, after=job.revision or "0", timeout_s=slice_s, also_queue=queued)
        left -= slice_s
        job = services.store.get(job.id)
        body = job_json(services, job)
        tag = etag(body)
    return job, body, tag


def wait_for_end(services: Services, job: Job, timeout_s: float) -> Job:
    """Return the job once it is terminal or paused, or as it is after timeout_s."""
    import time

    give_up_at = time.monotonic() + timeout_s
    while not job.state.terminal and job.state != State.paused:
        left = give_up_at - time.monotonic()
        if left <= 0:
            break
        services.store.wait(job.id, after=job.revision or "0", timeout_s=left)
        job = services.store.get(job.id)
    return job
