"""Do a piece of work in a forked process that is killed right before a given line. Only a process without threads can be forked."""

import json
import os
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OURS = tuple(str(ROOT / name) + os.sep for name in ("shared", "web", "worker"))
Line = tuple[str, int]


def in_a_fork(work: Callable[[], None], meanwhile: Callable[[], bool], at_line: Callable[[Line], None]) -> int:
    """Do the work in a forked process that calls at_line before each of our lines; returns its wait status.

    meanwhile: called here over and over until it returns True or that process has ended.
    """
    if pid := os.fork():
        while not meanwhile():
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return status
            select.select([], [], [], 0.01)  # a poll that the end of the process ends
        return os.waitpid(pid, 0)[1]

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if event == "line":
            at_line((frame.f_code.co_filename, frame.f_lineno))
        return trace

    failed = 1
    try:
        sys.settrace(trace)
        work()
        failed = 0
    finally:
        sys.settrace(None)
        os._exit(failed)


def lines_on_the_way(work: Callable[[], None], meanwhile: Callable[[], bool]) -> list[Line]:
    """The different lines the work comes by, in the order of first coming."""
    read_fd, write_fd = os.pipe()
    seen: dict[Line, None] = {}

    def note(line: Line) -> None:
        if line not in seen:
            seen[line] = None
            os.write(write_fd, (json.dumps(line) + "\n").encode())

    with os.fdopen(read_fd) as told:
        os.set_blocking(read_fd, False)
        status = in_a_fork(work, meanwhile, note)  # the pipe holds 64 KiB: enough for a thousand lines
        os.close(write_fd)
        assert status == 0, f"the work does not come to its end when nothing kills it: status {status}"
        return [tuple(json.loads(line)) for line in told]


def die_at(work: Callable[[], None], meanwhile: Callable[[], bool], where: Line) -> bool:
    """Do the work and be killed right before that line. False when it did not come by, and so was done."""
    status = in_a_fork(work, meanwhile, lambda line: os.kill(os.getpid(), signal.SIGKILL) if line == where else None)
    return os.WIFSIGNALED(status)
