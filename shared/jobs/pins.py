"""What jobs need and nobody may take away: checkpoints, datasets and bases until they have ended, uploaded files as long as
their own.

A pin is an empty file that names the needing job:
    jobs/<job id>/pins/<attempt>-<step>-<needing id>   a checkpoint; 0-0 when it needs the model that the job will leave
    datasets/<dataset id>/pins/<needing id>            a dataset
    bases/<base id>/pins/<needing id>                  a base model
    files/<file id>/pins/<needing id>                  an uploaded file (shared/volume/files.py)
    cache/<dataset id>/<key>/pins/<needing id>         data prepared for trainings (shared/volume/cache.py)
Written before the needing job is accepted. Those of checkpoints, datasets and bases are taken away when it has ended
(worker/supervision/settle.py, else the reaper's housekeeping), those of files with its own files. A model that somebody names
pins its checkpoint likewise, under its own id, and every model those checkpoints that it cannot be built without: a base whose
training still runs would be pruned else. Who removes something takes it aside first, looks at the pins once more, and puts
it back if one has come.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError

from shared.errors import InvalidParams, NotFound, Problem
from shared.ids import is_id
from shared.jobs.job import CheckpointRef, InputRef, JobRequest
from shared.volume.files import pin_file, unpin_file
from shared.volume.volume import Volume, staging

PINS = "pins"
_NAME = re.compile(r"(\d{1,9})-(\d{1,18})-([0-9a-hjkmnp-tv-z]{26})")
_CONTENT_ID = re.compile(r"[0-9a-f]{32}")


def pin(volume: Volume, request: JobRequest, job_id: str) -> None:
    """Keep all that a request needs for the job it is about to become: checkpoints, datasets, files.

    Raises InvalidParams naming everything that is gone ("inputs.<role>", "params" for a file), and leaves no pin then; OSError
    when the volume cannot be written: what was pinned by then is for housekeeping to remove.
    """
    problems = []
    for role, ref in request.inputs.items():
        try:
            _pin_input(volume, ref, job_id)
        except NotFound as err:
            problems.append(Problem(field=f"inputs.{role}", message=err.message))
    for file_id in request.files:
        try:
            pin_file(volume, file_id, job_id)
        except NotFound as err:
            problems.append(Problem(field="params", message=err.message))
    if problems:
        unpin_all(volume, request, job_id)
        raise InvalidParams(problems)


def unpin(volume: Volume, request: JobRequest, job_id: str) -> None:
    """Let checkpoints, datasets and base models go: the job has ended. Repeating is harmless. Raises OSError.

    What the model needs that it has left under its own id stays.
    """
    held = held_by_model(volume, job_id)
    for ref in request.inputs.values():
        for path in _pins_of(volume, ref, job_id):
            if path in held:
                continue
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()


def unpin_all(volume: Volume, request: JobRequest, job_id: str) -> None:
    """Let everything go, files too: the job was never accepted, or its own files are gone. Repeating is harmless."""
    unpin(volume, request, job_id)
    for file_id in request.files:
        unpin_file(volume, file_id, job_id)


def pin_for_model(volume: Volume, ref: CheckpointRef, model_id: str) -> None:
    """Keep a checkpoint for the model that is about to name it. Raises NotFound when it is gone, OSError."""
    _pin_checkpoint(volume, ref, model_id)


def unpin_model(volume: Volume, ref: CheckpointRef, model_id: str) -> None:
    """Take a model's pin away. Repeating is harmless. Raises OSError."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        _pin_of(volume, ref, model_id).unlink()


def held_by_model(volume: Volume, model_id: str) -> set[Path]:
    """The pins of checkpoints that a model cannot do without: its own, and those it is built upon. Empty when there is no model."""
    model = staging.read_json(volume.root / "models" / f"{model_id}.json")
    try:
        about = _Held.model_validate(model)
    except ValidationError:
        return set()
    needed = [about.checkpoint, *(ref.checkpoint for ref in about.needs.values() if ref.checkpoint)]
    return {_pin_of(volume, ref, model_id) for ref in needed}


class _Held(BaseModel):
    """What of a model (shared/jobs/models.py) says which checkpoints it holds."""

    checkpoint: CheckpointRef
    needs: dict[str, InputRef] = {}


# --- who needs it ------------------------------------------------------------------------------------------------------


