"""Finds what on a volume is not what its manifest says. Reads only. Called by reindex, backup and restore.

A published folder (a dataset, a base, an uploaded file, a checkpoint, assets, a sample, artifacts) has a manifest of sizes and
SHA-256; models and API keys are one JSON file each.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.api_keys import list_keys
from shared.errors import NotFound
from shared.ids import is_id
from shared.jobs.models import get_model
from shared.volume.volume import Volume, staging

Digest = Callable[[Path], str]


@dataclass(frozen=True)
class Damage:
    """path: below the volume. what: a sentence's second half."""

    path: str
    what: str


def find_damage(volume: Volume, digest: Digest | None = staging.sha256) -> Iterator[Damage]:
    """Look through a whole volume. digest None: sizes only, no file is read."""
    for part in ("datasets", "bases", "files"):
        for folder in _entries(volume.root / part, _is_published):
            yield from _look(volume, folder, digest)
    for folder in _entries(volume.root / "jobs", is_id):
        yield from job_damage(volume, folder.name, digest)
    yield from _models(volume)
    readable = {key.id for key in list_keys(volume)}
    for path in _entries(volume.root / "keys", lambda name: name.endswith(".json")):
        if path.stem not in readable:
            yield Damage(f"keys/{path.name}", "cannot be read; the key it stands for is refused")


def job_damage(volume: Volume, job_id: str, digest: Digest | None = None) -> Iterator[Damage]:
    """Look through one job's assets, checkpoints, samples and artifacts."""
    for assets in _entries(volume.job_dir(job_id) / "assets", _is_published):
        yield from _look(volume, assets, digest)
    for attempt in volume.attempts(job_id):
        folder = volume.attempt_dir(job_id, attempt)
        for part in ("checkpoints", "samples"):
            for of_a_step in _entries(folder / part, lambda name: name.isascii() and name.isdigit()):
                yield from _look(volume, of_a_step, digest)
        if (folder / "artifacts").is_dir():
            yield from _look(volume, folder / "artifacts", digest)


def _is_published(name: str) -> bool:
    return not name.startswith(".")


def _entries(folder: Path, wanted: Callable[[str], bool]) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder)) if wanted(name)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _look(volume: Volume, folder: Path, digest: Digest | None) -> Iterator[Damage]:
    what = _what_is_wrong(folder, digest)
    if what:
        yield Damage(folder.relative_to(volume.root).as_posix(), what)


def _what_is_wrong(folder: Path, digest: Digest | None) -> str:
    manifest = staging.read_manifest(folder)
    if manifest is None:
        return "" if not folder.exists() else "has no manifest that can be read"  # gone: taken away meanwhile
    for entry in manifest["files"]:
        path = folder / entry["path"]
        try:
            size = path.stat().st_size
            if size != entry["size"]:
                return f"{entry['path']} has {size} bytes, its manifest says {entry['size']}"
            if digest and digest(path) != entry["sha256"]:
                return f"{entry['path']} is not what was written: its SHA-256 is not the manifest's"
        except (OSError, ValueError) as err:  # ValueError: a NUL in a damaged manifest's path
            if not folder.exists():
                return ""
            return f"{entry['path']} cannot be read: {getattr(err, 'strerror', None) or err}"
    return ""


def _models(volume: Volume) -> Iterator[Damage]:
    for path in _entries(volume.root / "models", lambda name: name.endswith(".json")):
        try:
            volume.checkpoint(get_model(volume, path.stem).checkpoint)
        except NotFound as err:
            if path.exists():
                yield Damage(f"models/{path.name}", f"cannot be used: {err.message}")
