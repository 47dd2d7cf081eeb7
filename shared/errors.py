"""Every error Trainyard shows to a person or acts upon.

code is a stable snake_case word for programs; message names the value at fault and what would be right.
"""

from pydantic import BaseModel


class TrainyardError(Exception):
    """Base of all expected errors."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None):
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class Problem(BaseModel):
    """One thing wrong with an input. field is a dotted path ("params.learning_rate"), or "" for the whole.

    file and line say where in an upload, where that is known.
    """

    field: str
    message: str
    file: str | None = None
    line: int | None = None


class Further(Problem):
    """Stands at the end of a list for the problems of which only the number is said."""

    field: str = ""
    message: str = ""
    count: int


MOST_PROBLEMS = 50  # of a request named one by one; beyond, their number
_MOST_FIELD, _MOST_MESSAGE, _MOST_TEXT = 200, 500, 4_000  # characters: all of them may hold what the caller sent


def most_of(problems: list[Problem]) -> list[Problem]:
    """The problems as they are shown: MOST_PROBLEMS at most and how many more there are, none without end."""
    named = [p for p in problems if not isinstance(p, Further)]
    more = sum(p.count for p in problems if isinstance(p, Further)) + len(named[MOST_PROBLEMS:])
    shown = [
        p.model_copy(update={"field": cut(p.field, _MOST_FIELD), "message": cut(p.message, _MOST_MESSAGE)})
        for p in named[:MOST_PROBLEMS]
    ]
    return [*shown, Further(message=f"and {more:,} more problems", count=more)] if more else shown


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


# --- the caller's fault: answered with status, nothing is queued -------------------------------------------------


class ClientError(TrainyardError):
    """The request cannot be carried out as it stands. status is the HTTP status that says so."""

    status = 400
    code = "bad_request"

    def __init__(self, message: str, *, code: str | None = None, problems: list[Problem] | None = None):
        super().__init__(message, code=code)
        self.problems = problems or []


class InvalidParams(ClientError):
    """One or more values are wrong; problems lists them, or the first of very many."""

    status = 422
    code = "invalid_params"

    def __init__(self, problems: list[Problem]):
        problems = most_of(problems)
        text = "; ".join(f"{p.field}: {p.message}" if p.field else p.message for p in problems)
        super().__init__(cut(text, _MOST_TEXT), problems=problems)


class UnknownRecipe(ClientError):
    status = 422
    code = "unknown_recipe"


class NotFound(ClientError):
    status = 404
    code = "not_found"


class Conflict(ClientError):
    """The thing exists but is not in a state that allows this."""

    status = 409
    code = "conflict"


class QueueFull(ClientError):
    status = 429
    code = "queue_full"


class TooLarge(ClientError):
    status = 413
    code = "too_large"


class Choice(BaseModel):
    """A way on that the user may choose: the same upload again with this option of its format. title: what it does."""

    option: str
    value: str
    title: str


class DatasetInvalid(ClientError):
    """An upload, or a dataset on the volume, that cannot be used. problems name file, line and value; choices: ways on."""

    status = 422
    code = "dataset_invalid"

    def __init__(self, message: str, *, problems: list[Problem] | None = None, choices: list[Choice] | None = None):
        super().__init__(message, problems=problems)
        self.choices = choices or []


class BaseInvalid(ClientError):
    """Open weights that cannot be taken in. problems name the file, and the tensor or key in it."""

    status = 422
    code = "base_invalid"


# --- what ends an attempt -------------------------------------------------------------------------------------


class JobError(TrainyardError):
    """Ends an attempt. cause picks the retry budget (see shared/jobs/job.py RETRY_BUDGET)."""

    code = "job_error"
    cause = "user_error"
    step: int | None = None  # of the training, where one is at fault


class RecipeFailed(JobError):
    code = "recipe_failed"


class NonFiniteLoss(JobError):
    code = "non_finite_loss"


class CriterionMissing(JobError):
    """An evaluation did not give the metric by which the recipe says what is better."""

    code = "criterion_missing"


class InputMissing(JobError):
    """The dataset or checkpoint a job names is no longer on the volume."""

    code = "input_missing"


class StartUnlike(JobError):
    """The weights a training is to begin with are those of a model of another shape."""

    code = "start_from_unlike"


class CheckpointCorrupt(JobError):
    code = "checkpoint_corrupt"


class OutOfMemory(JobError):
    code = "out_of_memory"
    cause = "out_of_memory"


class ProcessDied(JobError):
    """The trainer or generator process ended without an answer."""

    code = "process_died"
    cause = "process_lost"


class Hung(JobError):
    """No step for many times the usual time of one."""

    code = "hung"
    cause = "process_lost"


class VolumeFull(JobError):
    """The volume takes no writes: no room, read-only, or out of order."""

    code = "volume_full"
    cause = "volume_full"


class SchemaMismatch(TrainyardError):
    """The volume or Redis holds what another version has written; it was left untouched."""

    code = "schema_mismatch"


# --- out of reach ----------------------------------------------------------------------------------------------


class Unavailable(TrainyardError):
    """Redis or the volume cannot be reached: HTTP 503 for a caller, waiting for a worker."""

    code = "unavailable"


# --- not errors: why running stops early. Recipes cannot swallow these -------------------------------------------


class Interrupted(BaseException):
    """Raised at a step border inside a trainer or generator to end the attempt in order."""

    reason = "interrupted"


class Cancelled(Interrupted):
    reason = "cancel"


class Paused(Interrupted):
    reason = "pause"


class Drained(Interrupted):
    reason = "drain"


class LeaseLost(Interrupted):
    """Another attempt owns the job now, or it has ended: stop and publish nothing."""

    reason = "lease_lost"