def jobs_that_need(volume: Volume, dataset_id: str) -> set[str]:
    """Jobs that have pinned a dataset. Some may have ended a moment ago, or not be accepted yet: ask the store for their states."""
    return needing(volume.dataset_dir(dataset_id)) if _CONTENT_ID.fullmatch(dataset_id) else set()


def needing(folder: Path) -> set[str]:
    """Jobs that have pinned a dataset, a base or a file, by its folder, wherever that is now."""
    return {path.name for path in plain_pins(folder)}


def plain_pins(folder: Path) -> list[Path]:
    """The pins of a dataset, a base or a file, by its folder; their names are the needing jobs."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return [folder / PINS / name for name in os.listdir(folder / PINS) if is_id(name)]
    return []


def pins(folder: Path) -> dict[Path, str]:
    """All pins of a job's folder -> id of the job that needs it."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        found = ((name, _NAME.fullmatch(name)) for name in os.listdir(folder / PINS))
        return {folder / PINS / name: match[3] for name, match in found if match}
    return {}


def pins_for_the_outcome(volume: Volume, job_id: str) -> set[str]:
    """Jobs that need the model a job leaves under its own id, or has left."""
    return {job for path, job in pins(volume.job_dir(job_id)).items() if path.name.startswith("0-0-")}


def pinned_steps(attempt_dir: Path) -> set[int]:
    """Steps of an attempt's checkpoints that some job needs."""
    number = attempt_dir.name.removeprefix("attempt-")
    found = (_NAME.fullmatch(path.name) for path in pins(attempt_dir.parent))
    return {int(match[2]) for match in found if match and match[1] == number}


# --- one pin -----------------------------------------------------------------------------------------------------------


def _pin_input(volume: Volume, ref: InputRef, job_id: str) -> None:
    """Raises NotFound."""
    if ref.checkpoint is not None:
        _pin_checkpoint(volume, ref.checkpoint, job_id)
    elif ref.model_id:
        _touch(_outcome_pin(volume, ref.model_id, job_id))
    if ref.dataset_id:
        _pin_folder(volume.dataset_dir(ref.dataset_id), f"no dataset {ref.dataset_id!r:.60}", job_id)
    if ref.base_id:
        _pin_folder(volume.base_dir(ref.base_id), f"no base model {ref.base_id!r:.60}", job_id)


def _pin_checkpoint(volume: Volume, ref: CheckpointRef, job_id: str) -> None:
    path = _pin_of(volume, ref, job_id)
    _touch(path)
    try:
        volume.checkpoint(ref)
    except NotFound:
        path.unlink(missing_ok=True)
        raise


def _pin_folder(folder: Path, missing: str, job_id: str) -> None:
    """Pin a dataset or a base. Raises NotFound with the sentence `missing`."""
    gone = NotFound(missing)
    if not _CONTENT_ID.fullmatch(folder.name):
        raise gone
    path = folder / PINS / job_id
    try:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    except FileNotFoundError as err:
        raise gone from err
    if not (folder / staging.MANIFEST).exists():  # being taken away at this very moment
        path.unlink(missing_ok=True)
        raise gone


def _touch(path: Path) -> None:
    """Make a pin, in the folder of a job that is there. Raises NotFound."""
    try:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    except FileNotFoundError as err:
        raise NotFound(f"job {path.parent.parent.name} has no files any more") from err


def _pins_of(volume: Volume, ref: InputRef, job_id: str) -> Iterator[Path]:
    """Where the pins of one input lie."""
    if ref.checkpoint is not None:
        yield _pin_of(volume, ref.checkpoint, job_id)
    elif ref.model_id:
        yield _outcome_pin(volume, ref.model_id, job_id)
    for folder in (volume.dataset_dir(ref.dataset_id or ""), volume.base_dir(ref.base_id or "")):
        if _CONTENT_ID.fullmatch(folder.name):
            yield folder / PINS / job_id


def _pin_of(volume: Volume, ref: CheckpointRef, needing: str) -> Path:
    return volume.job_dir(ref.job_id) / PINS / f"{ref.attempt}-{ref.step}-{needing}"


def _outcome_pin(volume: Volume, model_id: str, needing: str) -> Path:
    return volume.job_dir(model_id) / PINS / f"0-0-{needing}"
