"""Params too large for a record, a prompt as long as a book say: they lie on the volume as an uploaded file that the record names.

So they are stored once per owner and content (all have one name), pinned by each job that has them, in every backup, looked over
for damage, and gone after the last of these jobs (shared/volume/files.py). Set aside before a request is recorded; brought back
where params are read.
"""

import io
import json

from shared.clock.features import sizes_of_params
from shared.errors import NotFound
from shared.jobs import record
from shared.jobs.job import Job, JobRequest
from shared.volume.files import get_file, save_file
from shared.volume.volume import Volume, staging

MOST_BYTES = 1_000  # as JSON; every job that is kept has them in memory
_NAME = "params.json"


def set_aside(volume: Volume, request: JobRequest) -> JobRequest:
    """The request as it is to be recorded: its params, where they are large, as a file. Raises VolumeFull, OSError."""
    data = record.to_json(request.params).encode()
    if len(data) <= MOST_BYTES:
        return request
    saved = save_file(volume, _NAME, io.BytesIO(data), owner=request.owner, max_bytes=len(data))
    sizes = request.sizes | sizes_of_params(request.params)
    files = list(dict.fromkeys([*request.files, saved.id]))
    return request.model_copy(update={"params": {}, "params_file": saved.id, "files": files, "sizes": sizes})


def with_params(volume: Volume, job: Job) -> Job:
    """The job with the params that were set aside. Raises NotFound when they are gone or damaged."""
    if not job.params_file or job.params:
        return job
    _, path = get_file(volume, job.params_file)
    try:
        params = json.loads(path.read_bytes()) if staging.verify(path.parent) else None
    except (OSError, ValueError):
        params = None
    if not isinstance(params, dict):
        raise NotFound(f"the params of job {job.id}, file {job.params_file}, are damaged")
    return job.model_copy(update={"params": params})
