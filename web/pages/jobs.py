"""The job list."""

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import render_template, request

from shared.clock.estimate import Estimate
from shared.jobs.job import Job, State
from shared.jobs.models import VerdictInfo
from shared.jobs.queues import standings
from shared.recipes import RECIPES
from web import access
from web.pages.job_view import took_s
from web.pages.judging import best_said, verdict_of
from web.pages.reach import pages, store
from web.pages.uploading import examples

PER_PAGE = 50
_ACTIVE_S, _QUIET_S = 3, 15  # seconds between two looks at the list


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    job: Job
    why: str
    eta: Estimate | None
    took_s: float | None
    summary: str
    verdict: VerdictInfo | None


@pages.get("/")
@pages.get("/jobs")
def jobs() -> str:
    """Show the newest jobs, by state and kind if asked."""
    state = request.args.get("state", "")
    kind = request.args.get("kind", "")
    state = state if state in {str(s) for s in State} else ""
    kind = kind if kind in ("train", "generate") else ""
    cursor = request.args.get("cursor") or None
    page = access.list_jobs(state=state or None, kind=kind or None, limit=PER_PAGE, cursor=cursor)
    counts = access.counts()
    busy = any(counts.get(name) for name in ("queued", "running"))
    return render_template(
        "jobs.html",
        active="jobs",
        rows=_rows(page.jobs),
        state=state,
        kind=kind,
        cursor=cursor,
        next_cursor=page.next_cursor,
        counts=counts,
        examples=examples(),
        notice={"deleted": "The job is deleted, its files with it."}.get(request.args.get("done", "")),
        refresh_s=_ACTIVE_S if busy else _QUIET_S,
    )


def _rows(found: list[Job]) -> list[Row]:
    now = datetime.now(UTC)
    return [
        Row(
            job,
            place.why if job.state == State.queued else "",
            place.eta,
            took_s(job, now),
            _summary(job),
            verdict_of(job),
        )
        for job, place in zip(found, standings(store(), found), strict=True)
    ]


def _summary(job: Job) -> str:
    """What came of a job: how good the model is, or a line on what was made."""
    if job.state != State.succeeded:
        return ""
    result = job.result or {}
    said = best_said(RECIPES.get(job.recipe), result.get("metrics") or {}) if job.kind == "train" else ""
    return said or str(result.get("headline") or "")
