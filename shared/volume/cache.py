"""What trainings have made of datasets (token files, decoded pictures), kept on the volume for the next training.

    cache/<dataset id>/<key>/     key: of what it was made and how; "used" in it is touched at each use
    cache/<dataset id>/<key>/pins/<job id>     an empty file for each job that uses it, until it has ended

Nothing here is needed: whatever is missing is made again. So it is in no backup; housekeeping takes away what belongs to a dataset
that is gone, has not been used for a month, or is more than the cache may hold; and where the volume has no room for something
that matters, the cache gives way. Never what a job uses: on a network file system it could not read on.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from shared.jobs.pins import PINS, plain_pins
from shared.volume.volume import Volume, folder_bytes, staging

CACHE = "cache"
USED = "used"
UNUSED_S = 30 * 86_400.0
RESERVE_BYTES = 1 << 30  # a guess: room for what is written beside the large things, logs and records
_RESERVE_SHARE = 0.02  # of the volume, at most: a small one is not all reserve


def entry_dir(cache_dir: Path, dataset_id: str, key: str) -> Path:
    """Where an entry lies; it may not be there. Its maker publishes it by a rename within cache_dir."""
    return cache_dir / dataset_id / key


def mark_used(entry: Path, job_id: str = "") -> None:
    """Say that an entry is in use, by a job until that has ended. One that has just been taken away stays away."""
    with contextlib.suppress(OSError):  # on a full volume it only grows old too soon
        (entry / USED).touch()
        if job_id:
            (entry / PINS).mkdir(exist_ok=True)
            (entry / PINS / job_id).touch()


def users(volume: Volume) -> dict[Path, str]:
    """All pins of entries -> id of the job that uses the entry."""
    return {path: path.name for entry in _entries(volume) for path in plain_pins(entry)}


def drop_unused(volume: Volume, *, most_bytes: float = float("inf"), older_than_s: float = UNUSED_S) -> int:
    """Remove entries that nobody uses: those whose dataset is gone, those not used for so long by the volume's clock, and, while
    all together are more than most_bytes, those not used for longest. Returns how many.
    """
    now, dropped = volume.now(), 0
    for entry in list(_entries(volume)):
        gone = not (volume.dataset_dir(entry.parent.name) / staging.MANIFEST).exists()
        with contextlib.suppress(FileNotFoundError):  # another reaper was faster
            if gone or now - _last_used(entry) > older_than_s:
                dropped += _drop(entry)
    sizes = {entry: folder_bytes(entry) for entry in _entries(volume)}
    dropped += _drop_oldest(
        list(sizes), lambda gone: sum(sizes.values()) - sum(map(sizes.__getitem__, gone)) <= most_bytes
    )
    for of_dataset in _folders(volume.root / CACHE):
        with contextlib.suppress(OSError):  # not empty
            of_dataset.rmdir()
    return dropped


def make_room(volume: Volume, need_bytes: int = 0, free: Callable[[Path], int] | None = None) -> int:
    """Have the cache give way until so many bytes and a reserve are free, or nobody uses what is left. Returns how many went.

    Called before something that matters is written; costs nothing to speak of where there is room. free: bytes that can be written
    below a folder.
    """
    try:
        disk = shutil.disk_usage(volume.root)
        wanted = need_bytes + min(RESERVE_BYTES, int(disk.total * _RESERVE_SHARE))
        free = free or (lambda root: shutil.disk_usage(root).free)
        if free(volume.root) >= wanted:
            return 0
        return _drop_oldest(list(_entries(volume)), lambda _: free(volume.root) >= wanted)
    except OSError:  # a volume out of reach: what is to be written says so
        return 0


def _drop_oldest(entries: list[Path], enough: Callable[[list[Path]], bool]) -> int:
    """Remove entries that nobody uses, the one not used for longest first, until it is enough. Returns how many."""
    aged = []
    for entry in entries:
        with contextlib.suppress(FileNotFoundError):
            aged.append((_last_used(entry), entry))
    gone: list[Path] = []
    for _, entry in sorted(aged):
        if enough(gone):
            break
        with contextlib.suppress(FileNotFoundError):
            if _drop(entry):
                gone.append(entry)
    return len(gone)


def _drop(entry: Path) -> bool:
    """Remove an entry unless a job uses it, also one that comes at this very moment."""
    return not plain_pins(entry) and staging.remove(entry, unless=lambda aside: bool(plain_pins(aside)))


def _entries(volume: Volume) -> Iterator[Path]:
    for of_dataset in _folders(volume.root / CACHE):
        yield from _folders(of_dataset)


def _folders(parent: Path) -> Iterator[Path]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for name in os.listdir(parent):
            if not name.startswith(".") and (parent / name).is_dir():
                yield parent / name


def _last_used(entry: Path) -> float:
    """When an entry was made or last used."""
    times = [entry.stat().st_mtime]
    with contextlib.suppress(FileNotFoundError):
        times.append((entry / USED).stat().st_mtime)
    return max(times)
