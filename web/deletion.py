"""Deleting an ended job with its files. Plain functions; API and pages share them."""

import contextlib

from shared.errors import Conflict, NotFound
from shared.models import delete_model, models_from
from shared.pins import pins
from web import access
from web.services import Services


def delete_job(services: Services, job_id: str) -> None:
    """Remove an ended job: record, checkpoints, artifacts, log, and the model a training has left under its own id.

    Raises NotFound, and Conflict while it has not ended, another job needs its files, or a model was made of it.
    Killed in between it leaves a job that can be deleted again.
    """
    job = access.job(job_id)
    if job.state.terminal:
        _refuse_if_needed(services, job_id)
        with contextlib.suppress(NotFound):
            delete_model(services.volume, job_id)
    services.store.delete(job_id)
    services.store.less_kept(job.owner, services.volume.job_bytes(job_id))
    services.volume.delete_job(job_id)


def _refuse_if_needed(services: Services, job_id: str) -> None:
    needing = sorted(set(pins(services.volume.job_dir(job_id)).values()))
    waiting = [other for other, (_, state) in services.store.states_of(needing).items() if not state.terminal]
    if waiting:
        raise Conflict(f"{_some(waiting, 'job')} has not ended and needs its files: cancel it or wait")
    named = [model for model in models_from(services.volume, job_id) if model.id != job_id]
    if named:
        names = [f"“{model.name:.60}” ({model.id})" for model in named]
        raise Conflict(f"{_some(names, 'model')} is one of its checkpoints: delete the model first")


def _some(names: list[str], noun: str) -> str:
    return f"{noun} {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
