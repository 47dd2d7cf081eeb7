"""/bases: base models: import by upload or from the volume's folder imports, list, look at, delete."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, jsonify, request
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import UnsupportedMediaType

from shared.bases.importer import ImportedBase
from shared.bases.manifest import Base
from shared.bases.receiving import Look, import_laid, import_sent, list_laid, received
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
from web.told import asked_to_tell, told


@dataclass(frozen=True)
class Taking:
    """An import that is ready to begin. close: gives back what was received for it."""

    work: Callable[[Look], ImportedBase]
    close: Callable[[], None] = lambda: None

    def __call__(self, look: Look = lambda done, of: None) -> ImportedBase:
        """Carry it out."""
        try:
            return self.work(look)
        finally:
            self.close()


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
    "when the same weights are there. Accept: application/x-ndjson tells how far it is, a line now and then, and last the status "
    "and what else would have been the answer; leaving cancels the import.",
    responses={"200": Base, "201": Base, **documented(413, 415, 507)},
    openapi_extensions=_UPLOAD,
)
def upload_base() -> Reply:
    if not is_upload(request):
        raise UnsupportedMediaType("send the files as multipart/form-data in the field `file`")
    return _taken(take_base("file"))


def take_base(field: str) -> Taking:
    """What imports the files of the present request's form, which are received here."""
    here, owner, name = services(), current_owner(), request.form.get("name", "").strip()
    files = [(file.filename or "", file.stream) for file in request.files.getlist(field) if file.filename]
    most_kept, kept = here.settings.max_dataset_bytes_per_owner, contextlib.ExitStack()
    sent = kept.enter_context(received(here.volume, files, max_bytes=here.settings.max_base_bytes))
    volume = here.volume
    return Taking(
        lambda look: import_sent(volume, sent, name=name, owner=owner, most_kept=most_kept, look=look), kept.close
    )


def _taken(taking: Taking) -> Reply:
    """The answer to an import, told as it goes on to who asks for that."""
    if asked_to_tell():
        response = told(taking, imported)
        response.call_on_close(taking.close)  # also of one that nobody has read
        return response
    return imported(taking())


@blueprint.post(
    "/bases/imports",
    summary="Import from the folder imports",
    description="A folder or a GGUF file that lies in the volume's folder imports. 201, or 200 when the same weights are there. "
    "Accept: application/x-ndjson as of an upload.",
    responses={"200": Base, "201": Base, **documented(413, 415, 507)},
)
def import_from_folder(body: LaidBody) -> Reply:
    return _taken(take_laid(body.path, body.name.strip()))


def take_laid(path: str, name: str = "") -> Taking:
    """What imports that which lies in the folder imports, for the caller."""
    here, owner = services(), current_owner()
    most_kept, volume = here.settings.max_dataset_bytes_per_owner, here.volume
    return Taking(lambda look: import_laid(volume, path, name=name, owner=owner, most_kept=most_kept, look=look))


def imported(base: ImportedBase) -> Response:
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
