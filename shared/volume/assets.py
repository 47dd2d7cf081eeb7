"""What the assets of a checkpoint say in JSON, for those who only look: classes, the shape of a picture.

A checkpoint's state names its job's assets by their hash; worker/training/assets.py writes them, and reads them whole.
"""

import json
from typing import Any

from shared.errors import NotFound
from shared.jobs.job import CheckpointRef
from shared.volume.volume import Volume

JSON = "assets.json"  # beside the assets' arrays
STATE = "state.json"  # of a checkpoint


def known_of(volume: Volume, ref: CheckpointRef) -> dict[str, Any]:
    """The JSON of a checkpoint's assets; files are not held against their manifests. Raises NotFound when any of it is gone."""
    path = volume.checkpoint(ref).path
    try:
        name = json.loads((path / STATE).read_text(encoding="utf-8"))["assets"]
        return json.loads((volume.job_dir(ref.job_id) / "assets" / name / JSON).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as err:
        said = f"the checkpoint at step {ref.step} of job {ref.job_id} cannot be read: its files are gone or damaged"
        raise NotFound(said) from err
