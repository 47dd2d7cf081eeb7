"""Finds the checkpoint a job starts from or generates with. Called by worker/trainer.py and worker/generator.py."""

from shared.errors import CheckpointCorrupt, InputMissing, NotFound
from shared.job import CheckpointRef
from shared.record import source_key
from shared.volume import CheckpointInfo, Volume


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
