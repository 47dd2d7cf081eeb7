"""How much memory this process holds for itself as it works (what a job is told to have needed), and how much there is."""

import contextlib
import os
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)  # of a container, version 2 and 1


class Memory:
    """The most that was seen, in bytes. Files mapped into memory do not count: the kernel takes them back at need."""

    def __init__(self) -> None:
        self._peak = 0

    def look(self) -> int:
        """Look once more; returns the most so far. Costs some 30 microseconds."""
        self._peak = max(self._peak, _held())
        return self._peak


def _held() -> int:
    """Anonymous memory now; where that cannot be told, the highest of all memory so far."""
    with contextlib.suppress(OSError):  # no /proc here
        for line in _STATUS.read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def machine_bytes() -> int:
    """What this machine, or its container, lets processes have, in bytes; 0 where that cannot be told."""
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0
    for limit in map(Path, _LIMITS):
        with contextlib.suppress(OSError, ValueError):  # no such file, or "max"
            found = min(found, int(limit.read_text()))
    return found
