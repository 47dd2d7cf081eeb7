"""Whether the volume takes writes. After one has failed no further job is claimed until one succeeds.

So a full volume costs the job that met it one attempt, and the jobs behind it nothing. The reaper keeps sending wake-ups to
an idle worker, each of which asks here again.
"""

import contextlib
import logging
import os

from shared.volume.cache import make_room
from shared.volume.staging import STAGING_PREFIX
from shared.volume.volume import Volume

log = logging.getLogger(__name__)

_PROBE_BYTES = 4 * 1024**2


class VolumeCheck:
    """suspect: a write has failed, or none was tried yet."""

    def __init__(self, volume: Volume, worker: str):
        self._volume = volume
        self._probe = volume.root / f"{STAGING_PREFIX}probe-{worker}"
        self.suspect = True

    def usable(self) -> bool:
        """True at once while nothing has failed; else after a small file was written and synced."""
        if not self.suspect:
            return True
        make_room(self._volume)
        try:
            self._volume.ensure()
            with self._probe.open("wb", buffering=0) as file:
                file.write(b"\0" * _PROBE_BYTES)
                os.fsync(file.fileno())
        except OSError as err:
            log.warning("the volume cannot be written, taking no jobs: %s", err)
            return False
        finally:
            with contextlib.suppress(OSError):
                self._probe.unlink(missing_ok=True)
        self.suspect = False
        return True
