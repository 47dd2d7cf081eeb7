"""The page of one job, its log as text, and its buttons."""

import contextlib
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from flask import Response, redirect, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from shared.errors import Conflict, NotFound
from shared.jobs.events import Event
from shared.jobs.job import Job
from shared.jobs.models import Model
from shared.jobs.queues import placed
from shared.jobs.record import source_key
from shared.recipes import RECIPES
from shared.volume import readback
from web import access
from web.deletion import delete_job as remove
from web.forms import params_json, to_text
from web.job_request import RetryBody
from web.pages.datasets import name_of
from web.pages.job_view import actions, advice, timeline, took_s
from web.pages.reach import API, pages, services, store, volume
from web.pages.result_view import confusion, key_metrics, legend, predictions, written
from web.submission import retry_request, submit

_ACTIVE_S = 2  # seconds between two looks without JavaScript's event stream
_LOG_BYTES = 20_000
_SAMPLES = 30
_EVENTS = 100_000  # more than are ever kept of one job
_ROWS = 800


@pages.get("/jobs/<job_id>")
def job(job_id: str) -> str:
    """Show everything about a job."""
    events = store().events(job_id, limit=_EVENTS)  # before the record: what it says is then never older than they are
    found, place = placed(store(), access.job(job_id))
    checkpoints = _checkpoints(found)
    artifacts = _artifacts(found)
    spec = RECIPES.get(found.recipe)
    result = found.result or {}
    log, offset = _log_tail(found)
    series = _series(found)
    labels = bool(spec and spec.generates == "labels")
    dataset = name_of(found.dataset_id)
    return render_template(
        "job.html",
        active="jobs",
        job=found,
        after=events[-1].id if events else "0",
        verbs=actions(found),
        standing=place,
        steps=timeline(found),
        took_s=took_s(found, datetime.now(UTC)),
        advice=advice(found, len(checkpoints), len(artifacts), bool(series["rows"])),
        metrics=key_metrics(result.get("metrics") or {}),
        notes=_notes(events),
        series=series,
        samples=_samples(found, events),
        legend=legend(list((dataset.stats.get("classes") or {}) if dataset and labels else ())),
        checkpoints=checkpoints,
        artifacts=artifacts,
        confusion=_confusion(found, artifacts),
        prompt=str(found.params.get("prompt") or ""),
        written=written(found, events),
        predictions=predictions(found),
        result_json=params_json(result) if result else "",
        streams=bool(spec and spec.streams),
        labels=labels,
        params=[(name, _shown(value)) for name, value in found.params.items()],
        dataset=dataset,
        model=_model(found),
        log=log,
        log_offset=offset,
        refresh_s=0 if found.state.terminal else _ACTIVE_S,
    )


@pages.get("/jobs/<job_id>/log.txt")
def job_log(job_id: str) -> BaseResponse:
    """Send the newest attempt's log, its last MiB, as plain text."""
    found = access.job(job_id)
    if not found.attempt:
        raise NotFound(f"job {job_id} has not been tried yet: there is no log")
    part = readback.log(volume(), job_id, found.attempt, tail_bytes=1 << 20)
    return Response(part.text, mimetype="text/plain")


@pages.post("/jobs/<job_id>/<any(cancel, pause, resume, retry):verb>")
def control_job(job_id: str, verb: str) -> BaseResponse:
    """Carry out a button. A change of state that came in between is shown, not an error."""
    if verb == "retry":
        again, _ = submit(services(), retry_request(services(), access.job(job_id), RetryBody()))
        return redirect(url_for("pages.job", job_id=again.id))
    try:
        found = getattr(store(), verb)(job_id)
        if verb == "resume":
            services().wake(found.queue)
    except Conflict:
        access.job(job_id)  # still there: its page says how it stands
    return redirect(url_for("pages.job", job_id=job_id))


@pages.post("/jobs/<job_id>/delete")
def delete_job(job_id: str) -> BaseResponse:
    """Delete an ended job with its files; one that is gone already is no error."""
    with contextlib.suppress(NotFound):
        remove(services(), job_id)
    return redirect(url_for("pages.jobs", done="deleted"))


