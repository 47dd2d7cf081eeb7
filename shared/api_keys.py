"""API keys: who may do what. keys/<key id>.json on the volume holds the SHA-256 of a secret, never the secret.

On the volume and not in Redis, so that a wiped Redis locks nobody out; read anew for every request, so that a revoked key
is refused at once by every web process.
"""

import contextlib
import hashlib
import hmac
import os
import re
import secrets
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from shared.errors import InvalidParams, NotFound, Problem
from shared.ids import is_id, new_id
from shared.jobs.job import utc_now
from shared.moments import Moment
from shared.volume.volume import Volume, staging
from shared.wrong_values import in_words

Scope = Literal["read", "submit", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "submit", "admin")  # each allows what those before it allow
OWNER = r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$"

_FORM = re.compile(r"ty_([0-9a-hjkmnp-tv-z]{26})_([A-Za-z0-9_-]{43})")
_NOBODY = "0" * 64


class ApiKey(BaseModel):
    """One key. secret_sha256 is left out wherever a key is shown."""

    id: str
    owner: str = Field(pattern=OWNER)
    scope: Scope
    name: str = Field(default="", max_length=200)
    created_at: Moment = Field(default_factory=utc_now)
    expires_at: Moment | None = None
    revoked_at: Moment | None = None
    secret_sha256: str = Field(exclude=True, repr=False)

    def state(self, now: datetime | None = None) -> str:
        """usable, expired or revoked."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= (now or utc_now()) else "usable"


def create_key(
    volume: Volume, *, owner: str, scope: Scope, name: str = "", expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key. Returns it and its text, which is nowhere kept. Raises InvalidParams, VolumeFull."""
    secret = secrets.token_urlsafe(32)
    try:
        key = ApiKey(
            id=new_id(),
            owner=owner,
            scope=scope,
            name=" ".join(name.split()),
            expires_at=expires_at,
            secret_sha256=_digest(secret),
        )
    except ValidationError as err:
        wrong = {str(e["loc"][0]): in_words(e) for e in err.errors()}
        if "owner" in wrong:
            wrong["owner"] = (
                f"{owner!r:.80} cannot be an owner: up to 64 of letters, digits and . _ @ + -, beginning with one of the "
                "first two"
            )
        raise InvalidParams([Problem(field=field, message=message) for field, message in wrong.items()]) from err
    if expires_at and expires_at <= key.created_at:
        raise InvalidParams([Problem(field="expires_at", message=f"{expires_at.isoformat()} has passed already")])
    (volume.root / "keys").mkdir(mode=0o700, exist_ok=True)
    _write(volume, key)
    return key, f"ty_{key.id}_{secret}"


def find_key(volume: Volume, text: str) -> ApiKey | None:
    """The usable key that a text is, or None. Takes as long for a wrong secret as for a right one."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    key = read_key(volume, match[1])
    same = hmac.compare_digest(_digest(match[2]), key.secret_sha256 if key else _NOBODY)
    return key if key and same and key.state() == "usable" else None


def read_key(volume: Volume, key_id: str) -> ApiKey | None:
    """A key by its id, whatever its state; None when there is none or its file is damaged."""
    found = staging.read_json(volume.root / "keys" / f"{key_id}.json") if is_id(key_id) else None
    try:
        return ApiKey.model_validate(found) if found else None
    except ValidationError:
        return None


def list_keys(volume: Volume, owner: str | None = None) -> list[ApiKey]:
    """Keys of an owner, or all, newest first; revoked and expired ones too."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(volume.root / "keys"):
            key = read_key(volume, name.removesuffix(".json"))
            if key and owner in (None, key.owner):
                found.append(key)
    return sorted(found, key=lambda key: key.created_at, reverse=True)


def revoke_key(volume: Volume, key_id: str) -> ApiKey:
    """Refuse a key from now on; its entry stays, to be read. Raises NotFound."""
    key = read_key(volume, key_id)
    if key is None:
        raise NotFound(f"no API key {key_id!r:.60}")
    if key.revoked_at is None:
        key = key.model_copy(update={"revoked_at": utc_now()})
        _write(volume, key)
    return key


def _write(volume: Volume, key: ApiKey) -> None:
    content = key.model_dump(mode="json") | {"secret_sha256": key.secret_sha256}
    staging.write_json(volume.root / "keys" / f"{key.id}.json", content, mode=0o600)


def _digest(secret: str) -> str:
    """32 random bytes need no slow hash: there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()
