"""/bases: base models: import by upload or from the volume's folder imports, list, look at, delete."""

from flask import jsonify, request
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import UnsupportedMediaType

from shared.bases.importer import ImportedBase
from shared.bases.manifest import Base
from shared.bases.receiving import import_laid, import_upload, list_laid
from web import access
from web.api.common import BINARY, Asked, Reply, resource, upload_body
from web.api.shapes import BaseList
from web.bodies import is_upload
from web.deletion import delete_base
from web.identity import current_owner
from web.job_inputs import recipes_for
from web.problems import documented
from web.representation import API
from web.services import services

blueprint = resource("bases", "Base models: open weights, imported once.")

_UPLOAD = upload_body({"file": {"type": "array", "items": BINARY}, "name": {"type": "string"}})


class BasePath(Asked):
    """A base model's id."""

    base_id: str = Field(pattern=r"^[0-9a-f]{32}$")


class LaidBody(BaseModel):
    """What is to be imported from the volume's folder imports. path: below it, a folder or a GGUF file."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(min_length=1, max_length=1000)
    name: str = Field(default="", max_length=200, description="For people; left out: the file's.")


@blueprint.post(
    "/bases",
    summary="Import a base model",
    description="multipart/form-data: file (repeatable; all files of a Hugging Face folder, or one GGUF file), name. 201, or 200 "
    "when the same weights are there.",
    responses={"200": Base, "201": Base, **documented(413, 415, 507)},
    openapi_extensions=_UPLOAD,
)
def upload_base() -> Reply:
    if not is_upload(request):
        raise UnsupportedMediaType("send the files as multipart/form-data in the field `file`")
    return imported(take_base("file"))


def take_base(field: str) -> ImportedBase:
    """Import the files of the present request's form."""
    here = services()
    return import_upload(
        here.volume,
        [(file.filename or "", file.stream) for file in request.files.getlist(field) if file.filename],
        name=request.form.get("name", "").strip(),
        owner=current_owner(),
        max_bytes=here.settings.max_base_bytes,
        most_kept=here.settings.max_dataset_bytes_per_owner,
    )


@blueprint.post(
    "/bases/imports",
    summary="Import from the folder imports",
    description="A folder or a GGUF file that lies in the volume's folder imports. 201, or 200 when the same weights are there.",
    responses={"200": Base, "201": Base, **documented(413, 415, 507)},
)
def import_from_folder(body: LaidBody) -> Reply:
    return imported(take_laid(body.path, body.name.strip()))


def take_laid(path: str, name: str = "") -> ImportedBase:
    """Import what lies in the folder imports, for the caller."""
    here = services()
    most_kept = here.settings.max_dataset_bytes_per_owner
    return import_laid(here.volume, path, name=name, owner=current_owner(), most_kept=most_kept)


def imported(base: ImportedBase) -> Reply:
    shown = base.model_dump(mode="json")
    if not base.new:
        shown["notes"].append(f"the same weights were there already, as {base.name!r:.80}: this is it, under that name")
    response = jsonify(shown)
    response.status_code = 201 if base.new else 200
    response.headers["Location"] = f"{API}/bases/{base.id}"
    return response


@blueprint.get("/bases", summary="List base models, newest first", responses={"200": BaseList})
def bases() -> Reply:
    found = [
        base.model_dump(mode="json") | {"memory_bytes": base.needed_bytes(), "recipes": recipes_for(base.kind)}
        for base in access.bases()
    ]
    return jsonify({"bases": found, "imports": list_laid(services().volume)})


@blueprint.get("/bases/<base_id>", summary="One base model", responses={"200": Base})
def base(path: BasePath) -> Reply:
    return jsonify(access.base(path.base_id).model_dump(mode="json"))


@blueprint.delete(
    "/bases/<base_id>",
    summary="Delete a base model",
    description="Refused while a job that has not ended needs it, or a model that cannot be used without it.",
    responses={"204": None, **documented(409, 413, 415)},
)
def remove_base(path: BasePath) -> Reply:
    delete_base(services(), path.base_id)
    return "", 204
