"""Keeps an owner's datasets and base models within the bytes they may take, also when several uploads end at the same moment.

Called by both importers. Knows nothing of jobs: what they keep is counted by housekeeping.
"""

import contextlib
import errno
import fcntl
import hashlib
from collections.abc import Iterator

from shared.bases.manifest import list_bases
from shared.datasets.manifest import list_datasets
from shared.errors import TooLarge
from shared.volume.staging import full_is_said
from shared.volume.volume import Volume

_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}


def refuse_beyond(volume: Volume, owner: str, content_id: str, more: int, limit: int) -> None:
    """Raise TooLarge when a dataset or a base model of `more` bytes is too much beside the owner's others."""
    held = (*list_datasets(volume), *list_bases(volume))
    kept = sum(each.bytes for each in held if each.owner == owner and each.id != content_id)
    if kept + more > limit:
        raise TooLarge(
            f"your datasets and base models hold {kept:,} bytes, this one {more:,}, and you may keep {limit:,}: delete some you no "
            "longer need"
        )


@contextlib.contextmanager
def alone(volume: Volume, owner: str) -> Iterator[None]:
    """Let an owner's uploads through one by one, in all processes that share the volume. Raises VolumeFull.

    The lock dies with the process that holds it. On a file system without locks nothing is held, and two uploads that end at
    the same moment may together pass the limit.
    """
    folder = volume.root / "locks"
    with full_is_said():
        folder.mkdir(exist_ok=True)
        file = (folder / f"datasets-{hashlib.sha256(owner.encode()).hexdigest()[:16]}").open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as err:
            if err.errno not in _NO_LOCKS:
                raise
        yield
