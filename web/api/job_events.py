"""/jobs/<id>/events: what happened to a job, as a page of JSON or as a live stream (server-sent events)."""

import logging
import time
from collections.abc import Iterator

import redis
from flask import Response, jsonify, request
from pydantic import Field, field_validator

from shared.errors import NotFound
from shared.jobs.events import Event
from web import access
from web.api.common import Asked, JobPath, Query, Reply, resource
from web.api.shapes import EventPage
from web.identity import Identity, identity, still_valid
from web.services import Services, services
from web.told_progress import with_eta
from web.waiting import SLICE_S

log = logging.getLogger(__name__)

blueprint = resource("events", "What happened to a job, live.")

EVENT_ID = r"^\d{1,20}(-\d{1,20})?$"
_HEARTBEAT_S = 15.0
_PAGE = 500  # events read at a time by a stream
_MOST_WAITED = 200  # events that store.wait gives of one stream


def _within_64_bits(event_id: str | None) -> str | None:
    if event_id and any(int(part) >= 1 << 64 for part in event_id.split("-")):
        raise ValueError("both parts are below 2^64")
    return event_id


class EventQuery(Query):
    """Where to begin."""

    after: str = Field(default="0", pattern=EVENT_ID, description="Id of the last event already seen.")
    limit: int = Field(default=200, ge=1, le=1000, description="Of a page; a stream has no limit.")

    in_range = field_validator("after")(_within_64_bits)


class EventHeader(Asked):
    """What a stream listens to."""

    last_event_id: str | None = Field(
        None,
        alias="Last-Event-ID",
        pattern=EVENT_ID,
        description="Like after, and stronger: sent by reconnecting readers.",
    )

    in_range = field_validator("last_event_id")(_within_64_bits)


@blueprint.get(
    "/jobs/<job_id>/events",
    summary="Events, as a page or as a stream",
    description="Accept: text/event-stream streams until the job has ended; Last-Event-ID goes on where a reader stopped. "
    "204 tells a reconnecting reader that the job has ended and nothing further will come.",
    responses={
        "200": EventPage,
        "204": {"description": "To a stream's reader who has seen the end already"},
    },
)
def job_events(path: JobPath, query: EventQuery, header: EventHeader) -> Reply:
    here = services()
    job = access.job(path.job_id)
    if request.accept_mimetypes.best_match(["application/json", "text/event-stream"]) == "text/event-stream":
        after = header.last_event_id or query.after
        if job.state.terminal and not here.store.events(job.id, after=after, limit=1):
            return "", 204
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Response(_stream(here, identity(), job.id, after), mimetype="text/event-stream", headers=headers)
    found = here.store.events(job.id, after=query.after, limit=query.limit)
    body = {"events": [e.model_dump(mode="json") for e in found], "next_after": found[-1].id if found else query.after}
    return jsonify(body)


def _stream(here: Services, who: Identity, job_id: str, after: str) -> Iterator[str]:
    """Yield events as they come, a comment now and then so that a dead reader is noticed, until the job has ended.

    Ends early without a seat, at a stop of the server, when the reader's key is revoked and when Redis goes away: readers
    reconnect by themselves.
    """
    yield "retry: 2000\n\n"
    try:
        with here.seats.taken() as seated:
            spoke_at = time.monotonic()
            while True:
                ended = here.store.get(job_id).state.terminal  # asked before its events: so the last one is among them
                while found := here.store.events(job_id, after=after, limit=_PAGE):
                    for event in found:
                        yield _frame(event)
                    after, spoke_at = found[-1].id, time.monotonic()
                if ended or not seated or here.seats.closing or not still_valid(here, who):
                    return
                found = here.store.wait(job_id, after=after, timeout_s=SLICE_S)  # events, and progress, which passes
                if len(found) >= _MOST_WAITED:
                    continue  # a full page may end before the progress that came with it
                for event in found:
                    yield _frame(with_eta(here, job_id, event))
                if found:
                    after, spoke_at = found[-1].id, time.monotonic()
                elif _silent(spoke_at):
                    yield ": still here\n\n"
                    spoke_at = time.monotonic()
    except (redis.RedisError, NotFound) as err:  # the answer has begun: it can only end
        log.warning("a stream of job %s ends early: %s", job_id, err)


def _silent(spoke_at: float) -> bool:
    """True when the next look would come too late for the heartbeat."""
    return time.monotonic() - spoke_at >= _HEARTBEAT_S - SLICE_S


def _frame(event: Event) -> str:
    return f"id: {event.id}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n"
