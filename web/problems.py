"""The one place where errors become responses: RFC 9457 problem+json for the API, a page for people.

A response never carries a traceback; what nobody expected is logged with one and answered with 500.
"""

import errno
import logging
import re
from typing import Any
from urllib.parse import urlsplit

import redis
from flask import Flask, Response, json, make_response, render_template, request
from pydantic import BaseModel, Field, ValidationError
from redis import exceptions as answers
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge

from shared.errors import (
    MOST_PROBLEMS,
    Choice,
    ClientError,
    DatasetInvalid,
    Further,
    InvalidParams,
    NotFound,
    Problem,
    TooLarge,
    TrainyardError,
    VolumeFull,
)
from shared.wrong_values import in_words
from web import areas, openai_error

log = logging.getLogger(__name__)

_GONE = re.compile(r"no (job|dataset|model|file|API key) \S+")

_TITLES = {
    400: "The request cannot be read",
    401: "Who are you?",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    408: "Too slow",
    409: "In conflict with the present state",
    413: "Too large",
    415: "Wrong type of content",
    416: "No such part",
    421: "Not known by this name",
    422: "Some values cannot be used",
    429: "Too many",
    500: "An error on the server",
    503: "Out of reach for the moment",
    504: "Not ready in time",
    507: "The volume is full",
}

# Redis is not there, not ready or not to be written for the moment. Any other answer of its is our own fault.
_AWAY = (
    redis.ConnectionError,
    redis.TimeoutError,
    answers.BusyLoadingError,
    answers.ReadOnlyError,
    answers.TryAgainError,
    answers.MasterDownError,
)


class ProblemDocument(BaseModel):
    """application/problem+json (RFC 9457) with three further members: code for programs, problems one by one, choices.

    choices: ways on that the caller may choose: the same upload again with that option.
    """

    type: str = Field(default="about:blank", description="Always about:blank; use code.")
    title: str
    status: int
    detail: str = ""
    code: str = Field(description="Stable word for programs, such as invalid_params.")
    problems: list[Problem] = Field(default_factory=list)
    choices: list[Choice] = Field(default_factory=list)


def answer(
    status: int,
    code: str,
    detail: str,
    problems: list[Problem] | None = None,
    headers: dict[str, str] | None = None,
    choices: list[Choice] | None = None,
) -> Response:
    """Build the response for an error: problem+json, OpenAI's form under /v1, or a page when a browser asked for one."""
    title = _TITLES.get(status, "Error")
    problems = problems or []
    if areas.speaks_openai(request.path):
        return openai_error.answer(status, code, detail, problems, headers)
    if (
        areas.is_page(request.path)
        and request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
    ):
        body = render_template("error.html", status=status, title=title, detail=detail, problems=problems, back=_back())
        response = make_response(body, status)
    else:
        document = ProblemDocument(
            title=title, status=status, detail=detail, code=code, problems=problems, choices=choices or []
        )
        text = json.dumps(document.model_dump(mode="json"), ensure_ascii=False)
        response = make_response(text.encode("utf-8", "backslashreplace"), status)
        response.content_type = "application/problem+json"
    response.headers.update(headers or {})
    return response


def _back() -> str:
    """The page of ours whose form was sent; "" where there is none."""
    try:
        origin = urlsplit(request.referrer or "")
    except ValueError:
        return ""
    own = request.method == "POST" and origin.netloc == request.host and not origin.path.startswith("//")
    return origin.path if own else ""


def from_validation(err: ValidationError, prefix: str = "") -> InvalidParams:
    """Every problem pydantic found, or the first of very many, as fields of the request."""
    problems: list[Problem] = []
    found = err.errors(include_url=False)
    for e in found[:MOST_PROBLEMS]:
        field = ".".join(str(part) for part in e["loc"])
        problems.append(Problem(field=f"{prefix}{field}", message=in_words(e)))
    return InvalidParams([*problems, Further(count=len(found) - len(problems))])


def _away(code: str, detail: str) -> Response:
    return answer(503, code, detail, headers={"Retry-After": "5"})


