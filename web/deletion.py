"""Deleting an ended job with its files, a model's name, a dataset, or a base model. Plain functions; API and pages share them."""

import contextlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path

from shared.bases import manifest as bases
from shared.datasets import manifest
from shared.errors import Conflict, NotFound
from shared.jobs.models import Model, delete_model, models_from, models_upon
from shared.jobs.pins import pins, pins_for_the_outcome, plain_pins
from web import access
from web.services import Services

_SUBMITTING_S = 60.0  # a pin this young may be of a job that is being submitted at this very moment


def delete_job(services: Services, job_id: str) -> None:
    """Remove an ended job: checkpoints, artifacts, log, the model a training has left under its own id, and the record.

    Raises NotFound, and Conflict while it has not ended, another job needs its files, or a model was made of it.
    The record goes last: killed in between it leaves a job that can be deleted again.
    """
    job = access.job(job_id)
    if job.state.terminal:
        _refuse_if_needed(services, job_id, services.volume.job_dir(job_id))
        kept = services.volume.job_bytes(job_id)
        if not services.volume.delete_job(job_id, unless=lambda aside: bool(_needing(services, job_id, aside))):
            _refuse_if_needed(services, job_id, services.volume.job_dir(job_id))
            raise Conflict(f"the files of job {job_id} were needed at this very moment: try again")
        with contextlib.suppress(NotFound):
            delete_model(services.volume, job_id)
        services.store.less_kept(job.owner, kept)
    services.store.delete(job_id)


def forget_model(services: Services, model_id: str) -> None:
    """Remove a model's name; its checkpoint stays with its job. Raises NotFound, and Conflict while a job waits for it by name."""
    access.model(model_id)
    if needing := why_not_model(services, model_id):
        raise Conflict(needing)
    delete_model(services.volume, model_id)


NO_MORE = "what needed it needs it no more: try again"  # where a refusal is looked at later


def why_not_job(services: Services, job_id: str) -> str:
    """Why a job cannot be deleted now, in a sentence; "" when it can. Raises NotFound."""
    job = access.job(job_id)
    if not job.state.terminal:
        return f"job {job_id} is {job.state}: only an ended job can be deleted; cancel it first"
    return _needing(services, job_id, services.volume.job_dir(job_id))


def why_not_model(services: Services, model_id: str) -> str:
    """Why a model cannot be forgotten now, in a sentence; "" when it can."""
    waiting = _unfinished(services, pins_for_the_outcome(services.volume, model_id))
    return f"{_some(waiting, 'job')} has not ended and needs this model: cancel it or wait" if waiting else ""


def why_not_dataset(services: Services, dataset_id: str) -> str:
    """Why a dataset cannot be deleted now, in a sentence; "" when it can."""
    return _needing_folder(services, services.volume.dataset_dir(dataset_id), dataset_id=dataset_id)


def delete_dataset(services: Services, dataset_id: str) -> None:
    """Remove a dataset. Models trained from it stay.

    Raises NotFound, and Conflict while a job that has not ended needs it, or a model that cannot be built without it.
    """
    access.dataset(dataset_id)
    _delete_folder(services, services.volume.dataset_dir(dataset_id), manifest.delete_dataset, dataset_id=dataset_id)


def why_not_base(services: Services, base_id: str) -> str:
    """Why a base model cannot be deleted now, in a sentence; "" when it can."""
    return _needing_folder(services, services.volume.base_dir(base_id), base_id=base_id)


def delete_base(services: Services, base_id: str) -> None:
    """Remove a base model. Raises NotFound, and Conflict while a job that has not ended, or a model built upon it, needs it."""
    access.base(base_id)
    _delete_folder(services, services.volume.base_dir(base_id), bases.delete_base, base_id=base_id)


def _delete_folder(services: Services, folder: Path, delete: Callable[..., bool], **which: str) -> None:
    """Remove a dataset or a base that nobody needs, asked again once it is out of sight. which: as models_upon has it."""
    if needing := _needing_folder(services, folder, **which):
        raise Conflict(needing)
    if not delete(services.volume, folder.name, unless=lambda aside: bool(_needing_folder(services, aside, **which))):
        raise Conflict(f"{folder.name} was needed at this very moment: try again")


def _needing_folder(services: Services, folder: Path, **which: str) -> str:
    """Who needs a dataset or a base, in a sentence; "" when nobody does. folder: where it is now. which: as models_upon has it."""
    what = "this base model" if "base_id" in which else "this dataset"
    found = {path: path.name for path in plain_pins(folder)}
    waiting = _unfinished(services, set(found.values()))
    if waiting:
        return f"{_some(waiting, 'job')} has not ended and needs {what}; cancel it or wait"
    if upon := models_upon(services.volume, **which):
        return f"{_named(upon)} cannot be used without it: delete the model first"
    return _being_submitted(services, found, what)


def _refuse_if_needed(services: Services, job_id: str, folder: Path) -> None:
    if needing := _needing(services, job_id, folder):
        raise Conflict(needing)


def _needing(services: Services, job_id: str, folder: Path) -> str:
    """Who needs a job's files, in a sentence; "" when nobody does. folder: where they are now."""
    found = pins(folder)
    waiting = _unfinished(services, set(found.values()))
    if waiting:
        return f"{_some(waiting, 'job')} has not ended and needs its files: cancel it or wait"
    named = [model for model in models_from(services.volume, job_id) if model.id != job_id]
    if named:
        return f"{_named(named)} is one of its checkpoints: delete the model first"
    if upon := [model for model in models_upon(services.volume, job_id=job_id) if model.id != job_id]:
        return f"{_named(upon)} is built upon one of its checkpoints: delete the model first"
    return _being_submitted(services, found, "its files")


def _being_submitted(services: Services, found: Mapping[Path, str], what: str) -> str:
    """That a job which nobody knows yet has pinned this a moment ago; "" when none has. found: pins and the jobs they name."""
    known = services.store.states_of(sorted(set(found.values())))
    now = services.volume.now()
    if any(_age_s(path, now) < _SUBMITTING_S for path, needing in found.items() if needing not in known):
        return f"a job that is just being submitted needs {what}: try again in a minute"
    return ""


def _age_s(path: Path, now: float) -> float:
    """Seconds since a pin was made; infinite for one that has just been taken away."""
    try:
        return now - path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def _unfinished(services: Services, job_ids: set[str]) -> list[str]:
    return [other for other, (_, state) in services.store.states_of(sorted(job_ids)).items() if not state.terminal]


def _named(models: list[Model]) -> str:
    return _some([f"“{model.name:.60}” ({model.id})" for model in models], "model")


def _some(names: list[str], noun: str) -> str:
    return f"{noun} {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
