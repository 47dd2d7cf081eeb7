"""/files: uploads that params name. One file each, kept by the jobs that name it; alone it expires."""

from flask import jsonify, request
from pydantic import Field
from werkzeug.datastructures import FileStorage

from shared.errors import InvalidParams, Problem
from web import access
from web.api.common import BINARY, Asked, Query, Reply, resource, upload_body
from web.api.sending import DOCUMENTED, send
from web.api.shapes import FileShape
from web.bodies import is_upload
from web.problems import documented
from web.representation import API
from web.services import services
from web.taking import take_file

blueprint = resource("files", "Uploaded files that params name by their ids.")

_UPLOAD = upload_body({"file": BINARY}, closed=True, whole=True)


class FilePath(Asked):
    """A file's id."""

    file_id: str = Field(pattern=r"^[0-9a-f]{32}$")


class NameQuery(Query):
    """What a file that is a whole body is called."""

    name: str = Field("", max_length=1000, description="Of a raw body; a form says it by itself.")


@blueprint.post(
    "/files",
    summary="Upload a file",
    description="multipart/form-data with one part `file`, or the bytes as the body and their name as ?name=. What it holds is "
    "told from its bytes. The same content under the same name is stored once per owner. A file that no job names expires.",
    responses={"201": FileShape, **documented(409, 413, 415, 507)},
    openapi_extensions=_UPLOAD,
)
def upload_file(query: NameQuery) -> Reply:
    name, stream = query.name, request.stream
    if is_upload(request):
        part = _one_part()
        name, stream = part.filename or query.name, part.stream
    if not name.strip():
        raise InvalidParams([Problem(field="name", message="the file has no name: say it as ?name=")])
    info = take_file(services(), name, stream)
    response = jsonify(FileShape.model_validate(info.model_dump()).model_dump())
    response.status_code = 201
    response.headers["Location"] = f"{API}/files/{info.id}"
    return response


def _one_part() -> FileStorage:
    """The one file of a form. Raises InvalidParams naming everything else that came with it."""
    unknown = sorted({name or "" for name in (*request.form, *request.files)} - {"file"})
    problems = [Problem(field=name[:100], message="unknown field; known is file") for name in unknown]
    parts = request.files.getlist("file")
    if len(parts) != 1:
        problems.append(Problem(field="file", message=f"{len(parts)} files were sent; one at a time is taken"))
    if problems:
        raise InvalidParams(problems)
    return parts[0]


@blueprint.get("/files/<file_id>", summary="What is known of a file", responses={"200": FileShape})
def file(path: FilePath) -> Reply:
    info, _ = access.file(path.file_id)
    return jsonify(FileShape.model_validate(info.model_dump()).model_dump())


@blueprint.get(
    "/files/<file_id>/content",
    summary="The file itself",
    description="Pictures are shown; everything else is a download that no browser runs.",
    responses=DOCUMENTED,
)
def file_content(path: FilePath) -> Reply:
    info, content = access.file(path.file_id)
    return send(content, info.name, info.media_type)
