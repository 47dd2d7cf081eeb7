"""One process of the stack: started, read line by line, watched, started again after a crash, stopped.

All work happens in the thread that owns the stack; two small threads per process only read its output and wait for its
end, and tell of both through a queue.
"""

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.tether import tethered

_LONGEST_PAUSE_S = 30.0
_STEADY_S = 60.0  # a process that lived this long has earned a quick restart
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Line:
    """A line of a process's output."""

    child: "Child"
    text: str


@dataclass(frozen=True)
class Ended:
    """A process has ended. pid tells it from its successor."""

    child: "Child"
    pid: int
    returncode: int

    @property
    def how(self) -> str:
        if self.returncode < 0:
            return f"was ended by {signal.Signals(-self.returncode).name}"
        return f"ended with exit code {self.returncode}"


class Child:
    """A process and its restarts. said: where Line and Ended are put."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        said: "queue.SimpleQueue[object]",
        env: Mapping[str, str],
        check: Callable[["Child"], bool],
        stop_s: float = 15.0,
    ):
        """check: True once the process does its work. stop_s: from SIGTERM to SIGKILL."""
        self.name = name
        self.check = check
        self.stop_s = stop_s
        self.ready = False
        self.crashes = 0  # in a row
        self.restart_at: float | None = None  # time.monotonic
        self._command = list(command)
        self._said = said
        self._env = dict(env)
        self._process: subprocess.Popen[str] | None = None
        self._began = 0.0

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it. Call from a thread that lives as long as the process is to live (see cli/tether.py)."""
        self.restart_at = None
        self.ready = False
        self._began = time.monotonic()
        process = subprocess.Popen(
            tethered(self._command),
            cwd=_ROOT,
            env=os.environ | self._env | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches the command line alone, which stops the others in order
        )
        self._process = process
        threading.Thread(target=self._read, args=(process,), daemon=True, name=f"{self.name}-output").start()
        threading.Thread(target=self._wait, args=(process,), daemon=True, name=f"{self.name}-end").start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self._said.put(Line(self, line.rstrip()))

    def _wait(self, process: subprocess.Popen[str]) -> None:
        self._said.put(Ended(self, process.pid, process.wait()))

    def plan_restart(self) -> float:
        """Note that it has crashed; returns the seconds after which start() is to be called."""
        if time.monotonic() - self._began > _STEADY_S:
            self.crashes = 0
        pause_s = min(2.0**self.crashes, _LONGEST_PAUSE_S)
        self.crashes += 1
        self.ready = False
        self.restart_at = time.monotonic() + pause_s
        return pause_s

    def terminate(self) -> None:
        """Ask it to end in order: SIGTERM to the process alone, which knows what to do with its own children."""
        self.restart_at = None
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to its whole group."""
        self.restart_at = None
        if self._process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
