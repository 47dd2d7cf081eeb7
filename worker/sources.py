"""Finds the checkpoint a job starts from or generates with. Called by the trainer and the generator."""

from shared.errors import CheckpointCorrupt, InputMissing, NotFound
from shared.jobs.job import CheckpointRef
from shared.jobs.record import source_key
from shared.volume.volume import CheckpointInfo, Volume


def find_source(volume: Volume, ref: CheckpointRef) -> CheckpointInfo:
    """Return a checkpoint after reading it against its manifest.

    Raises InputMissing when it is no longer on the volume, CheckpointCorrupt when its hashes do not match.
    """
    try:
        info = volume.checkpoint(ref)
    except NotFound as err:
        raise InputMissing(f"checkpoint {source_key(ref)} is no longer on the volume") from err
    if not volume.verify(info.path):
        raise CheckpointCorrupt(f"checkpoint {source_key(ref)} differs from its manifest")
    return info
