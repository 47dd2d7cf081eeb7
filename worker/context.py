"""What a training or a generation may ask of the world around it.

Context does nothing: with it a recipe runs in a notebook or a test. worker/process.py derives the one that speaks
to the supervisor. All methods are called from one thread, the one that runs fit() or generate().
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.errors import InputMissing
from shared.jobs.job import CheckpointRef, Job, Progress
from shared.volume.staging import full_is_said

if TYPE_CHECKING:
    from shared.volume.volume import Volume


@dataclass
class Context:
    """Base of all contexts. Fields are facts, methods are what may be overridden.

    attempt_dir: the attempt's folder; None: nothing is written, no checkpoint is kept.
    volume: the shared volume; needed for checkpoints and for generation from a dataset.
    job_id, attempt: name the checkpoints written here.
    checkpoint_interval_s: longest time between two checkpoints; math.inf: only at the end and on a stop.
    keep_checkpoints: how many of the newest stay, beside the best one.
    cache_dir: where what is made of datasets (token files, decoded pictures) is kept for the next training; None: a temporary
        folder of this process. max_cache_bytes: how much of it one training may make; beyond, it decodes as it reads.
    """

    attempt_dir: Path | None = None
    volume: "Volume | None" = None
    job_id: str = ""
    attempt: int = 1
    checkpoint_interval_s: float = 60.0
    keep_checkpoints: int = 3
    cache_dir: Path | None = None
    max_cache_bytes: int = 8 * 1024**3

    def check(self) -> None:
        """Raise the Interrupted that was asked for, if any. Called at step borders: must cost microseconds."""

    def look(self, done: int, of: int) -> None:
        """check(), and take note that `done` of `of` parts of what is going on are done: what is left is told by it."""
        self.check()

    def progress(self, progress: Progress) -> None:
        """Take the newest progress; called at most about twice a second, and on every change of phase."""

    def event(self, type: str, data: dict[str, Any]) -> None:
        """Take a "sample", "output" or "note" event (see shared/jobs/events.py)."""

    def checkpoint(self, ref: CheckpointRef, data: dict[str, Any]) -> None:
        """Take note that a checkpoint is on the volume, verified. data: step, metrics, bytes."""

    def series_row(self, row: dict[str, Any]) -> None:
        """Append one row to the attempt's series.jsonl. Raises VolumeFull."""
        if self.attempt_dir is not None:
            with full_is_said(), (self.attempt_dir / "series.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, allow_nan=False) + "\n")

    def secret(self) -> bytes:
        """32 bytes that nobody can know, the same in every attempt of a job (shared/volume/secret.py); without one new ones.

        They must get into nothing that is written or told.
        """
        if self.volume is None or not self.job_id:
            return secrets.token_bytes(32)
        from shared.volume.secret import job_secret

        return job_secret(self.volume, self.job_id)

    def file(self, file_id: str) -> tuple[Any, Path]:
        """Return (its manifest, path of its bytes) of an uploaded file. Raises InputMissing when it is gone."""
        if self.volume is None:
            raise InputMissing(f"file {file_id}: no volume here")
        from shared.errors import NotFound
        from shared.volume.files import get_file

        try:
            return get_file(self.volume, file_id)
        except NotFound as err:
            raise InputMissing(f"file {file_id} is no longer on the volume") from err

    def whole(self, job: Job) -> Job:
        """Return a job with params that were too large for its record. Raises InputMissing when they are gone or damaged."""
        if self.volume is None or not job.params_file:
            return job
        from shared.errors import NotFound
        from shared.volume.large_params import with_params

        try:
            return with_params(self.volume, job)
        except NotFound as err:
            raise InputMissing(err.message) from err

    def dataset(self, dataset_id: str) -> tuple[Any, Path]:
        """Return (manifest, folder) of a dataset on the volume. Raises InputMissing when it is gone."""
        if self.volume is None:
            raise InputMissing(f"dataset {dataset_id}: no volume here")
        from shared.datasets import get_dataset
        from shared.errors import NotFound

        try:
            manifest = get_dataset(self.volume, dataset_id)
        except NotFound as err:
            raise InputMissing(f"dataset {dataset_id} is no longer on the volume") from err
        return manifest, self.volume.dataset_dir(dataset_id)

    def base(self, base_id: str) -> tuple[Any, Path]:
        """Return (manifest, folder) of a base model on the volume. Raises InputMissing when it is gone."""
        if self.volume is None:
            raise InputMissing(f"base model {base_id}: no volume here")
        from shared.bases.manifest import get_base
        from shared.errors import NotFound

        try:
            return get_base(self.volume, base_id), self.volume.base_dir(base_id)
        except NotFound as err:
            raise InputMissing(f"base model {base_id} is no longer on the volume") from err
