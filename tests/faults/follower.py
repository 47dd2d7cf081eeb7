"""Follows what jobs tell of their checkpoints while they run: those entries are gone a minute after a job's end.

Reads Redis in the raw, like the checker for which it collects. A thread of its own, so that no fault that takes long keeps it.
"""

import contextlib
import json
import threading
from typing import Any

import redis

from tests.faults.checker import History

_EVERY_S = 0.5  # far below the minute an ended job's entries stay


class Follower:
    """Use as a context manager; at its end everything still told has been read."""

    def __init__(self, client: Any, prefix: str, history: History):
        self._client, self._prefix, self._history = client, prefix, history
        self._seen: dict[str, str] = {}  # job -> id of the last entry read
        self._leaving, self._came_to_its_end = threading.Event(), False
        self._thread = threading.Thread(target=self._follow, name="follower", daemon=True)

    def __enter__(self) -> "Follower":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        self._thread.join(60)
        assert self._came_to_its_end, "nobody followed: an error of this file, or a Redis that hangs"

    def _follow(self) -> None:
        while True:
            last = self._leaving.is_set()  # asked before the reading: so what was told by then is read
            with contextlib.suppress(redis.RedisError):  # it is being killed, or started again
                self.look()
            if last:
                self._came_to_its_end = True
                return
            self._leaving.wait(_EVERY_S)

    def look(self) -> None:
        """Read what is new of every job, ended ones too: they may run again in a Redis that has lost its last second."""
        ids = [job_id for job_id in list(self._history.accepted) if job_id not in self._history.deleted]
        with self._client.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.xrange(f"{self._prefix}:feed:{job_id}", min=f"({self._seen.get(job_id, '0')}")
            replies = pipe.execute()
        for job_id, entries in zip(ids, replies, strict=True):
            for entry_id, entry in entries:
                self._seen[job_id] = entry_id
                if entry["type"] == "checkpoint":
                    told = (int(entry["attempt"]), json.loads(entry["data"])["step"])
                    self._history.checkpoints.setdefault(job_id, set()).add(told)
