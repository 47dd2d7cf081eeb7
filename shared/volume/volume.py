"""The shared volume: where things are, how an attempt writes, how its checkpoints and outcome are found again.

    schema.json             see shared/volume/schema.py
    datasets/<id>/          see shared/datasets
    jobs/<job id>/record.json, assets/<hash>, secret (shared/volume/secret.py),
        attempt-<n>/{claimed.json, checkpoints/<step>, artifacts, samples/<step>, rows, series.jsonl, log.txt, DONE}
    models/<model id>.json  see shared/jobs/models.py
    files/<file id>/        see shared/volume/files.py
    bases/<base id>/        see shared/bases
    imports/                open weights that somebody has laid there, to be imported
    {jobs/<job id>,datasets/<id>,bases/<id>,files/<file id>,cache/<id>/<key>}/pins/   see shared/jobs/pins.py
    cache/                  what trainings have made of datasets, see shared/volume/cache.py

Reading curves, logs, samples and artifacts back is shared/volume/readback.py.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from shared.errors import Conflict, NotFound
from shared.ids import is_id
from shared.jobs.job import CheckpointRef, InputRef, Job, JobErrorInfo, State, utc_now
from shared.volume import schema, staging


class CheckpointInfo(BaseModel):
    """A published checkpoint. metrics: the newest values when it was written; bytes: of all its files.

    needs: the inputs by role that its model cannot be built without, such as a base that is in no checkpoint.
    """

    ref: CheckpointRef
    path: Path
    metrics: dict[str, float] = Field(default_factory=dict)
    needs: dict[str, InputRef] = Field(default_factory=dict)
    bytes: int
    created_at: datetime


class Done(BaseModel):
    """The outcome of a job as its last attempt left it on the volume."""

    attempt: int
    state: State
    result: dict[str, Any] | None = None
    error: JobErrorInfo | None = None
    finished_at: datetime


class Volume:
    """Paths and writes. Holds no open file; safe to use from several threads and processes."""

    def __init__(self, root: Path | str):
        self.root = Path(root)

    def ensure(self) -> None:
        """Make the top folders of a new volume. Raises SchemaMismatch when another version has written this one."""
        schema.require_volume(self)
        for name in ("datasets", "jobs", "models", "files", "bases", "imports"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        schema.mark(self)

    def dataset_dir(self, dataset_id: str) -> Path:
        return self.root / "datasets" / dataset_id

    def base_dir(self, base_id: str) -> Path:
        return self.root / "bases" / base_id

    def job_dir(self, job_id: str) -> Path:
        """Raises NotFound for what is no job id, so that no path can leave the volume."""
        if not is_id(job_id):
            raise NotFound(f"no job {job_id!r:.60}")
        return self.root / "jobs" / job_id

    def attempt_dir(self, job_id: str, attempt: int) -> Path:
        return self.job_dir(job_id) / f"attempt-{int(attempt)}"

    def stage(self, parent: Path) -> contextlib.AbstractContextManager[staging.Stage]:
        """A staging folder in `parent`; see shared/volume/staging.py."""
        return staging.staged(parent)

    @staticmethod
    def verify(folder: Path, look: Callable[[], None] = lambda: None) -> bool:
        """True when a published folder holds the bytes its manifest lists. look: called all along; may raise."""
        return staging.verify(folder, look)

    # --- an attempt -------------------------------------------------------------------------------------------------

    def start_attempt(self, job_id: str, attempt: int) -> Path:
        """Make an attempt's folder, exclusively: a second fence. Raises Conflict when it exists, VolumeFull."""
        folder = self.attempt_dir(job_id, attempt)
        with staging.full_is_said():
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                folder.mkdir()
            except FileExistsError as err:
                raise Conflict(f"attempt {attempt} of job {job_id} has a folder already") from err
            staging.sync_folder(folder.parent)
        return folder

    def write_claimed(self, job: Job) -> None:
        """Keep the record as this attempt has claimed it: what was asked for, and how the attempts before it ended."""
        staging.write_json(self.attempt_dir(job.id, job.attempt) / "claimed.json", job.model_dump(mode="json"))

    def write_record(self, job: Job) -> None:
        """Keep a copy of the newest record, for a Redis that is lost (shared/volume/copies.py). Raises VolumeFull."""
        with staging.full_is_said():
            self.job_dir(job.id).mkdir(parents=True, exist_ok=True)
        staging.write_json(self.job_dir(job.id) / "record.json", job.model_dump(mode="json"))

    def write_done(
        self,
        job_id: str,
        attempt: int,
        *,
        state: State,
        result: dict[str, Any] | None = None,
        error: JobErrorInfo | None = None,
    ) -> None:
        """Write the outcome, before the record is told. Raises VolumeFull."""
        done = Done(attempt=attempt, state=state, result=result, error=error, finished_at=utc_now())
        staging.write_json(self.attempt_dir(job_id, attempt) / "DONE", done.model_dump(mode="json"))

    def find_done(self, job_id: str) -> Done | None:
        """The outcome left by the highest attempt that left one."""
        for number in sorted(self.attempts(job_id), reverse=True):
            try:
                return Done.model_validate(staging.read_json(self.attempt_dir(job_id, number) / "DONE"))
            except ValidationError:
                continue
        return None

    def attempts(self, job_id: str) -> list[int]:
        """Numbers of the attempts that have a folder, ascending."""
        try:
            names = os.listdir(self.job_dir(job_id))
        except FileNotFoundError:
            return []
        numbers = (name.removeprefix("attempt-") for name in names if name.startswith("attempt-"))
        return sorted(int(number) for number in numbers if number.isascii() and number.isdigit())

    # --- checkpoints --------------------------------------------------------------------------------------------------

    def checkpoint(self, ref: CheckpointRef) -> CheckpointInfo:
        """One published checkpoint. Raises NotFound."""
        path = self.attempt_dir(ref.job_id, ref.attempt) / "checkpoints" / f"{ref.step:08d}"
        manifest = staging.read_manifest(path)
        if manifest is None:
            raise NotFound(f"no checkpoint at step {ref.step} of job {ref.job_id}, attempt {ref.attempt}")
        return CheckpointInfo(
            ref=ref,
            path=path,
            metrics=manifest.get("metrics", {}),
            needs=manifest.get("needs", {}),
            bytes=sum(entry["size"] for entry in manifest["files"]),
            created_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        )

    def checkpoints(self, job_id: str) -> list[CheckpointInfo]:
        """Published checkpoints of all attempts, ascending by (step, attempt). Hashes are not read: see verify()."""
        found = []
        for attempt in self.attempts(job_id):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                for name in os.listdir(self.attempt_dir(job_id, attempt) / "checkpoints"):
                    if name.isascii() and name.isdigit():
                        with contextlib.suppress(NotFound, FileNotFoundError):  # retention may take it away meanwhile
                            found.append(self.checkpoint(CheckpointRef(job_id=job_id, attempt=attempt, step=int(name))))
        return sorted(found, key=lambda info: (info.ref.step, info.ref.attempt))

    def newest_checkpoint(
        self, job_id: str, below_attempt: int | None = None, *, recorded: CheckpointRef | None = None
    ) -> CheckpointInfo | None:
        """The newest checkpoint whose hashes agree, of attempts below below_attempt. Damaged ones are passed over.

        recorded: the one the job's record names; found by its path even where a network file system's listing is old.
        """
        found = {info.path: info for info in self.checkpoints(job_id)}
        if recorded is not None and recorded.job_id == job_id:
            with contextlib.suppress(NotFound, FileNotFoundError):
                info = self.checkpoint(recorded)
                found[info.path] = info
        for info in sorted(found.values(), key=lambda info: (info.ref.step, info.ref.attempt), reverse=True):
            if (below_attempt is None or info.ref.attempt < below_attempt) and staging.verify(info.path):
                return info
        return None

    # --- keeping house --------------------------------------------------------------------------------------------------

    def job_ids(self) -> list[str]:
        """Ids of all jobs that have a folder, oldest first."""
        try:
            return sorted(name for name in os.listdir(self.root / "jobs") if is_id(name))
        except FileNotFoundError:
            return []

    def job_bytes(self, job_id: str) -> int:
        """Bytes of all files of a job; 0 when there are none."""
        return folder_bytes(self.job_dir(job_id))

    def delete_job(self, job_id: str, *, unless: Callable[[Path], bool] = lambda aside: False) -> bool:
        """Remove all of a job's files. Returns whether they are gone; unless: see staging.remove."""
        try:
            return staging.remove(self.job_dir(job_id), unless=unless)
        except FileNotFoundError:
            return True

    def now(self) -> float:
        """The time as the volume's own clock has it, in seconds like st_mtime: this machine's may be wrong."""
        with tempfile.NamedTemporaryFile(dir=self.root, prefix=staging.STAGING_PREFIX) as probe:
            return Path(probe.name).stat().st_mtime

    def sweep(self, *, older_than_s: float) -> int:
        """Remove staging and trash left by processes that were killed, once they are older than older_than_s.

        By the volume's own clock: one that is wrong here would take away what another machine is writing. A folder is as old
        as the newest thing in it: a restore may take hours.
        """
        limit, removed = self.now() - older_than_s, 0
        for path in self._left_over():
            try:
                if any(each.lstat().st_mtime > limit for each in (path, *path.rglob("*"))):
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
                removed += 1
            except FileNotFoundError:
                continue
        return removed

    def _left_over(self) -> Iterator[Path]:
        for folder, names, files in os.walk(self.root):
            hidden = [n for n in names if n.startswith((staging.STAGING_PREFIX, staging.TRASH_PREFIX))]
            for name in hidden:
                names.remove(name)
                yield Path(folder) / name
            for name in files:
                if name.startswith(staging.STAGING_PREFIX):
                    yield Path(folder) / name


def folder_bytes(folder: Path | str) -> int:
    """Bytes of all files below a folder; 0 when there is none."""
    total = 0
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # taken away meanwhile
                total += (
                    folder_bytes(entry.path)
                    if entry.is_dir(follow_symlinks=False)
                    else entry.stat(follow_symlinks=False).st_size
                )
    return total
