"""/datasets: upload, list, look, delete."""

from flask import jsonify, request
from pydantic import Field
from werkzeug.exceptions import UnsupportedMediaType

from shared.datasets import delete_dataset, import_dataset
from shared.datasets.examples import import_example, list_examples
from shared.datasets.manifest import DatasetManifest
from shared.errors import Conflict, InvalidParams, Problem
from shared.jobs.job import utc_now
from shared.jobs.store import JobStore
from web import access
from web.api.common import Asked, Reply, resource
from web.api.shapes import DatasetList
from web.bodies import is_upload
from web.identity import current_owner
from web.problems import documented
from web.representation import API
from web.services import services

blueprint = resource("datasets", "Imported, checked, hashed inputs.")

_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "name": {"type": "string"},
                        "format": {"type": "string", "enum": ["text", "image_folder", "idx"]},
                    },
                }
            }
        },
    }
}


class DatasetPath(Asked):
    """A dataset's id."""

    dataset_id: str = Field(pattern=r"^[0-9a-f]{32}$")


class ExamplePath(Asked):
    """An example's name."""

    name: str = Field(max_length=60)


@blueprint.post(
    "/datasets",
    summary="Upload a dataset",
    description="multipart/form-data: file (repeatable), name, format. 201, or 200 when the same content is there already.",
    responses={"200": DatasetManifest, "201": DatasetManifest, **documented(413, 415, 507)},
    openapi_extensions=_UPLOAD,
)
def upload_dataset() -> Reply:
    if not is_upload(request):
        raise UnsupportedMediaType("send the files as multipart/form-data in the field `file`")
    here = services()
    sent = {name or "" for name in (*request.form, *request.files)}  # a part may come without a name
    unknown = sorted(sent - {"file", "name", "format"})
    problems = [Problem(field=name[:100], message="unknown field; known are file, name, format") for name in unknown]
    uploads = [(file.filename or "", file.stream) for file in request.files.getlist("file")]
    if not uploads:
        problems.append(Problem(field="file", message="no file was sent"))
    if problems:
        raise InvalidParams(problems)
    began_at = utc_now()
    dataset = import_dataset(
        here.volume,
        here.settings,
        uploads,
        name=request.form.get("name", ""),
        owner=current_owner(),
        format=request.form.get("format") or None,
    )
    return _imported(dataset, new=dataset.created_at >= began_at)


def _imported(dataset: DatasetManifest, *, new: bool) -> Reply:
    response = jsonify(dataset.model_dump(mode="json"))
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"{API}/datasets/{dataset.id}"
    return response


@blueprint.post(
    "/datasets/examples/<name>",
    summary="Import an example",
    description="201, or 200 when it is there already. GET /datasets lists the names.",
    responses={"200": DatasetManifest, "201": DatasetManifest, **documented(413, 415, 507)},
)
def add_example(path: ExamplePath) -> Reply:
    began_at = utc_now()
    dataset = import_example(services().volume, path.name, owner=current_owner(), limits=services().settings)
    return _imported(dataset, new=dataset.created_at >= began_at)


@blueprint.get("/datasets", summary="List datasets", responses={"200": DatasetList})
def datasets() -> Reply:
    found = [d.model_dump(mode="json", exclude={"files"}) | {"files": []} for d in access.datasets()]
    return jsonify({"datasets": found, "examples": list_examples()})


@blueprint.get("/datasets/<dataset_id>", summary="One dataset with its preview", responses={"200": DatasetManifest})
def dataset(path: DatasetPath) -> Reply:
    return jsonify(access.dataset(path.dataset_id).model_dump(mode="json"))


@blueprint.delete(
    "/datasets/<dataset_id>",
    summary="Delete a dataset",
    description="Refused while a job that has not ended needs it. Models trained from it stay usable.",
    responses={"204": None, **documented(409, 413, 415)},
)
def remove_dataset(path: DatasetPath) -> Reply:
    here = services()
    access.dataset(path.dataset_id)
    refuse_if_needed(here.store, path.dataset_id)
    delete_dataset(here.volume, path.dataset_id)
    return "", 204


def refuse_if_needed(store: JobStore, dataset_id: str) -> None:
    """Raise Conflict while a job that has not ended needs the dataset, to train from it or as a generation's input."""
    needed_by = []
    for state in ("running", "queued", "paused"):
        cursor = None
        while True:
            page = store.list_jobs(state=state, limit=500, cursor=cursor)
            needed_by += [job.id for job in page.jobs if dataset_id in (job.dataset_id, job.params.get("dataset_id"))]
            cursor = page.next_cursor
            if cursor is None:
                break
    if needed_by:
        more = f" and {len(needed_by) - 1} more" if len(needed_by) > 1 else ""
        raise Conflict(f"job {needed_by[0]}{more} has not ended and needs this dataset; cancel it or wait")
