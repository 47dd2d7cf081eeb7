"""What the resources share: blueprints with documented errors, and models of paths, queries and headers."""

import re
from functools import cache
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.wrappers import Response as WerkzeugResponse

from web.problems import documented
from web.representation import API

MOST_WAIT_S = 60.0
Reply = (
    Response | WerkzeugResponse | tuple[Response | str, int]
)  # what views return; flask.typing's alias cannot be resolved
JOB_ID = r"^[0-9a-hjkmnp-tv-z]{26}$"


def resource(name: str, about: str, *, prefix: str = API) -> APIBlueprint:
    """A blueprint whose operations all document the errors that can happen anywhere."""
    return APIBlueprint(
        f"api_{name}",
        __name__,
        url_prefix=prefix,
        abp_tags=[Tag(name=name, description=about)],
        abp_security=[{"key": []}],
        abp_responses=documented(400, 401, 403, 404, 421, 422, 429, 503),
    )


BINARY = {"type": "string", "format": "binary"}


def upload_body(fields: dict[str, Any], *, closed: bool = False, whole: bool = False) -> dict[str, Any]:
    """openapi_extensions of an upload: a form with `file` and other fields. closed: no others. whole: or a file as the body."""
    schema = {"type": "object", "required": ["file"], "properties": fields}
    content: dict[str, Any] = {
        "multipart/form-data": {"schema": schema | ({"additionalProperties": False} if closed else {})}
    }
    if whole:
        content["application/octet-stream"] = {"schema": BINARY}
    return {"requestBody": {"required": True, "content": content}}


class Asked(BaseModel):
    """Base of path, query and header models. flask-openapi3 asks for their JSON Schema at every request: 0.3-1.6 ms."""

    @classmethod
    @cache
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return super().model_json_schema(*args, **kwargs)


class Query(Asked):
    """Base of queries: what is unknown is refused."""

    model_config = ConfigDict(extra="forbid")


class JobPath(Asked):
    """A job's id."""

    job_id: str = Field(pattern=JOB_ID, description="26 characters.")


class WaitQuery(Query):
    """How long to wait for a change."""

    wait: float = Field(
        0, ge=0, le=MOST_WAIT_S, description="Answer as soon as something changed, at most after so many seconds."
    )


class PreferHeader(Asked):
    """RFC 7240."""

    prefer: str | None = Field(
        None, alias="Prefer", max_length=1000, description="wait=N: answer later, at most after so many seconds."
    )


class KeyHeader(Asked):
    """A key of the client's making, so that a request may be repeated."""

    idempotency_key: str | None = Field(
        None, alias="Idempotency-Key", min_length=1, max_length=255, description="The same for every repetition."
    )


class SubmitHeader(PreferHeader, KeyHeader):
    """What POST /jobs listens to."""


class LookHeader(PreferHeader):
    """What GET /jobs/{id} listens to."""

    if_none_match: str | None = Field(
        None, alias="If-None-Match", max_length=1000, description="ETag of what is known already."
    )


def preferred_wait(header: PreferHeader, query_wait: float = 0) -> float:
    """Seconds to wait: ?wait=, or RFC 7240's Prefer: wait=N."""
    match = re.search(r"(?:^|[,;\s])wait=(\d{1,5})", header.prefer or "")
    return min(max(query_wait, float(match.group(1)) if match else 0), MOST_WAIT_S)
