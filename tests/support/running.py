"""A whole running installation for tests: the same processes as `trainyard up`, on ports and a volume of their own."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cli.background import BackgroundStack
from cli.client import Client
from cli.stack import Plan, StackFailed
from shared.jobs.store import JobStore
from shared.volume.volume import Volume

T = TypeVar("T")


class RunningStack:
    """url, client, settings, store and volume of a stack that runs. pids() names its processes, tail() shows its log."""

    def __init__(self, folder: Path, plan: Plan):
        self._stack = BackgroundStack(plan, folder / "stack.log")
        self.url = self._stack.url
        self.client = Client(self.url)
        self.settings = self._stack.settings
        self.store = JobStore.connect(self.settings)
        self.volume = Volume(self.settings.data)
        self.pids = self._stack.pids
        self.tail = self._stack.tail

    def start(self) -> "RunningStack":
        """Start everything; returns when all of it is ready. Fails with the end of the log."""
        try:
            self._stack.start()
        except StackFailed as err:
            raise AssertionError(f"the stack did not start: {err.message}\n{self.tail()}") from err
        return self

    def stop(self) -> None:
        self._stack.stop()
        self.store.redis.close()

    def until(self, look: Callable[[], T], limit_s: float = 60) -> T:
        """Call look until it returns something true; return that. Fails with the log when limit_s is over."""
        deadline = time.monotonic() + limit_s
        pause = threading.Event()
        while not (found := look()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {limit_s:g} s:\n{self.tail()}")
            pause.wait(0.05)  # between two looks at something that has a deadline
        return found
