"""Reads request bodies before any view does: size, type and JSON syntax, each with an answer that says what is wrong."""

import json

from flask import Flask, Request, request
from werkzeug.exceptions import UnsupportedMediaType

from shared.errors import ClientError
from shared.settings import Settings

_FORM_SLACK_BYTES = 1 << 20  # a multipart upload's own lines, beside its files


class MalformedJson(ClientError):
    """The body is no JSON."""

    status = 400
    code = "malformed_json"


def is_upload(req: Request) -> bool:
    """True for requests that carry files."""
    return req.mimetype == "multipart/form-data"


def register(app: Flask, settings: Settings) -> None:
    """Check every request that has a body."""

    @app.before_request
    def _check_body() -> None:
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return
        upload = is_upload(request)
        limit = settings.max_upload_bytes + _FORM_SLACK_BYTES if upload else settings.max_body_bytes
        request.max_content_length = limit
        request.max_form_memory_size = settings.max_body_bytes
        if upload or not request.path.startswith("/api/"):
            return
        body = request.get_data(cache=True)  # raises 413 beyond the limit, chunked or not
        if not body:
            return
        if request.mimetype != "application/json":
            raise UnsupportedMediaType(
                f"send JSON with Content-Type: application/json, not {request.mimetype or 'nothing'}"
            )
        try:
            json.loads(body, parse_constant=_refuse_constant)
        except UnicodeDecodeError as err:
            raise MalformedJson(f"the body is not UTF-8 (byte {err.start})") from err
        except json.JSONDecodeError as err:
            raise MalformedJson(f"the body is no JSON: {err.msg} at line {err.lineno}, column {err.colno}") from err
        except RecursionError as err:
            raise MalformedJson("the body is nested too deeply") from err

    @app.teardown_request
    def _close_uploads(_error: BaseException | None) -> None:
        for stream in getattr(request, "upload_streams", ()):
            stream.close()


def _refuse_constant(name: str) -> None:
    raise MalformedJson(f"the body holds {name}, which is no JSON number")
