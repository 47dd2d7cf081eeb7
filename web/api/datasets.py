"""/datasets: upload, list, look at, delete."""

import json
from typing import Any

from flask import jsonify, request
from pydantic import Field
from werkzeug.exceptions import UnsupportedMediaType

from shared.datasets.examples import import_example, list_examples
from shared.datasets.formats import FORMATS
from shared.datasets.importer import Imported, import_dataset
from shared.datasets.looking import get_preview, open_preview_file
from shared.datasets.manifest import DatasetManifest
from shared.errors import InvalidParams, Problem
from shared.outputs import dump_outputs
from web import access
from web.api.common import BINARY, Asked, Reply, resource, upload_body
from web.api.sending import DOCUMENTED, send
from web.api.shapes import DatasetList, OutputList
from web.bodies import is_upload
from web.deletion import delete_dataset
from web.identity import current_owner
from web.problems import documented
from web.representation import API
from web.services import services

blueprint = resource("datasets", "Imported, checked, hashed inputs.")

_FIELDS = ("file", "name", "format", "options")
_UPLOAD = upload_body(
    {
        "file": {"type": "array", "items": BINARY},
        "name": {"type": "string"},
        "format": {"type": "string", "enum": list(FORMATS)},
        "options": {"type": "string", "description": "A JSON object; /formats has the options of each format."},
    }
)


class DatasetPath(Asked):
    """A dataset's id."""

    dataset_id: str = Field(pattern=r"^[0-9a-f]{32}$")


class DatasetFilePath(DatasetPath):
    """A file that a dataset's preview names."""

    name: str = Field(max_length=1000)


class ExamplePath(Asked):
    """An example's name."""

    name: str = Field(max_length=60)


@blueprint.post(
    "/datasets",
    summary="Upload a dataset",
    description="multipart/form-data: file (repeatable), name, format, options. 201, or 200 when the same content is there. A "
    "refusal may hold choices: the same upload again with that option.",
    responses={"200": DatasetManifest, "201": DatasetManifest, **documented(413, 415, 507)},
    openapi_extensions=_UPLOAD,
)
def upload_dataset() -> Reply:
    if not is_upload(request):
        raise UnsupportedMediaType("send the files as multipart/form-data in the field `file`")
    here = services()
    sent = {name or "" for name in (*request.form, *request.files)}  # a part may come without a name
    problems = [
        Problem(field=name[:100], message=f"unknown field; known are {', '.join(_FIELDS)}")
        for name in sorted(sent - set(_FIELDS))
    ]
    uploads = [(file.filename or "", file.stream) for file in request.files.getlist("file")]
    if not uploads:
        problems.append(Problem(field="file", message="no file was sent"))
    options = read_options(request.form.get("options", ""), problems)
    if problems:
        raise InvalidParams(problems)
    dataset = import_dataset(
        here.volume,
        here.settings,
        uploads,
        name=request.form.get("name", ""),
        owner=current_owner(),
        format=request.form.get("format") or None,
        options=options,
    )
    return _imported(dataset)


def read_options(text: str, problems: list[Problem]) -> dict[str, Any]:
    """The options of a format, written as a JSON object; problems says why they cannot be read."""
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as err:
        where = f" at column {err.colno}" if isinstance(err, json.JSONDecodeError) else ""
        problems.append(Problem(field="options", message=f"is no JSON{where}; write an object such as {{}}"))
        return {}
    if not isinstance(found, dict):
        problems.append(Problem(field="options", message=f"must be a JSON object, not {found!r:.40}"))
        return {}
    return found


def _imported(dataset: Imported) -> Reply:
    response = jsonify(dataset.model_dump(mode="json"))
    response.status_code = 201 if dataset.new else 200
    response.headers["Location"] = f"{API}/datasets/{dataset.id}"
    return response


@blueprint.post(
    "/datasets/examples/<name>",
    summary="Import an example",
    description="201, or 200 when it is there already. GET /formats lists the examples of each format.",
    responses={"200": DatasetManifest, "201": DatasetManifest, **documented(413, 415, 507)},
)
def add_example(path: ExamplePath) -> Reply:
    return _imported(import_example(services().volume, path.name, owner=current_owner(), limits=services().settings))


@blueprint.get("/datasets", summary="List datasets", responses={"200": DatasetList})
def datasets() -> Reply:
    found = [d.model_dump(mode="json", exclude={"files"}) | {"files": []} for d in access.datasets()]
    return jsonify({"datasets": found, "examples": {one["name"]: one["title"] for one in list_examples()}})


@blueprint.get("/datasets/<dataset_id>", summary="One dataset with its report", responses={"200": DatasetManifest})
def dataset(path: DatasetPath) -> Reply:
    return jsonify(access.dataset_with_report(path.dataset_id).model_dump(mode="json"))


@blueprint.get("/datasets/<dataset_id>/preview", summary="A few rows to look at", responses={"200": OutputList})
def dataset_preview(path: DatasetPath) -> Reply:
    shown = get_preview(services().volume, access.dataset(path.dataset_id))
    return jsonify({"outputs": json.loads(dump_outputs(shown))})


@blueprint.get(
    "/datasets/<dataset_id>/files/<path:name>",
    summary="A file that the preview names",
    description="Pictures are shown; everything else is a download that no browser runs.",
    responses=DOCUMENTED,
)
def dataset_file(path: DatasetFilePath) -> Reply:
    content, kind = open_preview_file(services().volume, access.dataset(path.dataset_id), path.name)
    return send(content, path.name.rpartition("/")[2], kind)


@blueprint.delete(
    "/datasets/<dataset_id>",
    summary="Delete a dataset",
    description="Refused while a job that has not ended needs it. Models trained from it stay usable.",
    responses={"204": None, **documented(409, 413, 415)},
)
def remove_dataset(path: DatasetPath) -> Reply:
    delete_dataset(services(), path.dataset_id)
    return "", 204
