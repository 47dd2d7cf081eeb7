"""Which checkpoints jobs that have not ended still need. Retention and deletion leave those alone.

A pin is an empty file jobs/<job id>/pins/<attempt>-<step>-<id of the needing job>; 0-0 when it needs the model that the job
will leave. Written before the needing job is accepted, taken away when it has ended (worker/supervision/settle.py, else the
reaper's housekeeping). A model that somebody names pins its checkpoint likewise, under its own id. Who removes a checkpoint
or a job takes it aside first, looks at the pins once more, and puts it back if one has come.
"""

import contextlib
import os
import re
from pathlib import Path

from shared.errors import NotFound
from shared.jobs.job import CheckpointRef, JobRequest
from shared.volume.volume import Volume

_NAME = re.compile(r"(\d{1,9})-(\d{1,18})-([0-9a-hjkmnp-tv-z]{26})")


def pin(volume: Volume, request: JobRequest, job_id: str) -> None:
    """Keep what a request needs for the job it is about to become. Nothing when it needs no other job's files.

    Raises NotFound when the checkpoint is gone, OSError when the volume cannot be written.
    """
    path = _path(volume, request, job_id)
    if path is None:
        return
    _touch(path)
    if request.source is not None:
        try:
            volume.checkpoint(request.source)
        except NotFound:
            unpin(volume, request, job_id)
            raise


def pin_for_model(volume: Volume, ref: CheckpointRef, model_id: str) -> None:
    """Keep a checkpoint for the model that is about to name it. Raises NotFound when it is gone, OSError."""
    path = _pin_of(volume, ref, model_id)
    _touch(path)
    try:
        volume.checkpoint(ref)
    except NotFound:
        path.unlink(missing_ok=True)
        raise


def unpin_model(volume: Volume, ref: CheckpointRef, model_id: str) -> None:
    """Take a model's pin away. Repeating is harmless. Raises OSError."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        _pin_of(volume, ref, model_id).unlink()


def _touch(path: Path) -> None:
    """Make a pin, in the folder of a job that is there. Raises NotFound."""
    try:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    except FileNotFoundError as err:
        raise NotFound(f"job {path.parent.parent.name} has no files any more") from err


def unpin(volume: Volume, request: JobRequest, job_id: str) -> None:
    """Take a job's pin away. Repeating is harmless. Raises OSError when the volume cannot be written."""
    if path := _path(volume, request, job_id):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()


def pins(folder: Path) -> dict[Path, str]:
    """All pins of a job's folder -> id of the job that needs it."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        found = ((name, _NAME.fullmatch(name)) for name in os.listdir(folder / "pins"))
        return {folder / "pins" / name: match[3] for name, match in found if match}
    return {}


def pins_for_the_outcome(volume: Volume, job_id: str) -> set[str]:
    """Jobs that need the model a job leaves under its own id, or has left."""
    return {needing for path, needing in pins(volume.job_dir(job_id)).items() if path.name.startswith("0-0-")}


def pinned_steps(attempt_dir: Path) -> set[int]:
    """Steps of an attempt's checkpoints that some job needs."""
    number = attempt_dir.name.removeprefix("attempt-")
    found = (_NAME.fullmatch(path.name) for path in pins(attempt_dir.parent))
    return {int(match[2]) for match in found if match and match[1] == number}


def _path(volume: Volume, request: JobRequest, job_id: str) -> Path | None:
    """Where the pin of a job lies; None for one that needs none."""
    if request.source is not None:
        return _pin_of(volume, request.source, job_id)
    if request.kind == "generate" and request.model_id in request.after:
        return volume.job_dir(str(request.model_id)) / "pins" / f"0-0-{job_id}"
    return None


def _pin_of(volume: Volume, ref: CheckpointRef, needing: str) -> Path:
    return volume.job_dir(ref.job_id) / "pins" / f"{ref.attempt}-{ref.step}-{needing}"
