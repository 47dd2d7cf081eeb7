"""/keys: make, list and revoke API keys."""

from datetime import timedelta

from flask import jsonify
from pydantic import BaseModel, ConfigDict, Field

from shared.api_keys import OWNER, ApiKey, Scope, create_key, list_keys, read_key, revoke_key
from shared.errors import NotFound
from shared.jobs.job import utc_now
from web.api.common import JOB_ID, Asked, Reply, resource
from web.identity import identity, require
from web.problems import documented
from web.services import services

blueprint = resource("keys", "API keys: who may do what.")


class KeyPath(Asked):
    """A key's id: the part between the two underscores."""

    key_id: str = Field(pattern=JOB_ID)


class KeyBody(BaseModel):
    """A key to make."""

    model_config = ConfigDict(extra="forbid")

    owner: str = Field(pattern=OWNER, description="Whose jobs, datasets and models it reaches.")
    scope: Scope = Field("submit", description="read; submit: and change; admin: everything of everybody, and keys.")
    name: str = Field("", max_length=200, description="What it is for.")
    expires_in_days: float | None = Field(None, ge=0.01, le=3650, description="Left out: it does not expire.")


class KeyMade(ApiKey):
    """A new key with its text."""

    key: str = Field(description="Shown this once and nowhere kept.")
    secret_sha256: str = Field("", exclude=True, repr=False)


class KeyList(BaseModel):
    """Keys, newest first."""

    keys: list[ApiKey]


def make_key(body: KeyBody) -> tuple[ApiKey, str]:
    """Make a key as an admin. Raises Forbidden, InvalidParams."""
    require("admin")
    ends = utc_now() + timedelta(days=body.expires_in_days) if body.expires_in_days else None
    return create_key(services().volume, owner=body.owner, scope=body.scope, name=body.name, expires_at=ends)


def revoke(key_id: str) -> ApiKey:
    """Revoke a key of one's own that reaches no further than the one it is asked with, or any as an admin.

    Raises NotFound, Forbidden.
    """
    key = read_key(services().volume, key_id)
    if key is None or not (identity().sees_all or key.owner == identity().owner):
        raise NotFound(f"no API key {key_id!r:.60}")
    require(key.scope)
    return revoke_key(services().volume, key_id)


@blueprint.get("/keys", summary="List API keys: an admin all, others their own", responses={"200": KeyList})
def keys() -> Reply:
    who = identity()
    found = list_keys(services().volume, None if who.sees_all else who.owner)
    return jsonify({"keys": [key.model_dump(mode="json") for key in found]})


@blueprint.post(
    "/keys",
    summary="Make an API key",
    description="Needs the scope admin. The key's text is in this answer and nowhere else.",
    responses={"201": KeyMade, **documented(413, 415, 507)},
)
def add_key(body: KeyBody) -> Reply:
    key, text = make_key(body)
    response = jsonify(key.model_dump(mode="json") | {"key": text})
    response.status_code = 201
    return response


@blueprint.delete(
    "/keys/<key_id>",
    summary="Revoke an API key",
    description="It is refused from the next request on, and every session opened with it.",
    responses={"200": ApiKey, **documented(413, 415)},
)
def remove_key(path: KeyPath) -> Reply:
    return jsonify(revoke(path.key_id).model_dump(mode="json"))
