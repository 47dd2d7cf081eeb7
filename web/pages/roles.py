"""The inputs of a job in its form: for each role what may be picked, what is picked, and what is known of it.

A pick is written as one text, `key`: the id of a dataset or a model, or JOB/ATTEMPT/STEP of a checkpoint.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.bases.manifest import Base
from shared.datasets.manifest import DatasetManifest
from shared.errors import ClientError, DatasetInvalid, InvalidParams, NotFound, Problem
from shared.jobs.job import CheckpointRef, InputRef, Job
from shared.jobs.models import Model
from shared.jobs.record import source_key
from shared.recipes import RECIPES
from shared.recipes.base import Input, RecipeSpec
from shared.volume.content import is_content_id
from web import access
from web.job_body import CheckpointChoice, InputChoice
from web.job_inputs import recipes_for
from web.pages.formatting import short_count
from web.pages.judging import best_said
from web.pages.reach import recipe_title
from web.pages.report_view import ReportView, report_view

_CHECKPOINT = re.compile(r"([0-9a-z]{1,64})/([1-9]\d{0,8})/(\d{1,9})", re.ASCII)  # as source_key writes it
_MOST_SUGGESTED = 200  # names of columns
_MOST_OFFERED = 30  # models, and trainings with a checkpoint


@dataclass(frozen=True)
class Offer:
    """A model, or the newest checkpoint of a training, that may be picked. known: a few words about it."""

    key: str
    name: str
    about: str


@dataclass
class Role:
    """One input of the form. fixed: settled by the page, shown as a heading and not as a choice. learns: for a training."""

    taken: Input
    key: str = ""
    fixed: bool = False
    learns: bool = True
    datasets: list[DatasetManifest] = field(default_factory=list)
    models: list[Offer] = field(default_factory=list)
    picked: DatasetManifest | None = None
    report: ReportView | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of the inputs, and the field of a Problem about it."""
        return f"inputs.{self.taken.role}"

    @property
    def column_names(self) -> list[str]:
        """Columns of all datasets that may be picked, suggested while none is."""
        if self.picked:
            return []
        return list(dict.fromkeys(c.name for d in self.datasets for c in d.report.columns))[:_MOST_SUGGESTED]

    @property
    def id(self) -> str:
        return f"input-{self.taken.role.replace('_', '-')}"


def roles(
    spec: RecipeSpec,
    taken: Sequence[Input],
    keys: Mapping[str, str],
    problems: Sequence[Problem] = (),
    fixed: Sequence[str] = (),
    *,
    learns: bool = True,
) -> list[Role]:
    """Every role with what it may be given. keys: what is picked; a required role with one choice is given that. learns: it is for
    a training, and what a report says of learning from a dataset matters."""
    found = []
    for one in taken:
        role = Role(one, keys.get(one.role, ""), fixed=one.role in fixed, learns=learns)
        role.problems = [p.message for p in problems if p.field == role.name or p.field.startswith(f"{role.name}.")]
        if one.formats:
            role.datasets = usable_datasets(one.formats)
            if one.required and one.role not in keys and len(role.datasets) == 1:
                role.key = role.datasets[0].id
            role.datasets.sort(key=lambda d: d.id != role.key)  # what is picked stands first, where it is seen
        if one.recipes and not role.fixed:
            role.models = offers([spec.name if name == "*" else name for name in one.recipes])
        if one.bases and not role.fixed:
            role.models = [*base_offers(one.bases), *role.models]
        if one.formats and is_content_id(role.key):
            _look_at(role)
        found.append(role)
    return found


def _look_at(role: Role) -> None:
    try:
        role.picked = access.dataset_with_report(role.key)
    except (NotFound, DatasetInvalid) as err:
        role.problems = role.problems or [err.message]
        return
    role.report = report_view(role.picked)


def usable_datasets(formats: Sequence[str]) -> list[DatasetManifest]:
    """Datasets of the given formats, newest first."""
    found = [d for d in access.datasets() if d.format in formats]
    return sorted(found, key=lambda d: d.created_at, reverse=True)


