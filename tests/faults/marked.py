"""python -m tests.faults.marked worker|web: the real module, except that it kills itself at a marked point when told to.

A mark is armed by writing its name into the file FAULTS_MARK; the process that reaches it takes the file away and dies there
by SIGKILL, as if it had been hit between two lines.
"""

import functools
import os
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# (module, class or "", function, before or after): a mark is "<before|after> <function>".
POINTS = {
    "web": [
        ("shared.jobs.store", "JobStore", "submit", "before"),
        ("shared.jobs.store", "JobStore", "submit", "after"),
        ("web.waiting", "", "wait_for_end", "before"),
    ],
    "worker": [
        ("shared.jobs.store", "JobStore", "claim", "after"),
        ("shared.volume.volume", "Volume", "start_attempt", "after"),
        ("shared.jobs.store", "JobStore", "checkpoint", "before"),
        ("shared.jobs.store", "JobStore", "checkpoint", "after"),
        ("shared.volume.volume", "Volume", "write_done", "before"),
        ("shared.volume.volume", "Volume", "write_done", "after"),
        ("shared.jobs.store", "JobStore", "finish", "after"),
        ("shared.jobs.store", "JobStore", "release", "before"),
        ("shared.jobs.store", "JobStore", "release", "after"),
    ],
}


def marks(module: str) -> list[str]:
    """Names of the marks of a module."""
    return [f"{moment} {function}" for _, _, function, moment in POINTS[module]]


def die_if_armed(mark: str, file: Path) -> None:
    """Kill this process if the file names this mark. Only one process gets hold of the file."""
    try:
        if file.read_text() != mark:
            return
        os.rename(file, file.with_suffix(f".{os.getpid()}"))
    except OSError:  # not armed, or another process was first
        return
    os.kill(os.getpid(), signal.SIGKILL)


def marked(function: Callable[..., Any], name: str, moment: str, file: Path) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if moment == "before":
            die_if_armed(f"before {name}", file)
        answer = function(*args, **kwargs)
        if moment == "after":
            die_if_armed(f"after {name}", file)
        return answer

    return run


def main(module: str) -> None:
    file = Path(os.environ["FAULTS_MARK"])
    for where, owner, name, moment in POINTS[module]:
        __import__(where)
        place: Any = getattr(sys.modules[where], owner) if owner else sys.modules[where]
        setattr(place, name, marked(getattr(place, name), name, moment, file))
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1])
