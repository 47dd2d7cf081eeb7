"""What a job was given, as its page lists it: inputs by role with where they are, and params in words."""

from dataclasses import dataclass
from typing import Any

from flask import url_for

from shared.bases.manifest import Base
from shared.errors import InvalidParams, NotFound
from shared.jobs.job import InputRef, Job
from shared.jobs.models import Model
from shared.recipes import RECIPES
from web import access
from web.file_params import file_params
from web.forms import to_text
from web.pages.datasets import name_of
from web.pages.reach import API

_FILES_NAMED = 5


@dataclass(frozen=True)
class Given:
    """One input. parts: (text, address or "") of what it is; gone: what the id was of something deleted."""

    title: str
    parts: list[tuple[str, str]]
    gone: str = ""


@dataclass(frozen=True)
class ShownParam:
    """A param. files: (name, address) of uploaded files, which stand in the place of the value."""

    name: str
    value: str
    files: list[tuple[str, str]]


def inputs_given(job: Job) -> list[Given]:
    """The inputs in the order the spec has them."""
    titles = _titles(job)
    order = [role for role in titles if role in job.inputs] + [role for role in job.inputs if role not in titles]
    models = access.models() if any(ref.checkpoint or ref.model_id for ref in job.inputs.values()) else []
    return [given(titles.get(role, role.replace("_", " ")), job.inputs[role], models) for role in order]


def _titles(job: Job) -> dict[str, str]:
    spec = RECIPES.get(job.recipe)
    try:
        return {taken.role: taken.title for taken in spec.inputs_of(job.kind, job.use)} if spec else {}
    except InvalidParams:  # a use this installation no longer knows
        return {}


def given(title: str, ref: InputRef, models: list[Model]) -> Given:
    """One input with where it is. models: among which the name of a checkpoint is looked for."""
    if ref.dataset_id:
        dataset = name_of(ref.dataset_id)
        url = url_for("pages.dataset", dataset_id=ref.dataset_id)
        return Given(title, [(dataset.name, url)]) if dataset else Given(title, [], ref.dataset_id)
    if ref.base_id:
        base = _base(ref.base_id)
        url = url_for("pages.bases", _anchor=f"base-{ref.base_id}")
        return Given(title, [(base.name, url)]) if base else Given(title, [], ref.base_id)
    named = [m for m in models if m.id == ref.model_id] or [m for m in models if m.checkpoint == ref.checkpoint]
    parts = [(named[0].name, url_for("pages.models", _anchor=f"model-{named[0].id}"))] if named else []
    if ref.checkpoint:
        parts.append((f"step {ref.checkpoint.step:,}", url_for("pages.job", job_id=ref.checkpoint.job_id)))
    return Given(title, parts, "" if parts else ref.model_id or "")


def _base(base_id: str) -> Base | None:
    """None when it has been deleted."""
    try:
        return access.base(base_id)
    except NotFound:
        return None


def params_given(job: Job) -> list[ShownParam]:
    """The params in words."""
    spec = RECIPES.get(job.recipe)
    holding_files: set[str] = set()
    if spec:
        try:
            holding_files = {param.name for param in file_params(spec.params_model(job.kind, job.use))}
        except InvalidParams:
            holding_files = set()
    found = []
    for name, value in job.params.items():
        if name in holding_files and isinstance(value, list):
            more = len(value) - _FILES_NAMED
            said = f"and {more:,} more" if more > 0 else "" if value else "none"
            found.append(ShownParam(name, said, [_file(str(one)) for one in value[:_FILES_NAMED]]))
        else:
            found.append(ShownParam(name, _shown(value), []))
    return found


def _file(file_id: str) -> tuple[str, str]:
    try:
        return access.file(file_id)[0].name, f"{API}/files/{file_id}/content"
    except NotFound:
        return "a file that is gone", ""


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(to_text(value))
    if not text:
        return "none" if isinstance(value, list) else "–"
    return repr(text)[1:-1] if not text.strip() and text else text
