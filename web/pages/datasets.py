"""Datasets: list, upload, one dataset with its report and preview, delete."""

import contextlib
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from shared.datasets.examples import example_params, import_example, list_examples
from shared.datasets.looking import get_preview
from shared.datasets.manifest import DatasetManifest
from shared.errors import ClientError, Conflict, DatasetInvalid, NotFound, Problem
from shared.jobs.job import Job
from shared.outputs import Output
from web import access
from web.deletion import NO_MORE, why_not_dataset
from web.deletion import delete_dataset as remove
from web.identity import current_owner
from web.job_inputs import title_of
from web.pages.outputs.places import of_dataset
from web.pages.reach import pages, services, settings, volume
from web.pages.report_view import holds, report_view
from web.pages.uploading import Refusal, examples, most_bytes, offered_formats, refusal_of, take_upload

_FILES_SHOWN = 20
_JOBS_LOOKED_AT = 200  # newest jobs among which those of a dataset are looked for
_REFRESH_S = 10

FILTERS = {"format_title": title_of, "holds": holds}


@pages.get("/datasets")
def datasets(refusal: Refusal | None = None) -> str:
    """Show all datasets, newest first, and the upload."""
    return render_template(
        "datasets.html",
        active="datasets",
        datasets=sorted(access.datasets(), key=lambda d: d.created_at, reverse=True),
        refusal=refusal,
        examples=examples(),
        formats=offered_formats(refusal=refusal),
        most_bytes=most_bytes(),
        notice={"deleted": "The dataset is deleted."}.get(request.args.get("done", "")),
        refresh_s=_REFRESH_S,
    )


@pages.post("/datasets")
def upload_dataset() -> Response | tuple[str, int]:
    """Take an upload from a browser without scripts."""
    try:
        dataset = take_upload("files", request.form.get("name", ""), request.form.get("format", ""))
    except ClientError as err:
        refusal = refusal_of(err)
        return datasets(refusal), refusal.status
    return redirect(url_for("pages.dataset", dataset_id=dataset.id, done=None if dataset.new else "known"))


@pages.post("/datasets/examples/<name>")
def add_example(name: str) -> Response:
    """Import an example and show it."""
    found = import_example(volume(), name, owner=current_owner(), limits=settings())
    return redirect(url_for("pages.dataset", dataset_id=found.id))


@pages.post("/jobs/examples/<name>")
def start_example(name: str) -> Response:
    """Import an example and open a form with it: the one asked for, else that of the training it is meant for."""
    found = import_example(volume(), name, owner=current_owner(), limits=settings())
    form = request.form
    meant_for = next(example["recipe"] for example in list_examples() if example["name"] == name)
    asked: dict[str, Any] = {f"inputs.{form['role']}" if form.get("role") else "dataset": found.id}
    if form.get("model"):
        asked |= {"inputs.model": form["model"], "use": form.get("use", "")}
    else:
        recipe = form.get("recipe") or meant_for
        asked |= {"kind": "train", "recipe": recipe}
        if recipe == meant_for:
            asked |= {f"params.{param}": value for param, value in example_params(name).items()}
    return redirect(url_for("pages.new_job", **asked))


@pages.get("/datasets/<dataset_id>")
def dataset(dataset_id: str) -> str:
    """Show one dataset: report, preview, files, and the jobs that used it. ?refused: it was not deleted; why."""
    found = access.dataset(dataset_id)
    refused = bool(request.args.get("refused"))
    problems = [Problem(field="", message=why_not_dataset(services(), dataset_id) or NO_MORE)] if refused else []
    with contextlib.suppress(DatasetInvalid):  # said below, where the preview would stand
        found = access.dataset_with_report(dataset_id)
    preview, damaged = _preview(found)
    return render_template(
        "dataset.html",
        active="datasets",
        d=found,
        problems=problems,
        report=report_view(found),
        preview=preview,
        damaged=damaged,
        place=of_dataset(dataset_id),
        files=found.files[:_FILES_SHOWN],
        jobs=_jobs_with(dataset_id),
        notice={"known": "The same content had been uploaded before: this is it, under the name it got then."}.get(
            request.args.get("done", "")
        ),
    )


def _preview(found: DatasetManifest) -> tuple[list[Output], str]:
    """What there is to see, or why there is nothing."""
    try:
        return get_preview(volume(), found), ""
    except (DatasetInvalid, NotFound) as err:
        return [], err.message


def _jobs_with(dataset_id: str) -> list[Job]:
    recent = access.list_jobs(limit=_JOBS_LOOKED_AT).jobs
    return [job for job in recent if dataset_id in job.dataset_ids][:10]


@pages.post("/datasets/<dataset_id>/delete")
def delete_dataset(dataset_id: str) -> Response:
    """Delete a dataset unless a job that has not ended needs it."""
    try:
        remove(services(), dataset_id)
    except Conflict:
        return redirect(url_for("pages.dataset", dataset_id=dataset_id, refused="delete"))  # which says why
    return redirect(url_for("pages.datasets", done="deleted"))


def name_of(dataset_id: str | None) -> DatasetManifest | None:
    """The dataset a job used, or None when it has been deleted."""
    try:
        return access.dataset(dataset_id) if dataset_id else None
    except NotFound:
        return None
