"""Faults of the volume itself: a small file system of its own that can be full or read-only. Needs root on Linux."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path


def _run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


class SmallVolume:
    """A tmpfs of some megabytes at a folder: more than the answers to some 240 tables, of 5 MB each, in a storm of an hour."""

    def __init__(self, folder: Path, *, megabytes: int = 1536):
        self.folder, self.megabytes = folder, megabytes

    @staticmethod
    @contextlib.contextmanager
    def at(folder: Path) -> Iterator["SmallVolume | None"]:
        """Mount one for the length of a with block; None where that cannot be done."""
        folder.mkdir(parents=True, exist_ok=True)
        volume = SmallVolume(folder)
        may = sys.platform == "linux" and os.geteuid() == 0
        if not (
            may and _run("mount", "-t", "tmpfs", "-o", f"size={volume.megabytes}m", "trainyard-faults", str(folder))
        ):
            yield None
            return
        try:
            yield volume
        finally:
            _run("umount", "-l", str(folder))

    def fill(self, seconds: float) -> str:
        """Leave no byte free for so long."""
        filler = self.folder / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(b"\0" * (1 << 20)):
                pass
        threading.Event().wait(seconds)  # the fault itself is that long
        filler.unlink()
        return f"full for {seconds:.1f} s"

    def forbid_writing(self, seconds: float) -> str:
        """Make the jobs' folder read-only for so long, to all that is opened from now on."""
        jobs = str(self.folder / "jobs")
        if not _run("mount", "--bind", jobs, jobs):
            return "nothing: it cannot be mounted"
        try:
            if not _run("mount", "-o", "remount,bind,ro", jobs):
                return "nothing: it cannot be mounted read-only"
            threading.Event().wait(seconds)  # the fault itself is that long
        finally:
            _run("umount", "-l", jobs)
        return f"read-only for {seconds:.1f} s"
