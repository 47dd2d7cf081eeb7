"""Workers and queues: who serves what, on which device, and why something waits."""

from dataclasses import dataclass, field
from typing import Any

from flask import render_template

from shared.jobs.job import Job
from shared.jobs.presence import WorkerInfo
from shared.jobs.queues import QueueInfo, queues
from web import access
from web.pages.formatting import duration, plural
from web.pages.reach import pages, recipe_title, store

_REFRESH_S = 3


@dataclass
class QueueRow:
    """A queue with what it means in words. free: workers of it that run nothing."""

    name: str
    ready: int
    delayed: int
    running: int
    oldest_wait_s: float | None
    workers: list[str]
    free: int = 0
    explanation: str = ""


@dataclass
class WorkerRow:
    """A worker with its jobs looked up and its warm models named."""

    info: WorkerInfo
    running: list[Job] = field(default_factory=list)
    warm_names: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.info, name)


@pages.get("/workers")
def workers() -> str:
    """Show queues and workers."""
    live, shown = store().presence.workers(), access.workers()
    jobs = {job.id: job for job in access.jobs(sorted({i for w in shown for i in w.jobs}))}
    names = _warm_names(shown)
    rows = [WorkerRow(w, [jobs[i] for i in w.jobs if i in jobs], [names[key] for key in w.warm]) for w in shown]
    return render_template(
        "workers.html",
        active="workers",
        workers=rows,
        queues=[_queue_row(q, live) for q in queues(store(), live)],
        refresh_s=_REFRESH_S,
    )


def _queue_row(queue: QueueInfo, live: list[WorkerInfo]) -> QueueRow:
    serving = [w for w in live if queue.name in w.queues and w.state != "draining"]
    row = QueueRow(**queue.model_dump(), free=sum(1 for w in serving if not w.jobs))
    if not queue.workers:
        waits = f"{plural(queue.ready, 'job')} wait{'s' if queue.ready == 1 else ''} for one. " if queue.ready else ""
        row.explanation = f"No worker serves this queue. {waits}Start one with TRAINYARD_QUEUES holding {queue.name}."
    elif not serving:
        row.explanation = "All its workers are shutting down; what waits stays in the queue."
    elif queue.ready and row.free:
        row.explanation = f"{plural(row.free, 'worker')} free: what waits starts at once."
    elif queue.ready:
        wait = f" The oldest has waited {duration(queue.oldest_wait_s)}." if queue.oldest_wait_s else ""
        busy = "Its only worker is busy" if len(serving) == 1 else f"All {len(serving)} workers are busy"
        row.explanation = f"{busy}; the jobs start one after another.{wait}"
    elif queue.delayed:
        row.explanation = f"{plural(queue.delayed, 'job')} held back for a moment after a fault."
    else:
        row.explanation = "Nothing waits; the next job starts at once." if row.free else "Nothing waits."
    return row


def _warm_names(live: list[WorkerInfo]) -> dict[str, str]:
    """A name for each checkpoint held warm: its model's, else its training's with the step."""
    keys = {key for w in live for key in w.warm}
    if not keys:
        return {}
    saved = {f"{m.checkpoint.job_id}/{m.checkpoint.attempt}/{m.checkpoint.step}": m.name for m in access.models()}
    trainings = {job.id: job for job in access.jobs(sorted({key.split("/")[0] for key in keys}))}
    names = {}
    for key in keys:
        job_id, _attempt, step = key.split("/")
        job = trainings.get(job_id)
        title = (job.name or recipe_title(job.recipe)) if job else job_id
        names[key] = saved.get(key) or f"{title}, step {step}"
    return names
