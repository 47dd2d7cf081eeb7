"""The log of what ended jobs cost, as ETAs need it: read from Redis, learnt from, and remembered for a moment.

finish.lua writes it, an entry with each job that succeeds, at most MOST_COSTS for each recipe and use.
"""

import threading
import time
from collections.abc import Iterable

import redis

from shared.clock.cost import MOST_COSTS, Cost
from shared.clock.learning import Learnt
from shared.jobs.job import JobRequest
from shared.jobs.keys import Keys

_FRESH_S = 2.0  # what was read is taken again for so long: a list may grow many times a second
_MOST_KEPT = 200  # recipes and uses


class CostLog:
    """Thread-safe; one per process."""

    def __init__(self, client: redis.Redis, keys: Keys):
        self._redis, self._keys = client, keys
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, tuple[str, ...], Learnt]] = {}

    def learnt(self, requests: Iterable[JobRequest]) -> dict[str, Learnt]:
        """What is learnt from jobs like each of these, by key_of(request); one read for all that is not fresh."""
        wanted = {self.key_of(request) for request in requests}
        now = time.monotonic()
        with self._lock:
            old = [key for key in sorted(wanted) if key not in self._known or now - self._known[key][0] > _FRESH_S]
        if old:
            with self._redis.pipeline(transaction=False) as pipe:
                for key in old:
                    pipe.lrange(key, 0, MOST_COSTS - 1)
                rows = pipe.execute()
            with self._lock:
                if len(self._known) > _MOST_KEPT:
                    self._known.clear()
                for key, texts in zip(old, rows, strict=True):
                    self._known[key] = (now, *self._read(key, tuple(texts)))
        with self._lock:
            return {key: self._known[key][2] if key in self._known else Learnt(()) for key in wanted}

    def _read(self, key: str, texts: tuple[str, ...]) -> tuple[tuple[str, ...], Learnt]:
        if key in self._known and self._known[key][1] == texts:
            return texts, self._known[key][2]
        costs = [cost for text in texts if (cost := Cost.decoded(text)) is not None]
        return texts, Learnt(costs)

    def key_of(self, request: JobRequest) -> str:
        return self._keys.costs(request.kind, request.recipe, request.use)
