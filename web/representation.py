"""How the API shows a job: the record, where it stands, where to go from here, what it made; and the etag of the first three."""

import hashlib
import json
import logging
import re
from typing import Any

from shared.errors import NotFound
from shared.jobs.job import Job
from shared.jobs.queues import placed
from shared.outputs import MOST_INLINE_BYTES, dump_outputs
from shared.volume import readback
from shared.volume.large_params import with_params
from web.services import Services

log = logging.getLogger(__name__)

API = "/api/v1"
_PARTS = ("events", "metrics", "log", "outputs", "artifacts", "checkpoints", "samples")


def whole(here: Services, job: Job) -> Job:
    """A job with its params; without them when their file is gone or damaged: everything else about it can still be seen."""
    try:
        return with_params(here.volume, job)
    except NotFound as err:
        log.warning("%s", err)
        return job


def job_json(here: Services, job: Job) -> dict[str, Any]:
    """A job as JSON: as given, or newer. Raises NotFound when it has just been deleted."""
    job, place = placed(here.store, job)
    url = f"{API}/jobs/{job.id}"
    links = {"self": url} | {part: f"{url}/{part}" for part in _PARTS} | {"page": f"/jobs/{job.id}"}
    return whole(here, job).model_dump(mode="json") | {
        "standing": place.model_dump(mode="json"),
        "links": links,
    }


def outputs_json(here: Services, job: Job) -> dict[str, Any]:
    """What an ended job made, to stand beside its record: read from the volume, and left out where it is long or damaged."""
    if not job.state.terminal or not (job.result or {}).get("outputs"):
        return {"outputs": [], "outputs_omitted": False}
    omitted = {"outputs": [], "outputs_omitted": True}
    if readback.outputs_bytes(here.volume, job.id) > MOST_INLINE_BYTES:
        return omitted
    try:
        made = readback.outputs(here.volume, job.id)
    except NotFound:  # /outputs says what is wrong with them
        return omitted
    return {"outputs": json.loads(dump_outputs(made)), "outputs_omitted": False}


def etag(body: dict[str, Any]) -> str:
    """Changes when anything but a passing second does: estimates of time are left out."""
    place = body["standing"]
    why = re.sub(r"\d\d:\d\d", "", place["why"])
    return hashlib.sha256(f"{body['revision']} {body['state']} {place['position']} {why}".encode()).hexdigest()[:24]
