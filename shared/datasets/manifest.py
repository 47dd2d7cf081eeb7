"""What is known of an imported dataset, and reading it back from the volume."""

import contextlib
import hashlib
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import BaseModel, Field, ValidationError

from shared.datasets.report import DatasetReport
from shared.errors import NotFound
from shared.volume.content import StoredFile, is_content_id
from shared.volume.volume import Volume, staging

_Stamp = tuple[int, int, int]  # inode, size, time of a manifest: another one is another manifest
# What list_datasets has read; None: damaged. Forgotten with the volume, or when the dataset is gone.
_listed: WeakKeyDictionary[Volume, dict[str, tuple[_Stamp, "DatasetManifest | None"]]] = WeakKeyDictionary()


class DatasetManifest(BaseModel):
    """A dataset. Its files lie below datasets/<id>/files/.

    report: what its format found when it was imported (get_report has a newer one where that tells more). notes: what was changed
    or left out on import, for the user. options: what the user chose. kept: its format's own (Arranged.kept).
    """

    id: str
    name: str
    format: str
    owner: str = "local"
    created_at: datetime
    bytes: int
    files: list[StoredFile]
    report: DatasetReport = Field(default_factory=DatasetReport)
    notes: list[str] = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict)
    kept: dict[str, Any] = Field(default_factory=dict)


def content_id(owner: str, format: str, files: list[dict[str, Any]]) -> str:
    """32 hex digits that depend on the owner, the format, and the files' paths and bytes alone.

    The same upload of two owners is two datasets: neither learns of the other's, and each deletes only its own.
    """
    digest = hashlib.sha256(f"{owner}\n{format}".encode())
    for entry in sorted(files, key=lambda e: e["path"]):
        digest.update(f"\n{entry['sha256']} {entry['size']} {entry['path']}".encode())
    return digest.hexdigest()[:32]


def get_dataset(volume: Volume, dataset_id: str) -> DatasetManifest:
    """Raises NotFound, also for what is no id at all."""
    found = staging.read_manifest(volume.dataset_dir(dataset_id)) if is_content_id(dataset_id) else None
    if found is None:
        raise NotFound(f"no dataset {dataset_id!r:.60}")
    try:
        return DatasetManifest.model_validate(found)
    except ValidationError as err:
        raise NotFound(f"the manifest of dataset {dataset_id} is damaged: upload its files again") from err


def list_datasets(volume: Volume) -> list[DatasetManifest]:
    """All datasets, newest first, without their `files`: these are [], get_dataset() has them.

    Each manifest is read once by a process, and again when it has been replaced: one of 200,000 files takes a second. What is
    returned is shared between callers and not to be changed.
    """
    known, listed = _listed.get(volume, {}), {}
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(volume.root / "datasets"):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                stat = (volume.dataset_dir(name) / staging.MANIFEST).stat()
                stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
                listed[name] = (
                    known[name] if name in known and known[name][0] == stamp else (stamp, _head(volume, name))
                )
    _listed[volume] = listed
    found = [head for _, head in listed.values() if head is not None]
    return sorted(found, key=lambda dataset: dataset.created_at, reverse=True)


def _head(volume: Volume, name: str) -> DatasetManifest | None:
    """A dataset without its files, None for what is none or is damaged."""
    try:
        return get_dataset(volume, name).model_copy(update={"files": []})
    except NotFound:
        return None


def delete_dataset(volume: Volume, dataset_id: str, *, unless: Callable[[Path], bool] = lambda aside: False) -> bool:
    """Remove a dataset's files. Returns whether they are gone; unless: see staging.remove. Raises NotFound.

    Whether a job still needs it is the caller's question: shared/jobs/pins.py, jobs_that_need before and needing(aside) within.
    """
    folder = volume.dataset_dir(dataset_id)
    if not is_content_id(dataset_id):
        raise NotFound(f"no dataset {dataset_id!r:.60}")
    try:
        return staging.remove(folder, unless=unless)
    except FileNotFoundError as err:
        raise NotFound(f"no dataset {dataset_id!r:.60}") from err
