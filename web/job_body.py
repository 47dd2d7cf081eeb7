"""What a person sends to submit a job or to try one again, before anything of it is looked up. API and pages share it."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from shared.jobs.job import CheckpointRef, utc_now
from shared.moments import Moment

MOST_AHEAD = timedelta(days=365)  # of a deadline
MOST_INPUTS = 20  # a guess: more roles than any recipe has
_Id = Annotated[str, Field(max_length=64)]


class CheckpointChoice(BaseModel):
    """A checkpoint of a job: without a step the newest, without an attempt the highest that has it."""

    model_config = ConfigDict(extra="forbid")

    job_id: _Id
    step: int | None = Field(default=None, ge=0)
    attempt: int | None = Field(default=None, ge=1)


class InputChoice(BaseModel):
    """What a job is given in one role: the id of a dataset, a model or a base model as a plain text, or an object that names one.

    id, or a plain text: whichever of them the role takes. dataset_id, model_id, base_id: exactly that. job_id: a checkpoint of a
    job, without a step the newest, without an attempt the highest that has it.
    """

    model_config = ConfigDict(extra="forbid")

    id: _Id | None = None
    dataset_id: _Id | None = None
    model_id: _Id | None = None
    base_id: _Id | None = None
    job_id: _Id | None = None
    step: int | None = Field(default=None, ge=0)
    attempt: int | None = Field(default=None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"id": value}
        if isinstance(value, CheckpointChoice | CheckpointRef):
            return value.model_dump()
        if not isinstance(value, dict | InputChoice):
            message = "must be an id, or an object with one of dataset_id, model_id, base_id and job_id"
            raise PydanticCustomError("input_choice", message)
        return value

    @model_validator(mode="after")
    def _names_one(self) -> "InputChoice":
        named = [name for name in ("id", "dataset_id", "model_id", "base_id", "job_id") if getattr(self, name)]
        if len(named) != 1:
            said = " and ".join(named) or "nothing"
            raise ValueError(f"name one of dataset_id, model_id, base_id and job_id, not {said}")
        if (self.step is not None or self.attempt is not None) and not self.job_id:
            raise ValueError("step and attempt belong to a job_id")
        return self

    @property
    def checkpoint(self) -> CheckpointChoice | None:
        """The checkpoint it names, if it names one."""
        return CheckpointChoice(job_id=self.job_id, step=self.step, attempt=self.attempt) if self.job_id else None

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler.resolve_ref_schema(handler(schema))
        return {
            "title": described.pop("title", "InputChoice"),
            "description": described.pop("description", ""),
            "anyOf": [{"type": "string", "minLength": 1, "maxLength": 64}, described | {"minProperties": 1}],
        }


class JobBody(BaseModel):
    """A job to submit.

    inputs are named by role, as the recipe's spec does. train: "data" and whatever else the recipe takes; "start_from" takes the
    weights of an earlier training as a beginning. generate: "model"; the recipe follows from it. With after, the model may be
    the id of a training that has not ended yet.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["train", "generate"] = Field(description="What to do.")
    recipe: str | None = Field(default=None, max_length=100, description="Name of a recipe; see /recipes.")
    use: str = Field(default="", max_length=40, description="Of a generation: one of the recipe's uses.")
    params: dict[str, Any] = Field(default_factory=dict, description="As the recipe's schema says; left out: defaults.")
    inputs: dict[str, InputChoice] = Field(
        default_factory=dict,
        max_length=MOST_INPUTS,
        description="What it works on, by role; see /recipes for the roles.",
    )
    name: str = Field(default="", max_length=200, description="For people.")
    priority: int = Field(default=0, ge=-10, le=10, description="Higher goes first.")
    after: list[_Id] = Field(default_factory=list, max_length=20, description="Jobs that must have succeeded before.")
    deadline_at: Moment | None = Field(
        default=None,
        description="Within a year; without a time zone it is UTC. Cancelled when it has not ended by then.",
    )

    @field_validator("deadline_at")
    @classmethod
    def _within_a_year(cls, value: datetime | None) -> datetime | None:
        if value is not None and value > utc_now() + MOST_AHEAD:
            raise ValueError(f"a deadline is at most {MOST_AHEAD.days} days ahead")
        return value


class RetryBody(BaseModel):
    """How to try an ended job again. params replace those of the same name."""

    model_config = ConfigDict(extra="forbid")

    params: dict[str, Any] = Field(default_factory=dict)
    from_start: bool = Field(default=False, description="Start anew even where a checkpoint could be continued.")
