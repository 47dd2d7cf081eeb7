"""/jobs/<id>/events: what happened to a job, as a page of JSON or as a live stream (server-sent events)."""

from collections.abc import Iterator

from flask import Response, jsonify, request
from pydantic import BaseModel, ConfigDict, Field

from shared.events import Event
from web.api.common import JobPath, Reply, resource
from web.api.shapes import EventPage
from web.services import Services, services

blueprint = resource("events", "What happened to a job, live.")

EVENT_ID = r"^\d{1,20}(-\d{1,20})?$"
_HEARTBEAT_S = 15.0
_ENDINGS = {"succeeded", "failed", "cancelled"}


class EventQuery(BaseModel):
    """Where to begin."""

    model_config = ConfigDict(extra="forbid")

    after: str = Field(default="0", pattern=EVENT_ID, description="Id of the last event already seen.")
    limit: int = Field(default=200, ge=1, le=1000)


@blueprint.get(
    "/jobs/<job_id>/events",
    summary="Events, as a page or as a stream",
    description="Accept: text/event-stream streams until the job has ended; Last-Event-ID goes on where a reader stopped.",
    responses={"200": EventPage},
)
def job_events(path: JobPath, query: EventQuery) -> Reply:
    here = services()
    here.store.get(path.job_id)
    if request.accept_mimetypes.best_match(["application/json", "text/event-stream"]) == "text/event-stream":
        after = request.headers.get("Last-Event-ID", query.after)
        stream = _stream(here, path.job_id, EventQuery(after=after).after)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Response(stream, mimetype="text/event-stream", headers=headers)
    found = here.store.events(path.job_id, after=query.after, limit=query.limit)
    body = {"events": [e.model_dump(mode="json") for e in found], "next_after": found[-1].id if found else query.after}
    return jsonify(body)


def _stream(here: Services, job_id: str, after: str) -> Iterator[str]:
    """Yield events as they come, a comment now and then so that a dead reader is noticed, until the job has ended."""
    yield "retry: 2000\n\n"
    while True:
        found = here.store.wait(job_id, after=after, timeout_s=_HEARTBEAT_S)
        for event in found:
            yield _frame(event)
            after = event.id
            if event.type in _ENDINGS:
                return
        if not found:
            if here.store.get(job_id).state.terminal:  # it had ended before `after`
                return
            yield ": still here\n\n"


def _frame(event: Event) -> str:
    return f"id: {event.id}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n"
