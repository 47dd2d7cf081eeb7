"""Response models of the OpenAPI document, where a shared model does not serve as it is."""

from typing import Any

from pydantic import BaseModel, Field

from shared.datasets import DatasetManifest
from shared.jobs.events import Event
from shared.jobs.job import CheckpointRef, Job
from shared.jobs.models import Model
from shared.jobs.presence import WorkerInfo
from shared.jobs.queues import QueueInfo
from shared.jobs.standing import Standing
from shared.volume.readback import ArtifactInfo, SampleInfo


class JobShape(Job):
    """A job with where it stands and where to go from here."""

    standing: Standing
    links: dict[str, str]


class JobPage(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[Job]
    next_cursor: str | None = None


class EventPage(BaseModel):
    """Events, oldest first. Go on with after=next_after."""

    events: list[Event]
    next_after: str


class MetricRows(BaseModel):
    """Rows by step; each has step, maybe epoch, and a number per series."""

    rows: list[dict[str, Any]]


class CheckpointShape(BaseModel):
    """A published checkpoint."""

    checkpoint: CheckpointRef
    metrics: dict[str, float]
    bytes: int
    created_at: str


class CheckpointList(BaseModel):
    checkpoints: list[CheckpointShape]


class SampleList(BaseModel):
    samples: list[SampleInfo]


class ArtifactList(BaseModel):
    artifacts: list[ArtifactInfo]


class DatasetList(BaseModel):
    datasets: list[DatasetManifest]
    examples: dict[str, str] = Field(description="Examples that can be imported without an upload: name -> what it is.")


class RecipeShape(BaseModel):
    """A recipe's spec. train_params and generate_params are JSON Schemas."""

    name: str
    version: int
    title: str
    summary: str
    family: str
    formats: list[str]
    generates: str
    streams: bool
    source: str
    train_params: dict[str, Any]
    generate_params: dict[str, Any]


class RecipeList(BaseModel):
    recipes: list[RecipeShape]


class ModelList(BaseModel):
    models: list[Model]


class WorkerList(BaseModel):
    workers: list[WorkerInfo]


class QueueList(BaseModel):
    queues: list[QueueInfo]


class Health(BaseModel):
    """status: "ok", or "unavailable" with what is wrong."""

    status: str
