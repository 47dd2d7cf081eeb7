"""Datasets: list, upload, one dataset with its preview, delete."""

from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from shared.datasets import delete_dataset as remove
from shared.datasets import import_dataset
from shared.datasets.examples import import_example, list_examples
from shared.errors import ClientError, Conflict, NotFound, Problem
from shared.jobs.job import Job
from shared.recipes import RECIPES
from web import access
from web.api.datasets import refuse_if_needed
from web.identity import current_owner
from web.pages.formatting import count, plural, size
from web.pages.pictures import previews
from web.pages.reach import pages, settings, store, volume

_FORMAT_NAMES = {"text": "text", "image_folder": "pictures in class folders", "idx": "MNIST IDX files"}
_FILES_SHOWN = 20
_JOBS_LOOKED_AT = 200  # newest jobs among which those of a dataset are looked for
_REFRESH_S = 10


def format_name(name: str) -> str:
    return _FORMAT_NAMES.get(name, name.replace("_", " "))


def dataset_size(dataset: Any) -> str:
    """How much a dataset holds, in its own measure: characters, pictures or bytes."""
    stats = dataset.stats or {}
    if stats.get("characters"):
        return plural(stats["characters"], "character")
    if stats.get("images"):
        classes = len(stats.get("classes") or {})
        return plural(stats["images"], "picture") + (f", {plural(classes, 'class', 'classes')}" if classes else "")
    return size(dataset.bytes)


FILTERS = {"format_name": format_name, "dataset_size": dataset_size}


_UPLOADS = {
    "text": "Text: .txt or .jsonl with a “text” field, in any language.",
    "image_folder": "Pictures: a .zip with one folder per class, or the MNIST IDX files.",
}


def upload_help(formats: tuple[str, ...] = ("text", "image_folder")) -> str:
    """What can be uploaded as one of the formats, and how much."""
    said = [about for name, about in _UPLOADS.items() if name in formats]
    return " ".join([*said, f"At most {size(settings().max_upload_bytes)}."])


def examples() -> list[dict[str, str]]:
    """Datasets that need no upload, as {name, title}."""
    return [{"name": name, "title": about} for name, about in list_examples().items()]


@pages.get("/datasets")
def datasets(problems: list[Problem] | None = None) -> str:
    """Show all datasets, newest first, and the upload."""
    found = sorted(access.datasets(), key=lambda d: d.created_at, reverse=True)
    return render_template(
        "datasets.html",
        active="datasets",
        datasets=found,
        problems=problems or [],
        examples=examples(),
        upload_help=upload_help(),
        notice={"deleted": "The dataset is deleted."}.get(request.args.get("done", "")),
        refresh_s=_REFRESH_S,
    )


@pages.post("/datasets")
def upload_dataset() -> Response | tuple[str, int]:
    """Take an upload from a browser without scripts."""
    uploads = [(f.filename or "", f.stream) for f in request.files.getlist("files") if f.filename]
    if not uploads:
        return datasets([Problem(field="", message="choose at least one file")]), 422
    try:
        dataset = import_files(uploads, request.form.get("name", ""))
    except ClientError as err:
        return datasets(err.problems or [Problem(field="", message=err.message)]), err.status
    return redirect(url_for("pages.dataset", dataset_id=dataset.id))


def import_files(uploads: list[tuple[str, Any]], name: str = "") -> Any:
    """Import uploaded files as one dataset. Raises DatasetInvalid, TooLarge."""
    return import_dataset(volume(), settings(), uploads, name=name.strip()[:200], owner=current_owner())


@pages.post("/datasets/examples/<name>")
def add_example(name: str) -> Response:
    """Import an example and show it."""
    found = import_example(volume(), name, owner=current_owner(), limits=settings())
    return redirect(url_for("pages.dataset", dataset_id=found.id))


@pages.post("/jobs/examples/<name>")
def start_example(name: str) -> Response:
    """Import an example and open the form of the training it is meant for."""
    found = import_example(volume(), name, owner=current_owner(), limits=settings())
    recipe = next(spec.name for spec in RECIPES.values() if found.format in spec.formats)
    return redirect(url_for("pages.new_job", kind="train", recipe=recipe, dataset=found.id))


@pages.get("/datasets/<dataset_id>")
def dataset(dataset_id: str, problems: list[Problem] | None = None) -> str:
    """Show one dataset: facts, preview, classes, files, and the jobs that used it."""
    found = access.dataset(dataset_id)
    stats = dict(found.stats or {})
    classes = sorted((stats.get("classes") or {}).items(), key=lambda item: (-item[1], item[0]))
    pictures = previews(found)
    lines = [str(line) for line in found.preview if not isinstance(line, dict)]
    return render_template(
        "dataset.html",
        active="datasets",
        d=found,
        problems=problems or [],
        stats=list(_facts(stats)),
        classes=classes,
        largest=max((n for _, n in classes), default=1),
        pictures=pictures,
        text_preview="\n".join(lines),
        preview_note="a few of each class" if pictures and found.format != "idx" else "the beginning",
        files=found.files[:_FILES_SHOWN],
        jobs=_jobs_with(dataset_id),
    )


def _facts(stats: dict[str, Any]) -> Any:
    """Stats as (name, text) pairs; classes have their own place on the page."""
    for name, value in stats.items():
        if name == "classes" or value in (None, "", [], {}):
            continue
        label = name.replace("_", " ").capitalize()
        if isinstance(value, dict):
            yield label, ", ".join(f"{k} {count(v) if isinstance(v, int) else v}" for k, v in value.items())
        elif isinstance(value, list | tuple):
            yield label, " to ".join(str(v) for v in value)
        else:
            yield label, count(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _jobs_with(dataset_id: str) -> list[Job]:
    recent = access.list_jobs(kind="train", limit=_JOBS_LOOKED_AT).jobs
    return [job for job in recent if job.dataset_id == dataset_id][:10]


@pages.post("/datasets/<dataset_id>/delete")
def delete_dataset(dataset_id: str) -> Response | tuple[str, int]:
    """Delete a dataset unless a job that has not ended needs it."""
    access.dataset(dataset_id)
    try:
        refuse_if_needed(store(), dataset_id)
    except Conflict as err:
        return dataset(dataset_id, [Problem(field="", message=err.message)]), err.status
    remove(volume(), dataset_id)
    return redirect(url_for("pages.datasets", done="deleted"))


def usable_datasets(formats: tuple[str, ...]) -> list[Any]:
    """Datasets of the given formats, newest first."""
    found = [d for d in access.datasets() if d.format in formats]
    return sorted(found, key=lambda d: d.created_at, reverse=True)


def name_of(dataset_id: str | None) -> Any:
    """The dataset a job used, or None when it has been deleted."""
    try:
        return access.dataset(dataset_id) if dataset_id else None
    except NotFound:
        return None
