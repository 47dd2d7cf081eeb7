"""Datasets: list, upload, one dataset with its preview, delete."""

from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from shared.datasets import get_dataset, import_dataset, list_datasets
from shared.errors import ClientError, Conflict, NotFound, Problem
from shared.job import Job
from web.pages.examples import EXAMPLES, Example
from web.pages.formatting import count, plural, size
from web.pages.reach import OWNER, pages, settings, store, volume

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


def upload_help() -> str:
    limit = size(settings().max_upload_bytes)
    return (
        "Text: .txt or .jsonl with a “text” field, in any language. Pictures: a .zip with one folder per class, "
        f"or the MNIST IDX files. At most {limit}."
    )


@pages.get("/datasets")
def datasets(problems: list[Problem] | None = None) -> str:
    """Show all datasets, newest first, and the upload."""
    found = sorted(list_datasets(volume()), key=lambda d: d.created_at, reverse=True)
    return render_template(
        "datasets.html",
        active="datasets",
        datasets=found,
        problems=problems or [],
        examples=EXAMPLES.values(),
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
    name = name.strip() or uploads[0][0].rsplit("/", 1)[-1]
    return import_dataset(volume(), settings(), uploads, name=name[:200], owner=OWNER)


def import_example(example: Example) -> Any:
    return import_files([(n, stream) for n, stream in example.files()], example.title)


@pages.post("/datasets/examples/<name>")
def add_example(name: str) -> Response:
    """Import an example and show it."""
    return redirect(url_for("pages.dataset", dataset_id=import_example(_example(name)).id))


@pages.post("/jobs/examples/<name>")
def start_example(name: str) -> Response:
    """Import an example and open the form of the training it is meant for."""
    example = _example(name)
    dataset = import_example(example)
    return redirect(url_for("pages.new_job", kind="train", recipe=example.recipe, dataset=dataset.id))


def _example(name: str) -> Example:
    if name not in EXAMPLES:
        raise NotFound(f"no example {name!r:.60}; there are {', '.join(EXAMPLES)}")
    return EXAMPLES[name]


@pages.get("/datasets/<dataset_id>")
def dataset(dataset_id: str, problems: list[Problem] | None = None) -> str:
    """Show one dataset: facts, preview, classes, files, and the jobs that used it."""
    found = get_dataset(volume(), dataset_id)
    stats = dict(found.stats or {})
    classes = sorted((stats.get("classes") or {}).items(), key=lambda item: (-item[1], item[0]))
    preview = list(found.preview or [])
    pictures = [p for p in preview if isinstance(p, dict)]
    return render_template(
        "dataset.html",
        active="datasets",
        d=found,
        problems=problems or [],
        stats=list(_facts(stats)),
        classes=classes,
        largest=max((n for _, n in classes), default=1),
        pictures=pictures,
        text_preview="" if pictures else "\n".join(str(p) for p in preview),
        preview_note="" if pictures else "the beginning",
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
    recent = store().list_jobs(kind="train", limit=_JOBS_LOOKED_AT).jobs
    return [job for job in recent if job.dataset_id == dataset_id][:10]


@pages.post("/datasets/<dataset_id>/delete")
def delete_dataset(dataset_id: str) -> Response | tuple[str, int]:
    """Delete a dataset unless a job that has not ended needs it."""
    from shared.datasets import delete_dataset as delete

    get_dataset(volume(), dataset_id)
    waiting = [job for job in _jobs_with(dataset_id) if not job.state.terminal]
    if waiting:
        message = f"{plural(len(waiting), 'job')} that {'has' if len(waiting) == 1 else 'have'} not ended "
        err = Conflict(message + "need it; cancel them or wait until they have ended")
        return dataset(dataset_id, [Problem(field="", message=err.message)]), err.status
    delete(volume(), dataset_id)
    return redirect(url_for("pages.datasets", done="deleted"))


def usable_datasets(formats: tuple[str, ...]) -> list[Any]:
    """Datasets of the given formats, newest first."""
    found = [d for d in list_datasets(volume()) if d.format in formats]
    return sorted(found, key=lambda d: d.created_at, reverse=True)


def name_of(dataset_id: str | None) -> Any:
    """The dataset a job used, or None when it has been deleted."""
    try:
        return get_dataset(volume(), dataset_id) if dataset_id else None
    except NotFound:
        return None
