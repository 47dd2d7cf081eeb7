"""How the API shows a job: the record, where it stands, where to go from here; and the etag of that."""

import hashlib
import re
from typing import Any

from shared.jobs.job import Job
from shared.jobs.queues import placed
from web.services import Services

API = "/api/v1"
_PARTS = ("events", "metrics", "log", "artifacts", "checkpoints", "samples")


def job_json(here: Services, job: Job) -> dict[str, Any]:
    """A job as JSON: as given, or newer. Raises NotFound when it has just been deleted."""
    job, place = placed(here.store, job)
    url = f"{API}/jobs/{job.id}"
    links = {"self": url} | {part: f"{url}/{part}" for part in _PARTS} | {"page": f"/jobs/{job.id}"}
    return job.model_dump(mode="json") | {
        "standing": place.model_dump(mode="json"),
        "links": links,
    }


def etag(body: dict[str, Any]) -> str:
    """Changes when anything but a passing second does: estimates of time are left out."""
    place = body["standing"]
    why = re.sub(r"\d\d:\d\d", "", place["why"])
    return hashlib.sha256(f"{body['revision']} {body['state']} {place['position']} {why}".encode()).hexdigest()[:24]
