"""The submission form: choose what to do, fill in what the recipe's spec asks for, submit."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response

from shared.datasets.examples import import_example
from shared.errors import ClientError, InvalidParams, NotFound, Problem
from shared.ids import new_id
from shared.jobs.job import Job, utc_now
from shared.jobs.queues import queues
from shared.jobs.record import source_key
from shared.recipes import RECIPES, RecipeSpec, get_recipe
from web import access
from web.forms import Form, build_form, read_values
from web.identity import current_owner
from web.job_request import MOST_AHEAD, CheckpointChoice, JobBody, build_request, problems_of_params
from web.pages.datasets import examples, import_files, upload_help, usable_datasets
from web.pages.formatting import metric, plural
from web.pages.reach import pages, recipe_title, services, settings, store, volume
from web.problems import from_validation
from web.submission import submit

_CHECKPOINT = re.compile(
    r"([0-9a-z]{1,64})/([1-9]\d{0,8})/(\d{1,9})", re.ASCII
)  # as shared.jobs.record.source_key writes it
_MOST_HOURS = MOST_AHEAD // timedelta(hours=1)
_SOURCES = 30  # models and trainings offered to generate with


@dataclass(frozen=True)
class Source:
    """Something to generate with."""

    name: str
    about: str
    url: str
    at: datetime


@dataclass
class Draft:
    """What the form shows: a fresh one, a clone's, or what a refused post held."""

    kind: str
    spec: RecipeSpec
    form: Form
    name: str = ""
    priority: str = ""
    dataset_id: str = ""
    source_key: str = ""
    model_id: str = ""
    after: str = ""
    hours: str = ""
    clone: Job | None = None
    problems: tuple[Problem, ...] = ()


@pages.get("/jobs/new")
def new_job() -> str:
    """Show the choice of recipes and models, or the form of the one chosen."""
    args = request.args
    clone = access.job(args["from"]) if args.get("from") else None
    if clone is not None:
        spec = get_recipe(clone.recipe)
        form = build_form(spec.params_model(clone.kind), clone.params)
        return _show(
            Draft(
                clone.kind,
                spec,
                form,
                name=clone.name,
                priority=str(clone.priority or ""),
                dataset_id=clone.dataset_id or "",
                source_key=source_key(clone.source) if clone.kind == "generate" else "",
                clone=clone,
            )
        )
    if args.get("kind") == "train" and args.get("recipe"):
        spec = get_recipe(args["recipe"])
        return _show(Draft("train", spec, build_form(spec.train_params), dataset_id=args.get("dataset", "")))
    if args.get("model"):
        spec = get_recipe(access.model(args["model"]).recipe)
        return _show(Draft("generate", spec, build_form(spec.generate_params), model_id=args["model"]))
    if args.get("source"):
        spec = get_recipe(access.job(read_source(args["source"]).job_id).recipe)
        return _show(Draft("generate", spec, build_form(spec.generate_params), source_key=args["source"]))
    return render_template(
        "new_job.html",
        active="jobs",
        recipes=RECIPES.values(),
        dataset_id=args.get("dataset", ""),
        sources=_sources(),
    )


def _sources() -> list[Source]:
    """Models, then running or ended trainings that have a checkpoint and no model of their own."""
    models = access.models()
    found = [
        Source(m.name, _about(m.recipe, m.metrics), url_for("pages.new_job", kind="generate", model=m.id), m.created_at)
        for m in models[:_SOURCES]
    ]
    named = {m.checkpoint.job_id for m in models}
    for job in access.list_jobs(kind="train", limit=_SOURCES).jobs:
        if job.checkpoint and job.id not in named:
            about = f"{recipe_title(job.recipe)}, newest checkpoint at step {job.checkpoint.step:,}"
            url = url_for("pages.new_job", kind="generate", source=source_key(job.checkpoint))
            found.append(Source(job.name or recipe_title(job.recipe), about, url, job.updated_at))
    return found


def _about(recipe: str, metrics: dict[str, float]) -> str:
    best = next((n for n in ("test_accuracy", "val_accuracy", "val_loss", "loss") if n in metrics), None)
    return recipe_title(recipe) + (f", {best.replace('_', ' ')} {metric(metrics[best])}" if best else "")


def _show(draft: Draft) -> str:
    by_field: dict[str, list[str]] = {}
    for problem in draft.problems:
        by_field.setdefault(problem.field.split(".")[0], []).append(problem.message)
    ids = {f.path: f.id for f in draft.form.fields} | {"name": "name", "priority": "priority", "dataset_id": "dataset"}
    ids |= {"after": "after", "deadline_at": "hours"}
    source_name, source_about = _source_words(draft)
    train = draft.kind == "train"
    usable = usable_datasets(draft.spec.formats)
    return render_template(
        "new_job_form.html",
        active="jobs",
        kind=draft.kind,
        recipe=draft.spec,
        form=draft.form,
        clone=draft.clone,
        problems=draft.problems,
        ids=ids,
        idempotency_key=new_id(),
        source_key=draft.source_key,
        source_name=source_name,
        source_about=source_about,
        model_id=draft.model_id,
        datasets=usable,
        dataset_id=draft.dataset_id or (usable[0].id if train and len(usable) == 1 else ""),
        dataset_problems=by_field.get("dataset_id", []) + by_field.get("file", []),
        upload_help=upload_help(draft.spec.formats),
        examples=examples() if train and "text" in draft.spec.formats else [],
        name=draft.name,
        name_problems=by_field.get("name", []),
        priority=draft.priority,
        priority_problems=by_field.get("priority", []),
        unfinished=_unfinished(),
        after=draft.after,
        after_problems=by_field.get("after", []),
        hours=draft.hours,
        hours_problems=by_field.get("deadline_at", []),
        queue_note=_queue_note(draft.kind),
    )


