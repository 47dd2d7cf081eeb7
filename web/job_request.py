"""From what a person asks for to a validated JobRequest. Plain functions; API and pages share them.

Every problem of a request is named at once. Nothing here knows any recipe.
"""

from collections.abc import Mapping
from typing import Any

from shared.clock.features import sizes_of
from shared.datasets.manifest import DatasetManifest
from shared.errors import InvalidParams, NotFound, Problem, UnknownRecipe
from shared.jobs.job import MODEL, START_FROM, JobRequest, utc_now
from shared.jobs.presence import largest_memory
from shared.recipes import get_recipe
from shared.recipes.base import Foreseen, Given, Input, Params, RecipeSpec, validate_params
from shared.recipes.privacy import start_problem
from shared.recipes.shape import unlike
from web import access
from web.columns import check_columns
from web.file_params import check_files
from web.identity import current_owner
from web.job_body import InputChoice, JobBody
from web.job_inputs import Finder, FoundInputs, FoundModel, names_a_base, recipes_for
from web.services import Services

TRAIN = "train"
GENERATE = "generate"  # the usual use of a model


def build_request(services: Services, body: JobBody, *, retry_of: str | None = None) -> JobRequest:
    """Check a body against recipes, datasets, models and files. Raises InvalidParams with every problem."""
    return look_into(services, body, retry_of=retry_of)[0]


def look_into(services: Services, body: JobBody, *, retry_of: str | None = None) -> tuple[JobRequest, Foreseen]:
    """As build_request, with what there is to see of the job before it is queued."""
    problems: list[Problem] = []
    finder = Finder(services, body.after, problems)
    known: dict[str, FoundModel | None] = {}
    recipe = body.recipe
    if body.kind == "generate" and MODEL in body.inputs and names_a_base(body.inputs[MODEL]):
        recipe = recipe or _recipe_of_base(body.inputs[MODEL])
    elif body.kind == "generate" and MODEL in body.inputs:
        model = known[MODEL] = finder.model(body.inputs[MODEL], MODEL)
        if model and recipe and model.recipe != recipe:
            problems.append(_problem("recipe", f"the model is of recipe {model.recipe}; leave the field out"))
        recipe = model.recipe if model else recipe
    spec = _spec(body, recipe, problems)
    roles = _roles(spec, body, problems)
    found = finder.all(body.inputs, roles, spec.name, known) if spec and roles else FoundInputs()
    params, files = _params(spec, body, found.datasets, problems) if spec and roles else (body.params, [])
    if spec and body.kind == GENERATE and MODEL in body.inputs and names_a_base(body.inputs[MODEL]):
        problems += _of_base(spec.params_model(body.kind, body.use), params)
    start = found.models.get(START_FROM)
    wrong = [problem.field.split(".")[1] for problem in problems if problem.field.startswith("params.")]
    if spec and start and (message := unlike(spec, start.params, params, without=wrong)):
        problems.append(_problem(f"inputs.{START_FROM}", message))
    if spec and body.kind == TRAIN and START_FROM in body.inputs and (message := start_problem(params)):
        problems.append(_problem(f"inputs.{START_FROM}", message))
    for number, job_id in enumerate(body.after):
        try:
            access.job(job_id)
        except NotFound as err:
            problems.append(_problem(f"after.{number}", err.message))
    if body.deadline_at and body.deadline_at <= utc_now():
        problems.append(_problem("deadline_at", f"{body.deadline_at.isoformat()} has passed already"))
    seen = Foreseen()
    if spec and body.kind == TRAIN and not problems:
        seen = _foreseen(services, spec, params, found)
        problems += seen.problems
    if problems or spec is None:
        if len(problems) == 1 and problems[0].field == "recipe" and recipe and spec is None:
            raise UnknownRecipe(problems[0].message, problems=problems)
        raise InvalidParams(problems)
    request = JobRequest(
        kind=body.kind,
        recipe=spec.name,
        recipe_version=spec.version,
        use=(body.use or GENERATE) if body.kind == "generate" else "",
        params=params,
        inputs=found.refs,
        files=files,
        name=body.name.strip(),
        owner=current_owner(),
        priority=body.priority,
        retry_of=retry_of,
        after=list(dict.fromkeys(body.after)),
        deadline_at=body.deadline_at,
        sizes=sizes_of(found.datasets, found.bases),
    )
    return request, seen


