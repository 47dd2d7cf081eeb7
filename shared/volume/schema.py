"""Refuses what another version has written: a volume by its schema.json, a Redis by the key schema. Changes neither.

Called once at the start of every program that uses them, and by what copies or reads a whole volume. New ones are marked:
a volume by Volume.ensure(), a Redis with its first job.
"""

import os
from typing import TYPE_CHECKING

from shared.errors import SchemaMismatch
from shared.jobs.job import SCHEMA_VERSION
from shared.redis_url import telling_refusals
from shared.volume import staging

if TYPE_CHECKING:  # both call this module
    from shared.jobs.store import JobStore
    from shared.volume.volume import Volume

SCHEMA = "schema.json"
_CONTENT = ("datasets", "jobs", "models", "files", "bases")  # API keys are alike in all versions


def require_volume(volume: "Volume") -> None:
    """Raise SchemaMismatch when a volume holds what another version has written. One that is empty, or not there, is fine."""
    found = _schema_of(volume)
    if found is None and _holds_something(volume):
        found = _schema_of(volume) or 1  # read again: another process may have begun it between the two looks
    if found not in (None, SCHEMA_VERSION):
        raise SchemaMismatch(
            f"the volume {volume.root} (TRAINYARD_DATA) {_written_by(found)}; this is version {SCHEMA_VERSION}, which cannot use "
            "it: go on with the version it was made by, or choose an empty folder. It was left as it is"
        )


def require_store(store: "JobStore") -> None:
    """Raise SchemaMismatch when Redis holds jobs of another version, RedisRefuses when it will not have us.

    Raises redis.RedisError.
    """
    with telling_refusals("redis_url"):
        store.require_schema()


def mark(volume: "Volume") -> None:
    """Say on a new volume which version it is of. Repeating is harmless. Raises VolumeFull, OSError."""
    if _schema_of(volume) is None:
        staging.write_json(volume.root / SCHEMA, {"schema": SCHEMA_VERSION})


def _schema_of(volume: "Volume") -> object:
    """The version a volume says it is of; None where it says nothing, "unreadable" where that cannot be read."""
    path = volume.root / SCHEMA
    if not path.exists():
        return None
    found = staging.read_json(path)
    version = found.get("schema") if isinstance(found, dict) else None
    return version if isinstance(version, int) else "unreadable"


def _holds_something(volume: "Volume") -> bool:
    for part in _CONTENT:
        try:
            if any(not name.startswith(".") for name in os.listdir(volume.root / part)):
                return True
        except (FileNotFoundError, NotADirectoryError):
            continue
    return False


def _written_by(version: object) -> str:
    if version == "unreadable":
        return f"has a {SCHEMA} that cannot be read, so that nobody knows which version has written it"
    return f"was written by version {version} of Trainyard's format"
