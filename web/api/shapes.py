"""Response models of the OpenAPI document, where a shared model does not serve as it is."""

from typing import Any

from pydantic import BaseModel, Field

from shared.bases.manifest import Base
from shared.clock.estimate import Estimate
from shared.datasets.manifest import DatasetManifest
from shared.jobs.events import Event
from shared.jobs.job import CheckpointRef, Job, Progress
from shared.jobs.models import Model
from shared.jobs.presence import WorkerInfo
from shared.jobs.queues import QueueInfo
from shared.jobs.standing import Standing
from shared.outputs import MOST_INLINE_BYTES, Output
from shared.volume.readback import ArtifactInfo, SampleInfo


class ProgressShape(Progress):
    """What a running job is doing. eta: seconds until it has ended, as its standing has it."""

    eta: Estimate | None = None


class ListedJob(Job):
    """A job as lists have it."""

    progress: ProgressShape | None = None  # pyright: ignore[reportIncompatibleVariableOverride]


class JobShape(ListedJob):
    """A job with where it stands and where to go from here."""

    standing: Standing
    links: dict[str, str]


class ExpectedShape(BaseModel):
    """How long a job would take once it runs. eta: None where that is not yet known. outputs: what it would learn from and take,
    where its recipe tells."""

    eta: Estimate | None = None
    outputs: list[Output] = Field(default_factory=list)


class JobWithOutputs(JobShape):
    """A job with what it made. outputs: [] before its end, and where outputs_omitted says that they are too long."""

    outputs: list[Output] = Field(default_factory=list)
    outputs_omitted: bool = Field(
        default=False, description=f"More than {MOST_INLINE_BYTES:,} bytes: /jobs/{{job_id}}/outputs has them."
    )


class OutputList(BaseModel):
    """Outputs in the order they were made. Files they name lie among the artifacts, "file:<id>" among the files."""

    outputs: list[Output]


class JobPage(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[ListedJob]
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


class ExampleShape(BaseModel):
    """A dataset that needs no upload, its format, and the recipe it is meant for."""

    name: str
    title: str
    format: str
    recipe: str


class ListedBase(Base):
    """A base model. memory_bytes: what generating from it in float32 takes, with 2,048 tokens at most. recipes: those that can use
    it as it is.
    """

    memory_bytes: int
    recipes: list[str]


class DatasetList(BaseModel):
    """Datasets, newest first, without their files."""

    datasets: list[DatasetManifest]
    examples: dict[str, str] = Field(
        description="Examples that can be imported without an upload: name -> what it is; /formats says more."
    )


class BaseList(BaseModel):
    """Base models, newest first. imports: what lies in the volume's folder imports."""

    bases: list[ListedBase]
    imports: list[str]


class FormatShape(BaseModel):
    """A dataset format. options is a JSON Schema."""

    name: str
    title: str
    help: str
    suffixes: list[str]
    options: dict[str, Any]
    examples: list[ExampleShape]


class FormatList(BaseModel):
    """Formats in the order they are asked which of them an upload is of. max_upload_bytes: of one upload."""

    formats: list[FormatShape]
    max_upload_bytes: int


class FileShape(BaseModel):
    """An uploaded file. media_type: told from its bytes, application/octet-stream where they tell nothing."""

    id: str
    name: str
    media_type: str
    bytes: int


class InputShape(BaseModel):
    """A role: datasets of the formats, models of the recipes or base models of the kinds may be given in it."""

    role: str
    title: str
    help: str
    formats: list[str]
    recipes: list[str]
    bases: list[str]
    required: bool


class UseShape(BaseModel):
    """Something to do with a trained model. params is a JSON Schema; streams: texts come while they are written."""

    verb: str
    help: str
    streams: bool
    inputs: list[InputShape]
    params: dict[str, Any]


class CriterionShape(BaseModel):
    """What "better" means in an evaluation: less ("min") or more ("max") of a metric."""

    metric: str
    mode: str


class RecipeShape(BaseModel):
    """A recipe's spec. train_params is a JSON Schema; inputs are a training's, formats those of the first of them."""

    name: str
    version: int
    title: str
    summary: str
    family: str
    verb: str
    formats: list[str]
    source: str
    criterion: CriterionShape
    inputs: list[InputShape]
    train_params: dict[str, Any]
    uses: dict[str, UseShape]


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