def _foreseen(services: Services, spec: RecipeSpec, params: dict[str, Any], found: FoundInputs) -> Foreseen:
    """What the recipe tells from a look into what it is given."""
    volume = services.volume
    given = {role: Given(dataset, volume.dataset_dir(dataset.id)) for role, dataset in found.datasets.items()}
    given |= {role: Given(base, volume.base_dir(base.id)) for role, base in found.bases.items()}
    needed = {taken.role for taken in spec.inputs if taken.required and (taken.formats or taken.bases)}
    if not needed <= given.keys():
        return Foreseen()
    room = largest_memory(services.store.presence.workers(), TRAIN)
    return spec.foresee(validate_params(spec.train_params, params), given, room)


def _recipe_of_base(choice: InputChoice) -> str | None:
    """The first recipe that can use a base model as it is; None where there is none, or no such base."""
    try:
        found = recipes_for(access.base(str(choice.base_id or choice.id)).kind)
    except NotFound:
        return None
    return found[0] if found else None


def _spec(body: JobBody, recipe: str | None, problems: list[Problem]) -> RecipeSpec | None:
    """The recipe asked for, or the model's; None with a problem noted."""
    if recipe:
        try:
            return get_recipe(recipe)
        except UnknownRecipe as err:
            problems.append(_problem("recipe", err.message))
    elif body.kind == TRAIN:
        problems.append(_problem("recipe", "is missing; see /recipes for the names"))
    elif MODEL not in body.inputs:
        problems.append(
            _problem(f"inputs.{MODEL}", "nothing is chosen; it takes a model, or a checkpoint by job_id and step")
        )
    elif names_a_base(body.inputs[MODEL]):
        problems.append(
            _problem(f"inputs.{MODEL}", "is no base model that is there, or that any recipe can use as it is")
        )
    return None


def _roles(spec: RecipeSpec | None, body: JobBody, problems: list[Problem]) -> tuple[Input, ...]:
    """The roles of the job; () with a problem noted where they cannot be told."""
    if body.kind == TRAIN and body.use:
        problems.append(_problem("use", "is for generate; a training has none"))
    try:
        return spec.inputs_of(body.kind, body.use) if spec else ()
    except InvalidParams as err:
        problems += err.problems
        return ()


def _params(
    spec: RecipeSpec, body: JobBody, datasets: Mapping[str, DatasetManifest], problems: list[Problem]
) -> tuple[dict[str, Any], list[str]]:
    """The params with their defaults and the files they name. Everything wrong with them is noted."""
    model = spec.params_model(body.kind, body.use)
    valid, params, refused = None, body.params, set()
    try:
        valid = validate_params(model, body.params)
        params = valid.model_dump(mode="json")
    except InvalidParams as err:
        problems += err.problems
        refused = {problem.field.split(".")[1] for problem in err.problems if problem.field.startswith("params.")}
    checked = {name: value for name, value in params.items() if name not in refused}
    wrong_columns = check_columns(model, checked, datasets)
    problems += wrong_columns
    files = check_files(model, checked, problems)
    needed = {taken.role for taken in spec.inputs if taken.required and taken.formats}
    if body.kind == TRAIN and valid is not None and needed <= datasets.keys() and not wrong_columns:
        problems += spec.check(valid, datasets)
    return params, files


def _of_base(model: type[Params], params: Mapping[str, Any]) -> list[Problem]:
    """Params that mean nothing where a base is used as it came, and were given; and those that it needs, and were not."""
    problems = []
    for name, field in model.model_fields.items():
        about = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        default = field.get_default(call_default_factory=True, validated_data={})
        given = params.get(name, default) != default
        if about.get("trained") and given:
            message = "is for models trained upon a base; this is the base itself: leave it out"
            problems.append(_problem(f"params.{name}", message))
        if about.get("needed_of_base") and not given:
            message = "is needed: this is the base itself, which has learnt none"
            problems.append(_problem(f"params.{name}", message))
    return problems


def problems_of_params(kind: str, recipe: str, params: Any, use: str = "") -> list[Problem]:
    """What is wrong with params alone, for a request that has further problems. [] where that cannot be told."""
    try:
        validate_params(get_recipe(recipe).params_model(kind, use), params)
    except InvalidParams as err:
        return err.problems
    except UnknownRecipe as err:
        return [_problem("recipe", err.message)]
    return []


def _problem(field: str, message: str) -> Problem:
    return Problem(field=field, message=message)
