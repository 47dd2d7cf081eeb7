"""Reads request bodies before any view does: size, type and JSON syntax, each with an answer that says what is wrong."""

import json
import time
from typing import IO, Any

from flask import Flask, Request, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from shared.errors import ClientError, InvalidParams, Problem
from shared.settings import Settings
from shared.volume.cache import make_room
from web import areas
from web.connections import PatientSocket
from web.packed import unpack
from web.services import services

_FORM_SLACK_BYTES = 1 << 20  # a multipart upload's own lines, beside its files
# What takes files: only these may send more than any other request. The form of a job takes files, or a dataset.
_UPLOADS = frozenset(
    ("api_datasets.upload_dataset", "api_files.upload_file", "pages.upload_dataset", "pages.submit_job")
)
_BASE_UPLOADS = frozenset(("api_bases.upload_base", "pages.upload_base"))
_RAW_UPLOADS = frozenset(("api_files.upload_file",))  # where a whole body may be one file
_PIECE_BYTES = 1 << 17  # what the reader of forms holds at a time, whatever one field may have
_MOST_PARTS = 1_000  # files and fields of one form; a guess: beyond, a zip is quicker for everybody
_NOBODY_S = 5.0  # and how long these are waited for
_NOBODY_BYTES = 1 << 14  # of those who have not said who they are: a key and where to go on, many times over
_DRAIN_S = 20.0  # how long the rest of a refused body is read away; a guess
_CHUNK_BYTES = 1 << 16
_TIMES_STORED = 2  # an upload as it came and unpacked; a guess


class MalformedJson(ClientError):
    """The body is no JSON."""

    status = 400
    code = "malformed_json"


def is_upload(req: Request) -> bool:
    """True for requests that carry files in a form."""
    return req.mimetype == "multipart/form-data"


def _takes_files(req: Request) -> bool:
    return req.endpoint in (_UPLOADS | _BASE_UPLOADS if is_upload(req) else _RAW_UPLOADS)


def _most_bytes(req: Request, settings: Settings) -> int:
    """Of an upload's files."""
    return settings.max_base_bytes if req.endpoint in _BASE_UPLOADS else settings.max_upload_bytes


def register(app: Flask, settings: Settings) -> None:
    """Check every request that has a body."""

    @app.before_request
    def _check_body() -> None:
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return
        unpack(request)
        in_api = areas.takes_json(request.path)
        upload = _takes_files(request)
        request.max_content_length = (
            _most_bytes(request, settings) + _FORM_SLACK_BYTES if upload else settings.max_body_bytes
        )
        request.max_form_memory_size = max(settings.max_body_bytes, _PIECE_BYTES)
        request.max_form_parts = _MOST_PARTS
        nobody = g.get("identity") is None  # on the few routes that are open to everybody
        if nobody:
            request.max_content_length = min(_NOBODY_BYTES, settings.max_body_bytes)
            _hurry(request, _NOBODY_S)
        if upload and not nobody:
            make_room(
                services().volume, _TIMES_STORED * min(request.content_length or 0, _most_bytes(request, settings))
            )
        if is_upload(request) and (nobody or request.endpoint == "pages.sign_in"):
            raise UnsupportedMediaType("send the form as application/x-www-form-urlencoded; no files are taken here")
        if in_api and not upload:
            _check_json(request)

    @app.after_request
    def _read_away(response: Response) -> Response:
        """Let a client finish sending what nobody wants, after its answer: else it sees a broken pipe and no answer.

        Who has no key is not waited for: a thread is worth more than the comfort of reading one's refusal.
        """
        environ = request.environ
        if g.get("identity") is None:
            _hurry(request, 0.0)
        elif request.method not in ("GET", "HEAD") and environ.get("wsgi.input_terminated"):
            response.call_on_close(lambda: _drain(environ["wsgi.input"]))
        return response

    @app.teardown_request
    def _close_uploads(_error: BaseException | None) -> None:
        if parts := getattr(request, "parts", None):
            parts.close()


def _hurry(req: Request, allowed_s: float) -> None:
    connection = req.environ.get("gunicorn.socket")
    if isinstance(connection, PatientSocket):
        connection.hurry(allowed_s)


def _check_json(req: Request) -> None:
    body = req.get_data(cache=True)  # raises 413 beyond the limit, where the length was told before
    if "wsgi.input_terminated" in req.environ and len(body) >= (req.max_content_length or 0):
        raise RequestEntityTooLarge  # a body whose length nobody told is cut off there, in silence
    if not body:
        return
    if req.mimetype != "application/json":
        sent = req.mimetype or "without a Content-Type"
        if req.endpoint in _UPLOADS:
            raise UnsupportedMediaType(
                f"the file came as {sent}: send it in a form, multipart/form-data, as its part `file` (curl -F file=@NAME ...)"
            )
        raise UnsupportedMediaType(f"the body came as {sent}: send JSON, with Content-Type: application/json")
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except UnicodeDecodeError as err:
        raise MalformedJson(f"the body is not UTF-8 (byte {err.start})") from err
    except json.JSONDecodeError as err:
        raise MalformedJson(f"the body is no JSON: {err.msg} at line {err.lineno}, column {err.colno}") from err
    except RecursionError as err:
        raise MalformedJson("the body is nested too deeply") from err
    except ValueError as err:  # Python reads no integer of more than 4,300 digits
        raise MalformedJson("the body holds a number with too many digits") from err
    if not isinstance(value, dict):
        names = {list: "a list", str: "a string", bool: "a truth value", type(None): "null"}
        raise InvalidParams([Problem(field="", message=f"must be an object, not {names.get(type(value), 'a number')}")])


def _refuse_constant(name: str) -> Any:
    raise MalformedJson(f"the body holds {name}, which is no JSON number")


def _drain(stream: IO[bytes]) -> None:
    give_up_at = time.monotonic() + _DRAIN_S
    try:
        while time.monotonic() < give_up_at and stream.read(_CHUNK_BYTES):
            pass
    except OSError:
        return  # the client has gone, or has fallen silent
