"""A job that is being written in the form: begun anew, taken from another job, or as a refused post held it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.errors import NotFound, Problem
from shared.jobs.job import MODEL, Job, utc_now
from shared.recipes import RecipeSpec, get_recipe
from shared.recipes.base import Input
from web import access
from web.job_body import MOST_AHEAD
from web.pages.roles import choice_of, key_of, recipe_of
from web.posted import read_values

_MOST_HOURS = MOST_AHEAD // timedelta(hours=1)


@dataclass
class Draft:
    """What the form shows. keys: what is picked, by role (web/pages/roles.py). values: of the params."""

    kind: str
    spec: RecipeSpec
    use: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    priority: str = ""
    after: str = ""
    hours: str = ""
    clone: Job | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def inputs(self) -> tuple[Input, ...]:
        return self.spec.inputs_of(self.kind, self.use)

    @property
    def params_model(self) -> Any:
        return self.spec.params_model(self.kind, self.use)

    @property
    def address(self) -> dict[str, str]:
        """What names this form, empty, in an address (draft_asked_for)."""
        if self.kind == "train":
            return {"kind": "train", "recipe": self.spec.name}
        model = {"recipe": self.spec.name, f"inputs.{MODEL}": self.keys.get(MODEL, "")}
        return {"kind": "generate", "use": self.use or "generate", **model}

    @property
    def verb(self) -> str:
        """On the button."""
        return "Start training" if self.kind == "train" else self.spec.use(self.use).verb


def draft_of_job(job: Job) -> Draft:
    """A new job like another one."""
    spec = get_recipe(job.recipe)
    keys = {role: key_of(ref) for role, ref in job.inputs.items()}
    return Draft(job.kind, spec, job.use, keys, job.params, name=job.name, priority=str(job.priority or ""), clone=job)


def draft_asked_for(args: Mapping[str, str]) -> Draft | None:
    """The form that an address names; None where it names none. Raises NotFound, InvalidParams, UnknownRecipe.

    ?from=JOB, or ?kind=train&recipe=NAME, or ?model=ID (of a base model with &recipe=) or ?source=JOB/ATTEMPT/STEP, with &use=
    and inputs: dataset=ID for the first role that takes datasets, inputs.ROLE= for any; params.NAME= fill in params.
    """
    if args.get("from"):
        return draft_of_job(access.job(args["from"]))
    keys = {name.removeprefix("inputs."): key for name, key in args.items() if name.startswith("inputs.") and key}
    model = args.get("model") or args.get("source") or keys.get(MODEL)
    if model:
        keys |= {MODEL: model}
        draft = Draft(
            "generate", get_recipe(recipe_of(model, args.get("recipe", ""))), args.get("use") or "generate", keys
        )
    elif args.get("kind") == "train" and args.get("recipe"):
        draft = Draft("train", get_recipe(args["recipe"]), keys=keys)
    else:
        return None
    if args.get("dataset"):
        main = next((taken for taken in draft.inputs if taken.formats and taken.role not in keys), None)
        if main is not None and _has_format(args["dataset"], main):
            draft.keys[main.role] = args["dataset"]
    draft.values, _ = read_values(draft.params_model, args)
    return draft


def _has_format(dataset_id: str, taken: Input) -> bool:
    try:
        return access.dataset(dataset_id).format in taken.formats
    except NotFound:
        return True  # said in the form, at the input


def body_of(draft: Draft, problems: list[Problem]) -> dict[str, Any]:
    """The draft as a JobBody takes it; problems says what cannot even be read."""
    body: dict[str, Any] = {
        "kind": draft.kind,
        "recipe": draft.spec.name,
        "use": draft.use if draft.kind == "generate" else "",
        "params": draft.values,
        "inputs": {role: choice_of(key) for role, key in draft.keys.items() if key},
        "name": draft.name,
        "priority": draft.priority.strip() or 0,
    }
    if draft.after:
        body["after"] = [draft.after]
    if hours := draft.hours.strip():
        try:
            body["deadline_at"] = utc_now() + timedelta(hours=_hours(hours))
        except ValueError as err:
            problems.append(Problem(field="deadline_at", message=str(err)))
    return body


def _hours(text: str) -> float:
    """Hours from now, which are the same in every time zone."""
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 < hours <= _MOST_HOURS:
        raise ValueError(f"{text!r:.40} is no number of hours; above 0, at most {_MOST_HOURS:,}")
    return hours


def once(form_key: str, draft: Draft) -> str | None:
    """A key under which a form is submitted once: pressed twice it makes one job, changed and sent again another one."""
    if not form_key:
        return None
    said = (form_key, draft.kind, draft.spec.name, draft.use, sorted(draft.keys.items()), sorted(draft.values.items()))
    more = (draft.name, draft.priority, draft.after, draft.hours)
    return hashlib.sha256(repr((said, more)).encode()).hexdigest()[:40]