def _client_error(err: ClientError) -> Response:
    headers = None
    if err.status == 429:
        headers = {"Retry-After": str(getattr(err, "retry_after_s", 10))}
    elif err.status == 401:
        headers = {"WWW-Authenticate": 'Bearer realm="trainyard"'}
    choices = err.choices if isinstance(err, DatasetInvalid) else []
    said = err.message
    if isinstance(err, NotFound) and _GONE.fullmatch(said):
        said += ": it has been deleted, or belongs to somebody else, or never was"
    return answer(err.status, err.code, said, err.problems, headers, choices)


def _bytes(limit: int) -> str:
    return f"{limit / (1 << 20):.3g} MiB" if limit >= 1 << 20 else f"{limit / (1 << 10):.0f} KiB"


def register(app: Flask) -> None:
    """Add the handlers."""
    app.register_error_handler(ClientError, _client_error)
    app.register_error_handler(ValidationError, lambda err: _client_error(from_validation(err)))

    @app.errorhandler(RequestEntityTooLarge)
    def _too_large(err: RequestEntityTooLarge) -> Response:
        limit, parts = request.max_content_length, request.max_form_parts
        said = f"the request is larger than {_bytes(limit)}" if limit else "the request is too large"
        if request.is_json:
            said += (
                ", the most of a JSON body: send files to POST /api/v1/files, and name them by the ids that come back"
            )
        elif request.mimetype == "application/x-www-form-urlencoded":
            said += ": a text of this length is sent as a file"
        if request.mimetype == "multipart/form-data" and parts and (request.content_length or 0) <= (limit or 0):
            said += f", or has more than {parts:,} files and fields: send many files as one zip"
        return _client_error(TooLarge(said))

    @app.errorhandler(ClientDisconnected)
    def _too_slow(_err: ClientDisconnected) -> Response:
        return answer(408, "request_timeout", "the rest of the request did not come, or not in time")

    @app.errorhandler(HTTPException)
    def _http(err: HTTPException) -> Response:
        if err.response is not None:  # made ready by whoever aborted
            return err.response  # type: ignore[return-value]
        headers = {name: value for name, value in err.get_headers() if name in ("Allow", "Content-Range")}
        code = (err.name or "error").lower().replace(" ", "_")
        return answer(err.code or 500, code, err.description or "", headers=headers)

    @app.errorhandler(redis.RedisError)
    def _redis(err: redis.RedisError) -> Response:
        if isinstance(err, answers.OutOfMemoryError):
            log.error("Redis refuses to write: %s", err)
            return _away("redis_full", "Redis has no memory left to write with; nothing was changed")
        if str(err).startswith("MISCONF"):
            log.error("Redis refuses to write: %s", err)
            return _away("redis_full", "Redis cannot write to its own disk; nothing was changed")
        if isinstance(err, _AWAY):
            log.warning("Redis is out of reach: %s", err)
            return _away("unavailable", "Redis cannot be reached; try again in a few seconds")
        return _unexpected(err)

    @app.errorhandler(OSError)
    def _volume(err: OSError) -> Response:
        if err.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return _full(VolumeFull(f"the volume is full: {err.strerror}"))
        if err.errno in (errno.EROFS, errno.EACCES, errno.EIO, errno.ESTALE, errno.ENOTCONN):
            log.error("the volume cannot be used: %s", err)
            return _away("volume_unavailable", f"the volume cannot be used: {err.strerror}")
        if err.errno in (errno.EMFILE, errno.ENFILE):
            log.error("too many files are open: %s", err)
            return _away("busy", "the server has too many files open; try again in a few seconds")
        return _unexpected(err)

    @app.errorhandler(VolumeFull)
    def _full(err: VolumeFull) -> Response:
        return answer(507, err.code, f"{err.message}; nothing was kept. Delete datasets or ended jobs, then try again")

    @app.errorhandler(TrainyardError)
    def _expected(err: TrainyardError) -> Response:
        log.error("unexpected %s: %s", err.code, err.message)
        return answer(500, err.code, err.message)

    @app.errorhandler(Exception)
    def _unexpected(err: Exception) -> Response:
        log.error("unexpected error at %s %r", request.method, request.path, exc_info=err)
        return answer(500, "internal_error", "an error nobody expected; the server's log has it")


def documented(*statuses: int) -> dict[Any, Any]:
    """Responses for the OpenAPI document: the given statuses as ProblemDocument."""
    return {
        str(status): {
            "description": _TITLES[status],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in statuses
    }
