"""A stack that runs beside other work: its own thread starts and watches the processes, output goes to a file."""

import threading
from pathlib import Path

from cli.stack import Plan, Stack
from shared.settings import Settings


class BackgroundStack:
    """start() returns when all is ready; stop() when all has ended. Use as a context manager or call both."""

    def __init__(self, plan: Plan, log: Path):
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._file = log.open("a", encoding="utf-8")
        self._stack = Stack(plan, show=self._write)
        self._leaving = threading.Event()
        self._started = threading.Event()
        self._failure: BaseException | None = None
        # The thread that starts the processes watches them too, and lives as long as they do (see cli/tether.py).
        self._thread = threading.Thread(target=self._live, name="stack")

    @property
    def url(self) -> str:
        return self._stack.url

    @property
    def settings(self) -> Settings:
        return self._stack.settings

    def _write(self, name: str, text: str) -> None:
        self._file.write(f"{name or 'stack'} | {text}\n")
        self._file.flush()

    def _live(self) -> None:
        try:
            self._stack.start(asked_to_stop=self._leaving.is_set)
            self._started.set()
            self._stack.run(self._leaving.is_set)
        except BaseException as err:  # noqa: BLE001 raised again in start(), in the thread that can act on it
            self._failure = err
        finally:
            self._started.set()
            self._stack.stop()

    def start(self) -> "BackgroundStack":
        """Raises what made the start fail; everything has then been stopped."""
        self._thread.start()
        try:
            self._started.wait()
        except KeyboardInterrupt:
            self.stop()
            raise
        if self._failure is not None:
            self.stop()
            raise self._failure
        return self

    def stop(self) -> None:
        self._leaving.set()
        self._stack.wake()
        self._thread.join()
        self._file.close()

    def __enter__(self) -> "BackgroundStack":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def pids(self) -> dict[str, int]:
        """Process ids by name: redis, web, train, generate, reaper."""
        return {child.name: child.pid for child in self._stack.children}

    def tail(self, lines: int = 60) -> str:
        """The end of what all processes wrote."""
        return "\n".join(self.log.read_text(encoding="utf-8").splitlines()[-lines:])
