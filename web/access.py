"""What the current request may see: its owner's jobs, datasets, base models, models and files; an admin sees all.

What belongs to another owner answers as if it were not there. Views and submission read through these functions;
tests/unit/test_web_sources.py makes sure that none of them goes around.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask, g, request

from shared import datasets as _datasets
from shared.bases import manifest as _bases
from shared.bases.manifest import Base
from shared.datasets.looking import get_report
from shared.datasets.manifest import DatasetManifest
from shared.errors import NotFound
from shared.jobs import models as _models
from shared.jobs.job import TERMINAL, Job
from shared.jobs.listing import JobPage
from shared.jobs.models import Model
from shared.jobs.presence import WorkerInfo
from shared.volume import files as _files
from shared.volume.files import FileInfo
from web.identity import identity
from web.representation import whole
from web.services import services


def job(job_id: str) -> Job:
    """With its params, wherever they lie (web/representation.py, whole). Raises NotFound."""
    found = services().store.get(job_id)
    return whole(services(), found) if _mine(found.owner) else _hidden(f"no job {job_id!r:.60}")


def jobs(job_ids: list[str]) -> list[Job]:
    """Those of the ids that are there and may be seen."""
    return [found for found in services().store.get_many(job_ids) if _mine(found.owner)]


def list_jobs(*, owner: str | None = None, **filters: Any) -> JobPage:
    """A page of jobs, newest first. owner: of an admin's choice."""
    who = identity()
    if not who.sees_all:
        if owner not in (None, who.owner):
            return JobPage(jobs=[], next_cursor=None)
        owner = who.owner
    return services().store.list_jobs(owner=owner, **filters)


def counts() -> dict[str, int]:
    """Jobs by state, as many as may be seen."""
    who = identity()
    return services().store.counts(None if who.sees_all else who.owner)


def dataset(dataset_id: str) -> DatasetManifest:
    """Raises NotFound."""
    found = _datasets.get_dataset(services().volume, dataset_id)
    return found if _mine(found.owner) else _hidden(f"no dataset {dataset_id!r:.60}")


def dataset_with_report(dataset_id: str) -> DatasetManifest:
    """A dataset with all that this installation can tell of it, even where an earlier one has imported it.

    Raises NotFound, and DatasetInvalid when it is damaged.
    """
    found = dataset(dataset_id)
    return found.model_copy(update={"report": get_report(services().volume, found)})


def datasets() -> list[DatasetManifest]:
    return [found for found in _datasets.list_datasets(services().volume) if _mine(found.owner)]


def base(base_id: str) -> Base:
    """Raises NotFound."""
    found = _bases.get_base(services().volume, base_id)
    return found if _mine(found.owner) else _hidden(f"no base model {base_id!r:.60}")


def bases() -> list[Base]:
    """Newest first."""
    return [found for found in _bases.list_bases(services().volume) if _mine(found.owner)]


def model(model_id: str) -> Model:
    """Raises NotFound, which of a training that is there says why it has no model yet."""
    try:
        found = _models.get_model(services().volume, model_id)
    except NotFound as err:
        raise (_without_model(model_id) or err) from err
    return found if _mine(found.owner) else _hidden(f"no model {model_id!r:.60}")


def _without_model(job_id: str) -> NotFound | None:
    """Why a training of this id, if there is one, has no model."""
    try:
        training = job(job_id)
    except NotFound:
        return None
    if training.kind != "train":
        return None
    way = "if it has written any" if training.state in TERMINAL else "or wait for its end"
    said = f"the training {job_id} is {training.state} and has left no model: name one of its checkpoints as JOB/ATTEMPT/STEP"
    return NotFound(f"{said}, {way}")


def models() -> list[Model]:
    """Newest first."""
    return [found for found in _models.list_models(services().volume) if _mine(found.owner)]


def file(file_id: str) -> tuple[FileInfo, Path]:
    """An uploaded file and where its bytes lie. Raises NotFound."""
    found, path = _files.get_file(services().volume, file_id)
    return (found, path) if _mine(found.owner) else _hidden(f"no file {file_id!r:.60}")


def workers() -> list[WorkerInfo]:
    """Live workers, each with those of its jobs and warm checkpoints that may be seen."""
    live = services().store.presence.workers()
    if identity().sees_all:
        return live
    named = {job_id for info in live for job_id in (*info.jobs, *(key.split("/")[0] for key in info.warm))}
    seen = {found.id for found in jobs(sorted(named))}
    return [
        info.model_copy(
            update={
                "jobs": [job_id for job_id in info.jobs if job_id in seen],
                "warm": [key for key in info.warm if key.split("/")[0] in seen],
            }
        )
        for info in live
    ]


def _mine(owner: str) -> bool:
    who = identity()
    return who.sees_all or owner == who.owner


def _hidden(message: str) -> Any:
    raise NotFound(message)


_BY_ARGUMENT: dict[str, Callable[[str], Any]] = {
    "job_id": job,
    "dataset_id": dataset,
    "base_id": base,
    "model_id": model,
    "file_id": file,
}


def register(app: Flask) -> None:
    """Check what a route's own path names before the route runs, so that no view can forget to."""

    @app.before_request
    def _check_path() -> None:
        who = g.get("identity")
        if who is None or who.sees_all:
            return
        for name, value in (request.view_args or {}).items():
            if name in _BY_ARGUMENT:
                _BY_ARGUMENT[name](value)
