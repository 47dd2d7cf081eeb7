"""What the roles of a job are given: found, seen to be its owner's, and of a kind that the role takes. Called by job_request.py.

Nothing here knows any recipe: what a role takes is in its spec (shared/recipes/base.py, Input).
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from shared.bases.manifest import Base
from shared.datasets.formats import FORMATS
from shared.datasets.manifest import DatasetManifest
from shared.errors import DatasetInvalid, NotFound, Problem
from shared.jobs.job import CheckpointRef, InputRef, Job
from shared.recipes import RECIPES
from shared.recipes.base import Input
from shared.volume.content import is_content_id
from web import access
from web.job_body import CheckpointChoice, InputChoice
from web.services import Services


@dataclass(frozen=True)
class FoundModel:
    """A model that a role was given, the recipe it is of, and the params of its training."""

    ref: InputRef
    recipe: str
    params: dict[str, Any]


@dataclass
class FoundInputs:
    """What the roles were given, as far as it is there: references, and the datasets, bases and models with what is known."""

    refs: dict[str, InputRef] = field(default_factory=dict)
    models: dict[str, FoundModel] = field(default_factory=dict)
    datasets: dict[str, DatasetManifest] = field(default_factory=dict)
    bases: dict[str, Base] = field(default_factory=dict)


class Finder:
    """Looks up what a request names. problems: where everything is noted that is not there or does not fit."""

    def __init__(self, services: Services, after: Collection[str], problems: list[Problem]):
        """after: the jobs that the request waits for; models that these will leave may be named already."""
        self._services = services
        self._after = after
        self._problems = problems

    def model(self, choice: InputChoice, role: str) -> FoundModel | None:
        """The model, or the checkpoint, of a choice; None with a problem noted."""
        where = f"inputs.{role}"
        if choice.dataset_id or choice.base_id:
            return self._note(where, "takes a model: name it by model_id, or a checkpoint by job_id and step")
        if choice.checkpoint:
            ref, training = resolve_checkpoint(self._services, choice.checkpoint, where, self._problems)
            return FoundModel(InputRef(checkpoint=ref), training.recipe, training.params) if ref and training else None
        model_id = str(choice.model_id or choice.id)
        try:
            model = access.model(model_id)
        except NotFound as err:
            return self._model_to_come(model_id, where, err)
        try:
            self._services.volume.checkpoint(model.checkpoint)
        except NotFound as err:
            self._note(where, f"its checkpoint is gone: {err.message}")
        return FoundModel(InputRef(checkpoint=model.checkpoint, model_id=model_id), model.recipe, model.params)

    def _model_to_come(self, model_id: str, where: str, missing: NotFound) -> FoundModel | None:
        """The model that a training in `after` will leave under its own id."""
        if model_id in self._after:
            try:
                training = access.job(model_id)
                return FoundModel(InputRef(model_id=model_id), training.recipe, training.params)
            except NotFound:
                pass
        return self._note(where, missing.message)

    def dataset(self, choice: InputChoice, taken: Input) -> DatasetManifest | None:
        """The dataset of a choice, in a format that the role takes; None with a problem noted."""
        where = f"inputs.{taken.role}"
        if choice.model_id or choice.job_id or choice.base_id:
            return self._note(where, "takes a dataset: name it by its id")
        try:
            found = access.dataset_with_report(str(choice.dataset_id or choice.id))
        except (NotFound, DatasetInvalid) as err:
            return self._note(where, err.message)
        if found.format not in taken.formats:
            wanted = " or ".join(title_of(name) for name in taken.formats)
            return self._note(where, f"has the format {title_of(found.format)}; needed is {wanted}")
        return found

    def base(self, choice: InputChoice, taken: Input) -> Base | None:
        """The base model of a choice, of a kind that the role takes; None with a problem noted."""
        where = f"inputs.{taken.role}"
        if choice.dataset_id or choice.model_id or choice.job_id:
            return self._note(where, "takes a base model: name it by its id")
        try:
            found = access.base(str(choice.base_id or choice.id))
        except NotFound as err:
            return self._note(where, err.message)
        if found.kind not in taken.bases:
            return self._note(where, f"is a {found.kind}; needed is a {' or '.join(taken.bases)}")
        return found

    def all(
        self, chosen: dict[str, InputChoice], roles: tuple[Input, ...], recipe: str, known: dict[str, FoundModel | None]
    ) -> FoundInputs:
        """What all roles are given. known: models that have been looked up before the recipe was clear."""
        for role in sorted(chosen.keys() - {taken.role for taken in roles}):
            names = ", ".join(taken.role for taken in roles)
            self._note(f"inputs.{role}", f"is no input of this job; known are {names}")
        found = FoundInputs()
        for taken in roles:
            choice = chosen.get(taken.role)
            if choice is None:
                if taken.required:
                    self._note(f"inputs.{taken.role}", _missing(taken))
            elif _names_a_dataset(choice, taken):
                if dataset := self.dataset(choice, taken):
                    found.datasets[taken.role] = dataset
                    found.refs[taken.role] = InputRef(dataset_id=dataset.id)
            elif _names_a_base(choice, taken):
                if base := self.base(choice, taken):
                    found.bases[taken.role] = base
                    found.refs[taken.role] = InputRef(base_id=base.id)
            else:
                model = known[taken.role] if taken.role in known else self.model(choice, taken.role)
                if model and self._fits(model, taken, recipe):
                    found.refs[taken.role] = model.ref
                    found.models[taken.role] = model
        return found

    def _fits(self, model: FoundModel, taken: Input, recipe: str) -> bool:
        wanted = [recipe if name == "*" else name for name in taken.recipes]
        if model.recipe not in wanted:
            self._note(f"inputs.{taken.role}", f"is of recipe {model.recipe}; this job takes {' or '.join(wanted)}")
        return model.recipe in wanted

    def _note(self, where: str, message: str) -> None:
        self._problems.append(Problem(field=where, message=message))


def recipes_for(kind: str) -> list[str]:
    """Names of the recipes that can use a base model of this kind as it is."""
    return [spec.name for spec in RECIPES.values() if kind in spec.bases]


def names_a_base(choice: InputChoice) -> bool:
    """Whether what is to be a model is a base model."""
    return bool(choice.base_id) or is_content_id(choice.id or "")


def resolve_checkpoint(
    services: Services, choice: CheckpointChoice, where: str, problems: list[Problem]
) -> tuple[CheckpointRef | None, Job | None]:
    """(checkpoint, its training); problems says what is missing. where: the field of the choice."""
    try:
        job = access.job(choice.job_id)
        found = services.volume.checkpoints(choice.job_id)
    except NotFound as err:
        problems.append(Problem(field=f"{where}.job_id", message=err.message))
        return None, None
    wanted = [
        info.ref
        for info in found
        if choice.step in (None, info.ref.step) and choice.attempt in (None, info.ref.attempt)
    ]
    if not wanted:
        steps = ", ".join(str(info.ref.step) for info in found[-10:]) or "none yet"
        message = f"job {choice.job_id} has no such checkpoint; there are steps {steps}"
        problems.append(Problem(field=where, message=message))
        return None, job
    return wanted[-1], job


def title_of(format: str) -> str:
    """A dataset format in words; its name when this installation no longer knows it."""
    return FORMATS[format].title if format in FORMATS else format


def _names_a_dataset(choice: InputChoice, taken: Input) -> bool:
    """Whether a choice is to be a dataset: told from what the role takes and, where it takes both, from what is named."""
    if not (taken.formats and (taken.recipes or taken.bases)):
        return bool(taken.formats)
    return bool(choice.dataset_id) or is_content_id(choice.id or "")


def _names_a_base(choice: InputChoice, taken: Input) -> bool:
    """Whether a choice is to be a base model, in a role that is given no dataset."""
    if not (taken.bases and taken.recipes):
        return bool(taken.bases)
    return names_a_base(choice)


def _missing(taken: Input) -> str:
    """That a required role is empty, and what it takes."""
    ways = [f"a dataset ({' or '.join(title_of(name) for name in taken.formats)})"] if taken.formats else []
    ways += ["a base model by its id"] if taken.bases else []
    ways += ["a model by its id, or a checkpoint by job_id and step"] if taken.recipes else []
    return f"nothing is chosen; it takes {', or '.join(ways)}"
