"""The page of one job, its log as text, and its buttons."""

from datetime import UTC, datetime
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from shared.errors import Conflict, NotFound
from shared.jobs.events import Event
from shared.jobs.job import Job
from shared.jobs.queues import placed
from shared.jobs.record import source_key
from shared.outputs import OUTPUTS
from shared.recipes import RECIPES
from shared.recipes.base import RecipeSpec
from shared.volume import readback
from web import access
from web.deletion import NO_MORE, why_not_job
from web.deletion import delete_job as remove
from web.job_body import RetryBody
from web.pages.job_inputs import inputs_given, params_given
from web.pages.job_output import made, samples
from web.pages.job_view import actions, advice, timeline, took_s
from web.pages.judging import best_checkpoint, key_metrics, verdict_of
from web.pages.reach import pages, services, store, volume
from web.pages.row_form import what_if
from web.representation import whole
from web.submission import retry_request, submit

_ACTIVE_S = 2  # seconds between two looks without JavaScript's event stream
_LOG_BYTES = 20_000
_EVENTS = 100_000  # more than are ever kept of one job
_ROWS = 800
_NO_CURVE = frozenset({"step", "epoch", "at", "attempt", "resumed_from_step"})


@pages.get("/jobs/<job_id>")
def job(job_id: str) -> str:
    """Show everything about a job."""
    events = store().events(job_id, limit=_EVENTS)  # before the record: what it says is then never older than they are
    found, place = placed(store(), access.job(job_id))
    found = whole(services(), found)  # where it has just been read again
    spec = RECIPES.get(found.recipe)
    checkpoints = _checkpoints(found, spec)
    artifacts = _artifacts(found)
    log, offset = _log_tail(found)
    series = _series(found, spec)
    return render_template(
        "job.html",
        active="jobs",
        job=found,
        spec=spec,
        after=events[-1].id if events else "0",
        verbs=actions(found),
        standing=place,
        steps=timeline(found),
        refused=(why_not_job(services(), job_id) or NO_MORE) if request.args.get("refused") else "",
        took_s=took_s(found, datetime.now(UTC)),
        advice=advice(found, len(checkpoints), len(artifacts), bool(series["rows"])),
        metrics=key_metrics(spec, (found.result or {}).get("metrics") or {}),
        watched=_watched(found, spec),
        verdict=verdict_of(found),
        notes=_notes(events),
        series=series,
        samples=samples(found) if found.kind == "train" else [],
        checkpoints=checkpoints,
        artifacts=artifacts,
        made=made(found, events),
        again=what_if(found),
        given=inputs_given(found),
        params=params_given(found),
        log=log,
        log_offset=offset,
        refresh_s=0 if found.state.terminal else _ACTIVE_S,
    )


@pages.get("/jobs/<job_id>/output")
def job_output(job_id: str) -> str:
    """Send what the job has made so far, rendered, without a page around it: for scripts."""
    events = store().events(job_id, limit=_EVENTS)
    found = access.job(job_id)
    return render_template("job_output.html", job=found, made=made(found, events))


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
    try:
        remove(services(), job_id)
    except Conflict:
        return redirect(url_for("pages.job", job_id=job_id, refused="delete"))  # which says why
    except NotFound:
        pass
    return redirect(url_for("pages.jobs", done="deleted"))


def _watched(found: Job, spec: RecipeSpec | None) -> list[tuple[str, float]]:
    """The figures that stand beside the progress: the loss, and what the recipe judges by."""
    metrics = found.progress.metrics if found.progress else {}
    names: list[str] = ["loss"]
    if spec and spec.criterion.metric != "loss":
        names.append(spec.criterion.metric)
    return [(name, metrics[name]) for name in names if name in metrics]


def _notes(events: list[Event]) -> list[dict[str, str]]:
    """What the attempts had to say, each sentence once."""
    said = {e.data.get("message", ""): e.data.get("level", "info") for e in events if e.type == "note"}
    return [{"message": message, "level": level} for message, level in said.items() if message]


def _series(found: Job, spec: RecipeSpec | None) -> dict[str, Any]:
    """Rows of the curves, and of each series its first value, the newest, and the one at the best evaluation."""
    if found.kind != "train":
        return {"rows": [], "summary": [], "first": ""}
    rows = readback.series(volume(), found.id, max_points=_ROWS)
    names = dict.fromkeys(
        n for row in rows for n, v in row.items() if n not in _NO_CURVE and isinstance(v, int | float)
    )
    best_step = _best_step(rows, spec)
    summary = []
    for name in names:
        points = [(row["step"], row[name]) for row in rows if isinstance(row.get(name), int | float)]
        until = [value for step, value in points if best_step is not None and step <= best_step]
        summary.append(
            {"name": name, "first": points[0][1], "last": points[-1][1], "at_best": until[-1] if until else None}
        )
    criterion = spec.criterion.metric if spec else ""
    return {
        "rows": rows,
        "summary": summary,
        "best_step": best_step,
        "criterion": criterion,
        "first": ",".join(filter(None, ("loss", criterion))),
    }


def _best_step(rows: list[dict[str, Any]], spec: RecipeSpec | None) -> int | None:
    """The step of the best evaluation so far by the recipe's criterion."""
    if spec is None:
        return None
    step, best = None, None
    for row in rows:
        value = row.get(spec.criterion.metric)
        if isinstance(value, int | float) and spec.criterion.better(value, best):
            step, best = row["step"], value
    return step


def _checkpoints(found: Job, spec: RecipeSpec | None) -> list[dict[str, Any]]:
    """Newest first, the best by its own metrics marked."""
    infos = volume().checkpoints(found.id)[::-1]
    best = best_checkpoint(spec, infos)
    return [
        {
            "key": source_key(info.ref),
            "attempt": info.ref.attempt,
            "step": info.ref.step,
            "metrics": key_metrics(spec, info.metrics),
            "bytes": info.bytes,
            "created_at": info.created_at,
            "best": info is best,
            "newest": info is infos[0],
        }
        for info in infos
    ]


def _artifacts(found: Job) -> list[dict[str, Any]]:
    """Files the job has left, without the list of outputs, which the page shows."""
    return [
        {"name": a.name, "bytes": a.size, "url": url_for("api_results.job_artifact", job_id=found.id, name=a.name)}
        for a in readback.artifacts(volume(), found.id)
        if a.name != OUTPUTS
    ]


def _log_tail(found: Job) -> tuple[str, int]:
    if not found.attempt:
        return "", 0
    try:
        part = readback.log(volume(), found.id, found.attempt, tail_bytes=_LOG_BYTES)
    except NotFound:
        return "", 0
    return part.text, part.next_offset
