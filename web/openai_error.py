"""An error as OpenAI's API tells it, for what lies under /v1: everything that is wrong stands in its message."""

from typing import Any

from flask import Response, g, json, make_response
from pydantic import BaseModel, Field

from shared.errors import Problem

# Words their clients look for.
_CODES = {"unauthenticated": "invalid_api_key", "rate_limited": "rate_limit_exceeded"}
_ABOUT = {
    400: "Some values cannot be used",
    401: "No API key, or one that is not known",
    403: "The key may not do this",
    404: "No such model or picture",
    409: "In conflict with the present state",
    413: "Too large",
    415: "No JSON",
    421: "Not known by this name",
    429: "Too many requests, or jobs",
    500: "The job has failed, or an error on the server",
    503: "Out of reach for the moment, or busy",
    504: "The job has not ended in time; it goes on",
    507: "The volume is full",
}


class OpenAIError(BaseModel):
    """What is wrong. message: all of it, for people. param: the first field at fault."""

    message: str
    type: str = Field(description="invalid_request_error, rate_limit_error or server_error.")
    param: str | None = None
    code: str = Field(description="Stable word for programs.")


class OpenAIErrorDocument(BaseModel):
    """An error's whole body."""

    error: OpenAIError


def submitted(job_id: str) -> None:
    """Note the job of the current request: whatever its answer, it names the job, and no client sends it again by itself."""
    g.openai_job = job_id


def answer(
    status: int, code: str, detail: str, problems: list[Problem], headers: dict[str, str] | None = None
) -> Response:
    """Build the response. OpenAI has no 422: wrong values are 400."""
    status = 400 if status == 422 else status
    kind = "rate_limit_error" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    param = next((problem.field for problem in problems if problem.field), None)
    error = OpenAIError(message=detail, type=kind, param=param, code=_CODES.get(code, code))
    text = json.dumps(OpenAIErrorDocument(error=error).model_dump(), ensure_ascii=False)
    response = make_response(text.encode("utf-8", "backslashreplace"), status)
    response.content_type = "application/json"
    response.headers.update(headers or {})
    if status == 409 or "openai_job" in g:
        response.headers["x-should-retry"] = (
            "false"  # their clients send again by themselves what fails with 409 or 5xx
        )
    return named(response)


def named(response: Response) -> Response:
    """The response with the job it is about as its request's id, which their clients show."""
    if "openai_job" in g:
        response.headers["x-request-id"] = g.openai_job
    return response


def documented(*statuses: int) -> dict[Any, Any]:
    """Responses for the OpenAPI document."""
    schema = {"$ref": "#/components/schemas/OpenAIErrorDocument"}
    return {
        str(status): {"description": _ABOUT[status], "content": {"application/json": {"schema": schema}}}
        for status in statuses
    }
