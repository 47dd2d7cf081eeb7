"""What can happen to a job. One small model each, appended to the job's stream by the scripts in shared/jobs/lua/.

An event is stored as {"type", "at" (ms), "attempt", "data" (JSON)} and read back by shared/jobs/record.py. Checkpoints, samples
and outputs are told in a stream of their own (Keys.feed), which goes shortly after the job's end: they lie on the volume.
"""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field


class Event(BaseModel):
    """A fact about a job. id is the stream id: it rises, and serves as Last-Event-ID."""

    id: str
    type: str
    at: datetime
    attempt: int = 0
    data: dict[str, Any] = Field(default_factory=dict)


# type -> what data holds. Types a worker may append through beat() are in WORKER_EVENTS.
EVENT_TYPES: dict[str, str] = {
    "submitted": "kind, recipe, owner",
    "claimed": "worker, device",
    "progress": "the Progress model",
    "checkpoint": "step, metrics, bytes",
    "sample": "step, title, text: at most 200 characters of it; all of it lies in the attempt's samples/<step>",
    "output": "index (row), text: a further piece of generated text, in order",
    "note": "level (info | warning), message; resumed_from_step when a training goes on from a checkpoint",
    "pause_requested": "",
    "cancel_requested": "",
    "request_withdrawn": "",
    "requeued": "cause, message",
    "readopted": "worker (its silent worker came back before anyone else had claimed the job)",
    "paused": "",
    "resumed": "",
    "succeeded": "headline: a line on what was made",
    "failed": "code, message, step",
    "cancelled": "",
}
WORKER_EVENTS = frozenset({"progress", "checkpoint", "sample", "output", "note"})
