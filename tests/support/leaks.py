"""What a test leaves behind: processes, temporary files, Redis keys nobody will remove."""

import os
import threading
import time
from pathlib import Path

import redis

MARK = "TRAINYARD_TEST_RUN"  # in the environment of every process this run has started, however deep
_PATIENCE_S = 10.0  # for processes that are being ended right now

# Kinds of keys (second part of their name, see shared/jobs/keys.py) and whether each must carry an expiry by itself.
# Those that need none die by a rule of their own: with a job, or entry by entry.
KINDS = {
    "job": False, "events": False, "feed": False, "live": False, "schema": False, "jobs": False, "ended": False,
    "ready": False, "delayed": False, "fair": False,
    "leases": False, "owned": False, "kind": False, "after": False, "deadlines": False, "activity": False, "server": False,
    "idempotency": True, "durations": True, "worker": True, "workers": False, "slot": True,
    "session": True, "rate": True, "uncopied": False, "kept": True, "unsettled": False, "deleted": True, "broker": False,
}  # fmt: skip


def _stat(pid: int) -> tuple[str, int] | None:
    """State and parent of a process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[1])


def processes(mark: str) -> set[int]:
    """Live processes of this test run, this one left out. Empty where there is no /proc."""
    found = set()
    needle = f"{MARK}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        try:
            if pid == os.getpid() or needle not in (entry / "environ").read_bytes().split(b"\0"):
                continue
        except OSError:  # ended meanwhile
            continue
        stat = _stat(pid)
        if stat and stat[0] not in "ZX":
            found.add(pid)
    return found


def children(pid: int) -> set[int]:
    """Live processes whose parent is this one."""
    found = {int(entry.name): _stat(int(entry.name)) for entry in Path("/proc").glob("[0-9]*")}
    return {child for child, stat in found.items() if stat and stat[1] == pid and stat[0] not in "ZX"}


def cpu_s(pid: int) -> float:
    """Seconds of processor time a process and its children have taken."""
    total = 0
    for entry in Path("/proc").glob("[0-9]*"):
        if _descends_from(int(entry.name), {pid}):
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # ended meanwhile
                continue
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def _descends_from(pid: int, ancestors: set[int]) -> bool:
    while pid > 1:
        if pid in ancestors:
            return True
        stat = _stat(pid)
        if stat is None:
            return True  # it has ended: not left behind
        pid = stat[1]
    return False


def strays(mark: str, before: set[int]) -> dict[int, str]:
    """Processes that were not there before and belong to none that was: pid -> command line. Waits for those ending."""
    deadline = time.monotonic() + _PATIENCE_S
    pause = threading.Event()
    while True:
        left = {pid for pid in processes(mark) - before if not _descends_from(pid, before)}
        if not left or time.monotonic() > deadline:
            return {pid: _command(pid) for pid in left}
        pause.wait(0.05)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200]
    except OSError:
        return "(has ended)"


def staging_left(folder: Path) -> list[Path]:
    """Staging folders and files of the volume that were never published nor removed."""
    return list(folder.rglob(".tmp-*")) if folder.exists() else []


def ownerless_keys(client: redis.Redis, prefix: str) -> list[str]:
    """Keys below a prefix whose kind shared/jobs/keys.py does not know, or that should expire and do not."""
    found = []
    for key in client.scan_iter(f"{prefix}:*", count=1000):
        name = key if isinstance(key, str) else key.decode()
        kind = name.removeprefix(f"{prefix}:").split(":")[0]
        if kind not in KINDS:
            found.append(f"{name}: of no known kind")
        elif KINDS[kind] and client.ttl(name) == -1:
            found.append(f"{name}: has no expiry")
    return found
