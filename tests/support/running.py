"""A whole running installation for tests: the same processes as `trainyard up`, on ports and a volume of their own."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cli.stack import Plan, Stack
from shared.settings import Settings
from shared.store import JobStore
from shared.volume import Volume

T = TypeVar("T")


class RunningStack:
    """url, settings, store and volume of a stack that runs; its output is in log."""

    def __init__(self, folder: Path, plan: Plan):
        self.log = folder / "stack.log"
        self._file = self.log.open("a", encoding="utf-8")
        self._stack = Stack(plan, show=self._write)
        self._leaving = threading.Event()
        self._failure: BaseException | None = None
        self._started = threading.Event()
        # The thread that starts the processes watches them too, and lives as long as they do.
        self._thread = threading.Thread(target=self._live, name="stack")
        self.url = self._stack.url
        self.settings: Settings = self._stack.settings
        self.store = JobStore.connect(self.settings)
        self.volume = Volume(self.settings.data)

    def _write(self, name: str, text: str) -> None:
        self._file.write(f"{name or 'stack'} | {text}\n")
        self._file.flush()

    def _live(self) -> None:
        try:
            self._stack.start()
            self._started.set()
            self._stack.run(self._leaving.is_set)
        except BaseException as err:  # noqa: BLE001 raised again in the test's own thread
            self._failure = err
        finally:
            self._started.set()
            self._stack.stop()

    def start(self) -> "RunningStack":
        """Start everything; returns when all of it is ready. Raises with the end of the log."""
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            raise AssertionError(f"the stack did not start:\n{self.tail()}") from self._failure
        return self

    def stop(self) -> None:
        self._leaving.set()
        self._stack.wake()
        self._thread.join()
        self.store.redis.close()
        self._file.close()

    def tail(self, lines: int = 60) -> str:
        """The end of what all processes wrote."""
        return "\n".join(self.log.read_text(encoding="utf-8").splitlines()[-lines:])

    def pids(self) -> dict[str, int]:
        """Process ids by name: redis, web, train, generate, reaper."""
        return {child.name: child.pid for child in self._stack.children}

    def until(self, look: Callable[[], T], limit_s: float = 60) -> T:
        """Call look until it returns something true; return that. Fails with the log when limit_s is over."""
        deadline = time.monotonic() + limit_s
        pause = threading.Event()
        while not (found := look()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {limit_s:g} s:\n{self.tail()}")
            pause.wait(0.05)  # between two looks at something that has a deadline
        return found
