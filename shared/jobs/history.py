"""Reads what happened to a job: its events so far, and the next ones as they come. The reading half of shared/jobs/store.py."""

from typing import Any

import redis

from shared.jobs import record
from shared.jobs.events import Event
from shared.jobs.keys import Keys


class History:
    """Events and live progress of jobs. JobStore is one; everything here only reads."""

    redis: redis.Redis
    keys: Keys

    def events(self, job_id: str, *, after: str = "0", limit: int = 200) -> list[Event]:
        """Events newer than `after`, oldest first. Those beyond the newest events_kept are gone."""
        rows = self.redis.xrange(self.keys.events(job_id), min=f"({after}", count=limit)
        return [record.decode_event(i, fields) for i, fields in rows]  # type: ignore[union-attr]

    def wait(self, job_id: str, *, after: str, timeout_s: float, also_queue: bool = False) -> list[Event]:
        """Block until the job has an event or progress newer than `after` (its revision); [] at the timeout.

        also_queue: also return, with [], when any job changes state, which may change a queued job's standing.
        Holds one connection meanwhile.
        """
        own = (self.keys.events(job_id), self.keys.live(job_id))
        streams: dict[Any, Any] = dict.fromkeys(own, after)
        if also_queue:
            streams[self.keys.activity()] = "$"
        # A blocking read must not trip over the pool's socket timeout: stay below it and go on.
        left = timeout_s
        while left > 0:
            slice_s = min(left, 4.0)
            left -= slice_s
            reply: Any = self.redis.xread(streams, count=200, block=max(int(slice_s * 1000), 1))
            if reply:
                return self._newer(dict(reply.items() if isinstance(reply, dict) else reply), own)
        return []

    @staticmethod
    def _newer(reply: dict[str, Any], own: tuple[str, str]) -> list[Event]:
        """Events of a job's two streams in one order."""
        found = []
        for stream in own:
            rows = reply.get(stream) or []
            if rows and isinstance(rows[0], list):  # RESP3 nests one level deeper
                rows = rows[0]
            found += [record.decode_event(i, fields) for i, fields in rows]
        return sorted(found, key=lambda event: tuple(map(int, event.id.split("-"))))
