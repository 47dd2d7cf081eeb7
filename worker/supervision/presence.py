"""Tells the store, every few seconds, that this worker lives and what it does; keeps its hold on its device.

Runs as a thread of the Celery parent, which stays responsive while a job runs. What it tells comes from the Celery child
and from the spare through a pipe made before the fork. Job leases are worker/supervision/lease.py's business.
"""

import json
import logging
import os
import select
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import redis

from shared.jobs.presence import Presence, WorkerInfo

log = logging.getLogger(__name__)

SLOT_HOST = "gpu"  # UUIDs are unique in the world, host names of containers on one machine are not the machine's
_ANNOUNCE_S = 4.0  # under a third of Presence's silence_s
_COALESCE_S = 0.25  # many short jobs: not more than one announcement in this time


class Status:
    """The child's end of the pipe."""

    def __init__(self, fd: int):
        self.fd = fd
        os.set_blocking(fd, False)

    def tell(self, **facts: Any) -> None:
        """Send facts, merged over those told before. Lost, not waited for, when the parent does not read."""
        try:
            os.write(self.fd, json.dumps(facts).encode() + b"\n")
        except (BlockingIOError, BrokenPipeError):
            log.warning("the worker's parent process does not listen")


class Announcer:
    """The parent's end: a thread that reads facts and announces them."""

    def __init__(self, presence: Presence, info: WorkerInfo, slots: Sequence[str], on_slot_lost: Callable[[str], None]):
        """slots: GPU UUIDs held. on_slot_lost: called once if another worker has taken one of them."""
        self._presence, self._info, self._slots, self._on_slot_lost = presence, info, slots, on_slot_lost
        self._read_fd, write_fd = os.pipe()
        self.status = Status(write_fd)
        self._wake_read, self._wake_write = os.pipe()
        self._facts: dict[str, Any] = {}
        self._thread: threading.Thread | None = None
        self._leaving = threading.Event()
        self._buffer = b""

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)
        self._thread.start()

    def drain(self) -> None:
        """Announce at once that the worker is leaving. Safe in a signal handler."""
        os.write(self._wake_write, b"d")

    def stop(self) -> None:
        """End the thread, leave the list of workers and give the devices back."""
        self._leaving.set()
        os.write(self._wake_write, b"s")
        if self._thread:
            self._thread.join(5)
        try:
            self._presence.leave(self._info.id)
            for uuid in self._slots:
                self._presence.free_slot(SLOT_HOST, uuid, self._info.id)
        except redis.RedisError as err:
            log.warning("left without a word, Redis is out of reach: %s", err)

    def _run(self) -> None:
        draining = False
        while not self._leaving.is_set():
            self._announce(draining)
            self._leaving.wait(_COALESCE_S)
            readable, _, _ = select.select([self._read_fd, self._wake_read], [], [], _ANNOUNCE_S)
            if self._wake_read in readable:
                draining = True
                os.read(self._wake_read, 64)
            if self._read_fd in readable:
                self._merge(os.read(self._read_fd, 1 << 16))

    def _merge(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._facts |= json.loads(line)

    def _announce(self, draining: bool) -> None:
        facts = self._facts
        spare_pid = facts.get("spare_pid")
        info = self._info.model_copy(
            update={
                "state": "draining" if draining else facts.get("state", "starting"),
                "jobs": facts.get("jobs", []),
                "warm": facts.get("warm", []),
                "spare_ready": spare_pid is not None and facts.get("ready_pid") == spare_pid,
                "seen_at": datetime.now(UTC),
            }
        )
        try:
            self._presence.announce(info)
            for uuid in self._slots:
                # A hold that ran out while Redis was away is taken again if it is still free.
                if not self._presence.take_slot(SLOT_HOST, uuid, info.id):
                    slots, self._slots = self._slots, ()
                    log.error("another worker holds %s now: leaving (held %s)", uuid, ", ".join(slots))
                    self._on_slot_lost(uuid)
                    break
        except redis.RedisError as err:
            log.warning("cannot announce this worker, Redis is out of reach: %s", err)
