"""The secret of a private training: 32 bytes of the system's generator, from which its noise and its choice of rows are drawn.

    jobs/<job id>/secret/{key, manifest.json}

Made by the first attempt before its first step, read by every later one, so that a resume is exact to the bit. It stands here
alone: in no checkpoint, asset, output, record or log. Housekeeping removes it when the job has ended (worker/upkeep).
"""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from shared.errors import Conflict
from shared.volume import staging
from shared.volume.volume import Volume

BYTES = 32
_KEY = "key"


def job_secret(volume: Volume, job_id: str, draw: Callable[[], bytes] = lambda: secrets.token_bytes(BYTES)) -> bytes:
    """The secret of a job, made if there is none; two attempts that make one at once both return the first. Raises VolumeFull."""
    if (found := _read(volume, job_id)) is not None:
        return found
    folder = volume.job_dir(job_id)
    with staging.full_is_said():
        folder.mkdir(parents=True, exist_ok=True)
    if _folder(volume, job_id).exists():  # damaged: whoever goes on from a checkpoint is told, see has_secret
        staging.remove(_folder(volume, job_id))
    with staging.staged(folder) as stage:
        file = os.open(stage.path / _KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(draw())
        with contextlib.suppress(Conflict):  # another attempt was quicker
            stage.publish(_folder(volume, job_id), {})
    found = _read(volume, job_id)
    if found is None:
        raise OSError(f"the secret of job {job_id} cannot be read back")
    return found


def has_secret(volume: Volume, job_id: str) -> bool:
    """Whether a job has one that can be read."""
    return _read(volume, job_id) is not None


def forget_secret(volume: Volume, job_id: str) -> bool:
    """Remove the secret of a job that has ended. Returns whether there was one."""
    folder = _folder(volume, job_id)
    if not folder.exists():
        return False
    staging.remove(folder)
    return True


def _folder(volume: Volume, job_id: str) -> Path:
    return volume.job_dir(job_id) / "secret"


def _read(volume: Volume, job_id: str) -> bytes | None:
    folder = _folder(volume, job_id)
    if not staging.verify(folder):
        return None
    found = (folder / _KEY).read_bytes()
    return found if len(found) == BYTES else None
