"""What can happen to a job. One small model each, appended to the job's stream by the scripts in shared/jobs/lua/.

An event is stored as {"type", "at" (ms), "attempt", "data" (JSON)} and read back by parse_event.
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
    "sample": "step, text | artifact (path below the attempt's folder), title",
    "output": "index (row), text: a further piece of generated text, in order",
    "note": "level (info | warning), message; resumed_from_step when a training goes on from a checkpoint",
    "pause_requested": "",
    "cancel_requested": "",
    "request_withdrawn": "",
    "requeued": "cause, message",
    "readopted": "worker (its silent worker came back before anyone else had claimed the job)",
    "paused": "",
    "resumed": "",
    "succeeded": "result",
    "failed": "code, message, cause",
    "cancelled": "",
}
WORKER_EVENTS = frozenset({"progress", "checkpoint", "sample", "output", "note"})