def offers(recipes: Sequence[str] = ()) -> list[Offer]:
    """Models, then trainings that have a checkpoint and no model of their own; of all recipes where none are named."""
    models = [model for model in access.models() if not recipes or model.recipe in recipes]
    offered = models[:_MOST_OFFERED]
    alike = Counter(m.name for m in offered)
    found = [Offer(m.id, m.name, about_model(m, alike[m.name] > 1)) for m in offered]
    named = {m.checkpoint.job_id for m in models}
    for job in access.list_jobs(kind="train", limit=_MOST_OFFERED).jobs:
        if job.checkpoint and job.id not in named and (not recipes or job.recipe in recipes):
            found.append(Offer(source_key(job.checkpoint), job_title(job), about_checkpoint(job, job.checkpoint)))
    return found


def base_offers(kinds: Sequence[str]) -> list[Offer]:
    """Base models of these kinds, newest first."""
    found = [base for base in access.bases() if base.kind in kinds]
    return [Offer(base.id, base.name, about_base(base)) for base in found[:_MOST_OFFERED]]


def about_base(base: Base) -> str:
    return f"base model, {base.family}, {short_count(base.parameters)} parameters"


def about_model(model: Model, alike: bool = False) -> str:
    """A model in a few words: its recipe, how good it is, its step, its day. alike: with its id, since others have its name."""
    said = best_said(RECIPES.get(model.recipe), model.metrics)
    words = (recipe_title(model.recipe), said, f"step {model.checkpoint.step:,}", f"{model.created_at:%Y-%m-%d %H:%M}")
    return ", ".join(filter(None, (*words, f"id …{model.id[-6:]}" if alike else "")))


def about_checkpoint(job: Job, checkpoint: CheckpointRef) -> str:
    return f"{recipe_title(job.recipe)}, checkpoint at step {checkpoint.step:,}"


def job_title(job: Job) -> str:
    return job.name or recipe_title(job.recipe)


def key_of(ref: InputRef) -> str:
    """How what a job was given is picked in a form."""
    if ref.dataset_id or ref.base_id:
        return ref.dataset_id or ref.base_id or ""
    if ref.model_id:
        return ref.model_id
    return source_key(ref.checkpoint) if ref.checkpoint else ""


def choice_of(key: str) -> InputChoice:
    """What a key names, as the body of a job has it. Raises InvalidParams for what cannot be one."""
    if "/" in key:
        return InputChoice.model_validate(read_source(key))
    return InputChoice(id=key[:64])


def read_source(text: str) -> CheckpointChoice:
    """The checkpoint that source_key wrote. Raises InvalidParams."""
    match = _CHECKPOINT.fullmatch(text)
    if match is None:
        message = f"{text!r:.100} is no checkpoint; one is written JOB/ATTEMPT/STEP, as on the page of the job"
        raise InvalidParams([Problem(field="source", message=message)])
    return CheckpointChoice(job_id=match[1], attempt=int(match[2]), step=int(match[3]))


def recipe_of(key: str, wanted: str = "") -> str:
    """The recipe of a model or checkpoint; of a base model the one that is wanted, else the first of those that can use it.

    Raises NotFound, InvalidParams.
    """
    if "/" in key:
        return access.job(read_source(key).job_id).recipe
    if is_content_id(key):
        found = recipes_for(access.base(key).kind)
        if not found:
            raise NotFound("no recipe can use this base model as it is: train with it first")
        return wanted if wanted in found else found[0]
    return access.model(key).recipe


def words_of(key: str) -> tuple[str, str]:
    """What a model or checkpoint is called, and what is known of it."""
    try:
        if "/" in key:
            choice = read_source(key)
            job = access.job(choice.job_id)
            ref = CheckpointRef.model_validate(choice.model_dump())
            return job_title(job), about_checkpoint(job, ref)
        if is_content_id(key):
            base = access.base(key)
            return base.name, about_base(base)
        model = access.model(key)
        return model.name, about_model(model)
    except ClientError:
        return "a model that is gone", ""
