"""Reads what happened to a job: its events so far, and the next ones as they come. The reading half of shared/jobs/store.py.

A job's history is in three streams (Keys.events, Keys.feed, Keys.live) whose ids rise together.
"""

from typing import Any

import redis

from shared.jobs import record
from shared.jobs.events import Event
from shared.jobs.keys import Keys

_AT_ONCE = 200  # entries of one stream in one reading


class History:
    """Events and live progress of jobs. JobStore is one; everything here only reads."""

    redis: redis.Redis
    keys: Keys

    def events(self, job_id: str, *, after: str = "0", limit: int = 200) -> list[Event]:
        """Events newer than `after`, oldest first. Those beyond the newest events_kept are gone, and of an ended job those that
        tell of checkpoints, samples and outputs.
        """
        with self.redis.pipeline(transaction=False) as pipe:
            for stream in (self.keys.events(job_id), self.keys.feed(job_id)):
                pipe.xrange(stream, min=f"({after}", count=limit)
            rows = [row for part in pipe.execute() for row in part]
        return _in_order(rows)[:limit]

    def wait(self, job_id: str, *, after: str, timeout_s: float, also_queue: bool = False) -> list[Event]:
        """Block until the job has an event or progress newer than `after` (its revision); [] at the timeout.

        also_queue: also return, with [], when any job changes state, which may change a queued job's standing.
        Holds one connection meanwhile.
        """
        own = (self.keys.events(job_id), self.keys.feed(job_id), self.keys.live(job_id))
        streams: dict[Any, Any] = dict.fromkeys(own, after)
        if also_queue:
            streams[self.keys.activity()] = "$"
        # A blocking read must not trip over the pool's socket timeout: stay below it and go on.
        left = timeout_s
        while left > 0:
            slice_s = min(left, 4.0)
            left -= slice_s
            reply: Any = self.redis.xread(streams, count=_AT_ONCE, block=max(int(slice_s * 1000), 1))
            if reply:
                return _newer(dict(reply.items() if isinstance(reply, dict) else reply), own)
        return []


def _newer(reply: dict[str, Any], own: tuple[str, ...]) -> list[Event]:
    """Events of a job's streams in one order, up to where the first of them was cut off: who goes on there misses none."""
    found: list[Any] = []
    ends = []
    for stream in own:
        rows = reply.get(stream) or []
        if rows and isinstance(rows[0], list):  # RESP3 nests one level deeper
            rows = rows[0]
        if len(rows) >= _AT_ONCE:
            ends.append(_place(rows[-1][0]))
        found += rows
    return [event for event in _in_order(found) if not ends or _place(event.id) <= min(ends)]


def _in_order(rows: list[Any]) -> list[Event]:
    return [record.decode_event(i, fields) for i, fields in sorted(rows, key=lambda row: _place(row[0]))]


def _place(event_id: str) -> tuple[int, int]:
    ms, _, number = event_id.partition("-")
    return int(ms), int(number or 0)
