"""What trainings have made of datasets (token files, decoded pictures), kept on the volume for the next training.

    cache/<dataset id>/<key>/     key: of what it was made and how; "used" in it is touched at each use

Nothing here is needed: whatever is missing is made again. So it is in no backup, and housekeeping takes away what belongs to a
dataset that is gone or has not been used for a month.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from shared.volume.volume import Volume, staging

CACHE = "cache"
USED = "used"
UNUSED_S = 30 * 86_400.0


def entry_dir(cache_dir: Path, dataset_id: str, key: str) -> Path:
    """Where an entry lies; it may not be there. Its maker publishes it by a rename within cache_dir."""
    return cache_dir / dataset_id / key


def mark_used(entry: Path) -> None:
    """Say that an entry is in use. One that has just been taken away stays away; what is open of it stays readable."""
    with contextlib.suppress(OSError):  # on a full volume it only grows old too soon
        (entry / USED).touch()


def drop_unused(volume: Volume, *, older_than_s: float = UNUSED_S) -> int:
    """Remove entries whose dataset is gone, and those not used for so long by the volume's clock. Returns how many."""
    now, dropped = volume.now(), 0
    for of_dataset in _folders(volume.root / CACHE):
        gone = not (volume.dataset_dir(of_dataset.name) / staging.MANIFEST).exists()
        for entry in _folders(of_dataset):
            with contextlib.suppress(FileNotFoundError):  # another reaper was faster
                if gone or now - _last_used(entry) > older_than_s:
                    dropped += staging.remove(entry)
        with contextlib.suppress(OSError):  # not empty
            of_dataset.rmdir()
    return dropped


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