def _unfinished() -> list[Job]:
    """Jobs that another may wait for, newest first."""
    return [
        job for state in ("running", "queued", "paused") for job in access.list_jobs(state=state, limit=_SOURCES).jobs
    ]


def _source_words(draft: Draft) -> tuple[str, str]:
    """What is generated with: its name and what is known of it."""
    if draft.model_id:
        try:
            model = access.model(draft.model_id)
        except NotFound:
            return "a model that is gone", ""
        return model.name, f"{_about(model.recipe, model.metrics)}, step {model.checkpoint.step:,}"
    if draft.source_key:
        try:
            choice = read_source(draft.source_key)
            job = access.job(choice.job_id)
        except ClientError:
            return "a checkpoint that is gone", ""
        return job.name or recipe_title(job.recipe), f"{recipe_title(job.recipe)}, checkpoint at step {choice.step:,}"
    return "", ""


def _queue_note(kind: str) -> str:
    queue = next(q for q in queues(store()) if q.name == kind)
    if not queue.workers:
        return f"No worker serves queue {kind} at the moment; the job waits for one."
    if queue.ready:
        return f"{plural(queue.ready, 'job')} already wait{'s' if queue.ready == 1 else ''} on {kind}."
    return ""


@pages.post("/jobs")
def submit_job() -> Response | tuple[str, int]:
    """Submit the form; refused, it comes back with every problem at its field and all input kept."""
    form = request.form
    kind = "generate" if form.get("kind") == "generate" else "train"
    spec = get_recipe(form.get("recipe", ""))
    model = spec.params_model(kind)
    values, seen = read_values(model, form, request.files)
    problems: list[Problem] = list(seen)
    dataset_id = form.get("dataset_id", "")
    if kind == "train":
        dataset_id = _take_dataset(dataset_id, problems)
    if not any(p.field == "file" for p in problems):
        try:
            body = JobBody.model_validate(_body(kind, spec, values, dataset_id) | _order(problems))
            wanted = build_request(services(), body)
            if not problems:
                job, _ = submit(services(), wanted, form.get("idempotency_key") or None)
                return redirect(url_for("pages.job", job_id=job.id))
        except ValidationError as err:
            problems += _further(from_validation(err).problems + problems_of_params(kind, spec.name, values), seen)
        except ClientError as err:
            problems += _further(err.problems or [Problem(field="", message=err.message)], seen)
    draft = Draft(
        kind,
        spec,
        build_form(model, values, problems),
        name=form.get("name", ""),
        priority=form.get("priority", ""),
        after=form.get("after", ""),
        hours=form.get("hours", ""),
        dataset_id=dataset_id,
        source_key=form.get("source", ""),
        model_id=form.get("model_id", ""),
        problems=tuple(problems),
    )
    return _show(draft), 422


def _further(problems: list[Problem], seen: list[Problem]) -> list[Problem]:
    """Those of the problems that are not about files which are refused already, and so are missing."""
    fields = tuple(problem.field for problem in seen)
    return [problem for problem in problems if not (fields and problem.field.startswith(fields))]


def _take_dataset(dataset_id: str, problems: list[Problem]) -> str:
    """The dataset chosen, an example asked for, or the files that came along."""
    example = request.form.get("example")
    uploads = [(f.filename or "", f.stream) for f in request.files.getlist("files") if f.filename]
    try:
        if example:
            return import_example(volume(), example, owner=current_owner(), limits=settings()).id
        if uploads:
            return import_files(uploads).id
    except ClientError as err:
        problems += err.problems or [Problem(field="file", message=err.message)]
    return dataset_id


def _order(problems: list[Problem]) -> dict[str, Any]:
    """Priority, what the job waits for, and its deadline: typed as hours from now, which is the same in every time zone."""
    form = request.form
    order: dict[str, Any] = {"priority": form.get("priority", "").strip() or 0}
    if form.get("after"):
        order["after"] = [form["after"]]
    if hours := form.get("hours", "").strip():
        try:
            order["deadline_at"] = utc_now() + timedelta(hours=_hours(hours))
        except ValueError as err:
            problems.append(Problem(field="deadline_at", message=str(err)))
    return order


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 < hours <= _MOST_HOURS:
        raise ValueError(f"{text!r:.40} is no number of hours; above 0, at most {_MOST_HOURS:,}")
    return hours


def _body(kind: str, spec: RecipeSpec, values: dict[str, Any], dataset_id: str) -> dict[str, Any]:
    form = request.form
    body: dict[str, Any] = {
        "kind": kind,
        "recipe": spec.name,
        "params": values,
        "name": form.get("name", ""),
    }
    if kind == "train":
        return body | {"dataset_id": dataset_id or None}
    if form.get("model_id"):
        return body | {"model_id": form["model_id"]}
    if form.get("source"):
        return body | {"checkpoint": read_source(form["source"]).model_dump()}
    return body


def read_source(text: str) -> CheckpointChoice:
    """The checkpoint that source_key wrote. Raises InvalidParams."""
    match = _CHECKPOINT.fullmatch(text)
    if match is None:
        message = f"{text!r:.100} is no checkpoint; one is written JOB/ATTEMPT/STEP, as on the page of the job"
        raise InvalidParams([Problem(field="source", message=message)])
    return CheckpointChoice(job_id=match[1], attempt=int(match[2]), step=int(match[3]))
