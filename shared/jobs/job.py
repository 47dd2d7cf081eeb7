"""What a job is: its fields, its states and the moves between them. Pure; no I/O.

A job's request (kind, recipe, use, params, inputs, name, owner, priority) never changes once accepted.
Everything else is written by shared/jobs/store.py alone.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 2  # of records and of the volume; older ones are refused (shared/volume/schema.py)


class State(StrEnum):
    queued = "queued"
    running = "running"
    paused = "paused"
    succeeded = "succeeded"
    failed = "failed"
    cancelled = "cancelled"

    @property
    def terminal(self) -> bool:
        return self in TERMINAL


TERMINAL = frozenset({State.succeeded, State.failed, State.cancelled})

# From each state, the states one move away. Terminal states never change.
TRANSITIONS: dict[State, frozenset[State]] = {
    State.queued: frozenset({State.running, State.paused, State.cancelled, State.failed}),
    State.running: frozenset({State.succeeded, State.failed, State.cancelled, State.paused, State.queued}),
    State.paused: frozenset({State.queued, State.cancelled, State.failed}),  # failed: what it waits for did not succeed
    State.succeeded: frozenset(),
    State.failed: frozenset(),
    State.cancelled: frozenset(),
}

Kind = Literal["train", "generate"]
QUEUES: tuple[Kind, ...] = ("train", "generate")

# Why an attempt ended without ending the job. "drained" and "paused" cost nothing.
Cause = Literal[
    "user_error", "out_of_memory", "process_lost", "worker_lost", "infrastructure", "volume_full", "drained", "paused"
]

# How many further attempts each cause allows. process_lost, worker_lost, infrastructure and volume_full are counted anew
# whenever a newer checkpoint exists: a job that gets on is never given up. A volume without room is waited for: with the
# pauses of worker/supervision/settle.py this is some three days.
RETRY_BUDGET: dict[str, int] = {
    "user_error": 0,
    "out_of_memory": 1,
    "process_lost": 5,
    "worker_lost": 5,
    "infrastructure": 5,
    "volume_full": 1_000,
}

Request = Literal["", "cancel", "pause"]


def utc_now() -> datetime:
    return datetime.now(UTC)


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore")  # a record written by a newer version stays readable


class CheckpointRef(_Model):
    """One checkpoint on the volume: jobs/<job_id>/attempt-<attempt>/checkpoints/<step>."""

    job_id: str
    attempt: int = Field(ge=1)
    step: int = Field(ge=0)


class InputRef(_Model):
    """What a job is given in one role. Exactly one of dataset_id, base_id, and of checkpoint or model_id, is what counts.

    dataset_id: a dataset. base_id: a base model (shared/bases). checkpoint: a state of a model; model_id: the name it
    was asked by, alone when the training that will leave that model has not ended yet (it then stands in the job's `after`).
    """

    dataset_id: str | None = None
    base_id: str | None = None
    checkpoint: CheckpointRef | None = None
    model_id: str | None = None


# Roles that mean the same in every recipe. Further ones are a recipe's own (shared/recipes/base.py, Input).
DATA, START_FROM, MODEL = "data", "start_from", "model"


class PhaseSpent(_Model):
    """What one phase of an attempt has cost so far.

    times: how often it was entered; of phases that go by steps (training, generating) the steps that were timed. first_seconds,
    first_times: the part of both that was its first occurrence in an attempt, which compiles.
    """

    seconds: float = 0.0
    times: int = 0
    first_seconds: float = 0.0
    first_times: int = 0

    def rounded(self) -> "PhaseSpent":
        rounded = {"seconds": round(self.seconds, 3), "first_seconds": round(self.first_seconds, 3)}
        return self.model_copy(update=rounded)

    def plus(self, other: "PhaseSpent") -> "PhaseSpent":
        return PhaseSpent(
            seconds=self.seconds + other.seconds,
            times=self.times + other.times,
            first_seconds=self.first_seconds + other.first_seconds,
            first_times=self.first_times + other.first_times,
        )


class Progress(_Model):
    """What the running attempt is doing now.

    phase: "starting", "loading", "compiling", "training", "evaluating", "sampling", "saving", "reporting", "baselines" or
    "generating". part: how far it is within the phase (batches evaluated, files read); another one is a sign of life. parts: of
    how many; None where that is not known.
    evaluations_left, stages_left: how often it will still evaluate, how many further stages begin; None where a training does
    not tell. without_better: so many evaluations in a row were no better than the best of their stage. steps_per_s: measured over
    the last seconds; None until there is something to measure.
    metrics: the newest value of each series ("loss", "val_loss", "learning_rate", ...).

    Measured by the supervisor, None before it: spent: of this attempt, by phase, until this was told; phase_s: seconds in the
    phase; silent_s: seconds since it was told.
    """

    phase: str = "starting"
    step: int = 0
    part: int = 0
    parts: int | None = None
    total_steps: int | None = None
    epoch: int | None = None
    total_epochs: int | None = None
    evaluations_left: int | None = None
    stages_left: int | None = None
    without_better: int | None = None
    steps_per_s: float | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    at: datetime = Field(default_factory=utc_now)
    spent: dict[str, PhaseSpent] | None = None
    phase_s: float | None = None
    silent_s: float | None = None


class Attempt(_Model):
    """One try at the job. cause is set when it ended without ending the job; outcome when it ended it."""

    number: int
    worker: str
    device: str = ""
    started_at: datetime
    ended_at: datetime | None = None
    resumed_from_step: int | None = None
    last_step: int | None = None
    cause: str | None = None
    outcome: str | None = None
    message: str | None = None
    spent: dict[str, PhaseSpent] | None = None  # by phase; of an attempt that did not end the job


class JobErrorInfo(_Model):
    """Why a job failed, as shown to its owner. The traceback is in the attempt's log.txt."""

    code: str
    message: str
    step: int | None = None


class JobRequest(_Model):
    """What the user asked for, validated. params has been through the recipe's own model."""

    kind: Kind
    recipe: str
    params: dict[str, Any]
    params_file: str = ""  # the uploaded file that holds them where they are too large for a record, which has {} then
    use: str = ""  # of a generation: which of the recipe's uses
    inputs: dict[str, InputRef] = Field(default_factory=dict)  # by role
    files: list[str] = Field(default_factory=list)  # ids of uploaded files that params name; kept as long as the job
    name: str = ""
    owner: str = "local"
    priority: int = Field(default=0, ge=-10, le=10)
    retry_of: str | None = None
    after: list[str] = Field(default_factory=list)  # jobs that must have succeeded before this one is ready
    deadline_at: datetime | None = None  # cancelled when it has not ended by then
    recipe_version: int = 1
    sizes: dict[str, float] = Field(default_factory=dict)  # of its inputs (rows, bytes ...): what its cost goes by

    @property
    def source(self) -> CheckpointRef | None:
        """The checkpoint a generation uses, a training starts from."""
        ref = self.inputs.get(MODEL if self.kind == "generate" else START_FROM)
        return ref.checkpoint if ref else None

    @property
    def model_id(self) -> str | None:
        """The name of the model a generation was asked for by."""
        ref = self.inputs.get(MODEL)
        return ref.model_id if ref else None

    @property
    def dataset_ids(self) -> list[str]:
        """All datasets it needs."""
        return [ref.dataset_id for ref in self.inputs.values() if ref.dataset_id]


class Job(JobRequest):
    """The record. Times are UTC."""

    schema_version: int = SCHEMA_VERSION
    id: str
    state: State
    queue: str
    attempt: int = 0  # number of the newest attempt, 0 before the first: the fence
    request: Request = ""  # what the owner has asked of a running job and has not happened yet
    created_at: datetime
    updated_at: datetime
    queued_at: datetime | None = None  # last time it entered the queue
    started_at: datetime | None = None  # first claim
    finished_at: datetime | None = None
    worker: str = ""  # who runs it now
    progress: Progress | None = None
    checkpoint: CheckpointRef | None = None  # newest published checkpoint of this job
    attempts: list[Attempt] = Field(default_factory=list)  # the first and the newest; all of them lie on the volume
    forgotten_s: float = 0.0  # how long those lasted that are listed no longer
    spent: dict[str, int] = Field(default_factory=dict)  # retries used, by cause
    error: JobErrorInfo | None = None
    result: dict[str, Any] | None = None  # small: headline, how many outputs, metrics; outputs lie on the volume
    waits_for: str = (
        ""  # what holds a queued job back: a fault (a full volume, say), or other jobs; "" when it can be claimed
    )
    revision: str = ""  # id of the newest event; changes with every change of the record
