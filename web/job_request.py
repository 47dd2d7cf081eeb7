"""From what a person asks for to a validated JobRequest. Plain functions; API and pages share them.

Every problem of a request is named at once.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from shared.errors import InvalidParams, NotFound, Problem, UnknownRecipe
from shared.jobs.job import CheckpointRef, JobRequest, utc_now
from shared.recipes import get_recipe
from shared.recipes.base import RecipeSpec, validate_params
from web import access
from web.identity import current_owner
from web.services import Services

MOST_AHEAD = timedelta(days=365)  # of a deadline


class CheckpointChoice(BaseModel):
    """A checkpoint of a job: without a step the newest, without an attempt the highest that has it."""

    model_config = ConfigDict(extra="forbid")

    job_id: str = Field(max_length=64)
    step: int | None = Field(default=None, ge=0)
    attempt: int | None = Field(default=None, ge=1)


class JobBody(BaseModel):
    """A job to submit.

    train: recipe and dataset_id; start_from takes the weights of an earlier checkpoint as a beginning.
    generate: model_id or checkpoint; the recipe follows from it. With after, model_id may be the id of a training
    that has not ended yet.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["train", "generate"] = Field(description="What to do.")
    recipe: str | None = Field(default=None, max_length=100, description="Name of a recipe; see /recipes.")
    params: dict[str, Any] = Field(default_factory=dict, description="As the recipe's schema says; left out: defaults.")
    dataset_id: str | None = Field(default=None, max_length=64)
    model_id: str | None = Field(default=None, max_length=64)
    checkpoint: CheckpointChoice | None = None
    start_from: CheckpointChoice | None = None
    name: str = Field(default="", max_length=200, description="For people.")
    priority: int = Field(default=0, ge=-10, le=10, description="Higher goes first.")
    after: list[Annotated[str, Field(max_length=64)]] = Field(
        default_factory=list, max_length=20, description="Jobs that must have succeeded before."
    )
    deadline_at: AwareDatetime | None = Field(
        default=None,
        description="With its time zone, within a year. Cancelled when it has not ended by then.",
    )

    @field_validator("deadline_at")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        try:
            value = value.astimezone(UTC)
        except OverflowError:  # within a day of the calendar's ends
            value = (datetime.max if value.year > 1 else datetime.min).replace(tzinfo=UTC)
        if value > utc_now() + MOST_AHEAD:
            raise ValueError(f"a deadline is at most {MOST_AHEAD.days} days ahead")
        return value


class RetryBody(BaseModel):
    """How to try an ended job again. params replace those of the same name."""

    model_config = ConfigDict(extra="forbid")

    params: dict[str, Any] = Field(default_factory=dict)
    from_start: bool = Field(default=False, description="Start anew even where a checkpoint could be continued.")


def build_request(services: Services, body: JobBody, *, retry_of: str | None = None) -> JobRequest:
    """Check a body against recipes, datasets and checkpoints. Raises InvalidParams with every problem."""
    problems: list[Problem] = []
    spec: RecipeSpec | None = None
    source: CheckpointRef | None = None
    recipe = body.recipe
    if body.kind == "train":
        if body.model_id or body.checkpoint:
            problems.append(_problem("checkpoint", "is for generate; a training begins from start_from"))
        if body.start_from:
            source, its_recipe = resolve_checkpoint(services, body.start_from, "start_from", problems)
            if its_recipe and recipe and its_recipe != recipe:
                problems.append(_problem("start_from", f"is of recipe {its_recipe}, this job of {recipe}"))
        if not recipe:
            problems.append(_problem("recipe", "is missing; see /recipes for the names"))
    else:
        if body.start_from:
            problems.append(_problem("start_from", "is for train; name a model_id or checkpoint to generate from"))
        if body.dataset_id:
            problems.append(_problem("dataset_id", "is for train; a generation's input goes into params"))
        source, its_recipe = _source(services, body, problems)
        if its_recipe and recipe and its_recipe != recipe:
            problems.append(_problem("recipe", f"the model is of recipe {its_recipe}; leave the field out"))
        recipe = its_recipe or recipe
    if recipe:
        try:
            spec = get_recipe(recipe)
        except UnknownRecipe as err:
            problems.append(_problem("recipe", err.message))
    params: dict[str, Any] = body.params
    valid: Any = None
    if spec:
        try:
            valid = validate_params(spec.params_model(body.kind), body.params)
            params = valid.model_dump(mode="json")
        except InvalidParams as err:
            problems += err.problems
    if body.kind == "train":
        _check_dataset(services, body.dataset_id, "dataset_id", spec, valid, problems)
    elif getattr(valid, "dataset_id", ""):
        _check_dataset(services, valid.dataset_id, "params.dataset_id", spec, None, problems)
    for number, job_id in enumerate(body.after):
        try:
            access.job(job_id)
        except NotFound as err:
            problems.append(_problem(f"after.{number}", err.message))
    if body.deadline_at and body.deadline_at <= utc_now():
        problems.append(_problem("deadline_at", f"{body.deadline_at.isoformat()} has passed already"))
    if problems or spec is None:
        if len(problems) == 1 and problems[0].field == "recipe" and recipe and spec is None:
            raise UnknownRecipe(problems[0].message, problems=problems)
        raise InvalidParams(problems)
    return JobRequest(
        kind=body.kind,
        recipe=spec.name,
        recipe_version=spec.version,
        params=params,
        dataset_id=body.dataset_id,
        source=source,
        model_id=body.model_id,
        name=body.name.strip(),
        owner=current_owner(),
        priority=body.priority,
        retry_of=retry_of,
        after=list(dict.fromkeys(body.after)),
        deadline_at=body.deadline_at,
    )


