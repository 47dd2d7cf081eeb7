"""Progress as watchers are told it: with when the job is expected to end. Worked out once for all who watch the same job."""

from collections import OrderedDict
from threading import Lock
from typing import Any

from shared.jobs.events import Event
from shared.jobs.job import State
from shared.jobs.queues import placed
from web.services import Services

_MOST = 1_000  # jobs whose newest progress is remembered

_known: OrderedDict[tuple[str, str], dict[str, Any] | None] = OrderedDict()
_lock = Lock()


def with_eta(here: Services, job_id: str, event: Event) -> Event:
    """The event, its data with "eta" where it is a progress and that is known. Raises NotFound, redis.RedisError."""
    if event.type != "progress":
        return event
    key = (job_id, event.id)
    with _lock:
        known = key in _known
        eta = _known.get(key)
    if not known:
        job, place = placed(here.store, here.store.get(job_id))
        eta = place.eta.model_dump(mode="json") if place.eta and job.state == State.running else None
        with _lock:
            _known[key] = eta
            while len(_known) > _MOST:
                _known.popitem(last=False)
    return event.model_copy(update={"data": event.data | {"eta": eta}})