def _shown(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return f"{len(value)} uploaded"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(to_text(value))
    return repr(text)[1:-1] if not text.strip() and text else text


def _model(found: Job) -> Model | None:
    if found.source is None:
        return None
    named = [m for m in access.models() if m.checkpoint == found.source]
    return next((m for m in named if m.id == found.model_id), named[0] if named else None)


def _notes(events: list[Event]) -> list[dict[str, str]]:
    """What the attempts had to say, each sentence once."""
    said = {e.data.get("message", ""): e.data.get("level", "info") for e in events if e.type == "note"}
    return [{"message": message, "level": level} for message, level in said.items() if message]


def _series(found: Job) -> dict[str, Any]:
    if found.kind != "train":
        return {"rows": [], "summary": []}
    rows = readback.series(volume(), found.id, max_points=_ROWS)
    skipped = {"step", "epoch", "at", "attempt", "resumed_from_step"}
    names = dict.fromkeys(n for row in rows for n, v in row.items() if n not in skipped and isinstance(v, int | float))
    summary = []
    for name in names:
        points = [(row["step"], row[name]) for row in rows if isinstance(row.get(name), int | float)]
        best = None
        if name.endswith("loss"):
            best = min(points, key=lambda p: p[1])
        elif "accuracy" in name:
            best = max(points, key=lambda p: p[1])
        summary.append(
            {
                "name": name,
                "first": points[0][1],
                "last": points[-1][1],
                "best": best[1] if best else None,
                "best_step": best[0] if best else None,
            }
        )
    return {"rows": rows, "summary": summary}


def _samples(found: Job, events: list[Event]) -> list[dict[str, Any]]:
    titles = {e.data.get("artifact"): e.data.get("title", "") for e in events if e.type == "sample"}
    newest = readback.samples(volume(), found.id)[::-1][:_SAMPLES]
    return [
        {
            "name": f"{s.attempt}-{s.file.replace('.', '-')}",
            "step": s.step,
            "title": titles.get(f"samples/{s.file}", ""),
            "text": s.text,
            "url": f"{API}/jobs/{found.id}/samples/{s.attempt}/{s.file}",
        }
        for s in newest
    ]


def _checkpoints(found: Job) -> list[dict[str, Any]]:
    """Newest first, with the best by validation loss marked."""
    infos = volume().checkpoints(found.id)[::-1]
    scored = [info for info in infos if "val_loss" in info.metrics]
    best = min(scored, key=lambda info: info.metrics["val_loss"]) if len(scored) > 1 else None
    return [
        {
            "key": source_key(info.ref),
            "attempt": info.ref.attempt,
            "step": info.ref.step,
            "metrics": {n: v for n, v in info.metrics.items() if n != "learning_rate"},
            "bytes": info.bytes,
            "created_at": info.created_at,
            "best": info is best,
            "newest": info is infos[0],
        }
        for info in infos
    ]


def _artifacts(found: Job) -> list[dict[str, Any]]:
    return [
        {
            "name": a.name,
            "bytes": a.size,
            "url": url_for("api_results.job_artifact", job_id=found.id, name=a.name),
            "picture": PurePosixPath(a.name).suffix == ".png" and a.name != "confusion_matrix.png",  # shown as a table
        }
        for a in readback.artifacts(volume(), found.id)
    ]


def _confusion(found: Job, artifacts: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not any(a["name"] == "confusion_matrix.csv" for a in artifacts):
        return None
    try:
        return confusion(readback.artifact_path(volume(), found.id, "confusion_matrix.csv"))
    except (NotFound, ValueError):
        return None


def _log_tail(found: Job) -> tuple[str, int]:
    if not found.attempt:
        return "", 0
    try:
        part = readback.log(volume(), found.id, found.attempt, tail_bytes=_LOG_BYTES)
    except NotFound:
        return "", 0
    return part.text, part.next_offset