def problems_of_params(kind: str, recipe: str, params: Any) -> list[Problem]:
    """What is wrong with params alone, for a request that has further problems. [] where that cannot be told."""
    try:
        validate_params(get_recipe(recipe).params_model(kind), params)
    except InvalidParams as err:
        return err.problems
    except UnknownRecipe as err:
        return [_problem("recipe", err.message)]
    return []


def _problem(field: str, message: str) -> Problem:
    return Problem(field=field, message=message)


def resolve_checkpoint(
    services: Services, choice: CheckpointChoice, field: str, problems: list[Problem]
) -> tuple[CheckpointRef | None, str | None]:
    """(checkpoint, recipe of its job); problems says what is missing."""
    try:
        job = access.job(choice.job_id)
        found = services.volume.checkpoints(choice.job_id)
    except NotFound as err:
        problems.append(_problem(f"{field}.job_id", err.message))
        return None, None
    wanted = [
        info.ref
        for info in found
        if choice.step in (None, info.ref.step) and choice.attempt in (None, info.ref.attempt)
    ]
    if not wanted:
        steps = ", ".join(str(info.ref.step) for info in found[-10:]) or "none yet"
        problems.append(_problem(field, f"job {choice.job_id} has no such checkpoint; there are steps {steps}"))
        return None, job.recipe
    return wanted[-1], job.recipe


def _source(services: Services, body: JobBody, problems: list[Problem]) -> tuple[CheckpointRef | None, str | None]:
    if (body.model_id is None) == (body.checkpoint is None):
        problems.append(_problem("model_id", "name either model_id or checkpoint"))
        return None, None
    if body.checkpoint:
        return resolve_checkpoint(services, body.checkpoint, "checkpoint", problems)
    assert body.model_id is not None
    try:
        model = access.model(body.model_id)
    except NotFound as err:
        if body.model_id in body.after:  # the model this training will leave has its id
            try:
                return None, access.job(body.model_id).recipe
            except NotFound:
                pass
        problems.append(_problem("model_id", err.message))
        return None, None
    try:
        services.volume.checkpoint(model.checkpoint)
    except NotFound as err:
        problems.append(_problem("model_id", f"its checkpoint is gone: {err.message}"))
    return model.checkpoint, model.recipe


def _check_dataset(
    services: Services,
    dataset_id: str | None,
    field: str,
    spec: RecipeSpec | None,
    params: Any,
    problems: list[Problem],
) -> None:
    """Say what is wrong with a dataset. params: of a training, to check both together; None: not checked."""
    if not dataset_id:
        problems.append(_problem(field, "is missing; upload a dataset first"))
        return
    try:
        dataset = access.dataset(dataset_id)
    except NotFound as err:
        problems.append(_problem(field, err.message))
        return
    if spec and dataset.format not in spec.formats:
        wanted = " or ".join(spec.formats)
        problems.append(_problem(field, f"has format {dataset.format}; {spec.name} needs {wanted}"))
    elif spec and params is not None:
        problems += spec.check(params, dataset)
