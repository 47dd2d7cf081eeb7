"""Puts a job's outputs on the volume, all or none. Called by worker/training/trainer.py and worker/generation/generator.py."""

from collections.abc import Mapping
from pathlib import Path

from shared.volume.volume import Volume


def publish_artifacts(volume: Volume, attempt_dir: Path, artifacts: Mapping[str, bytes]) -> list[str]:
    """Write artifacts/<name> with its manifest last. Returns the names, sorted. Raises VolumeFull, leaving nothing."""
    if not artifacts:
        return []
    with volume.stage(attempt_dir) as stage:
        for name, content in artifacts.items():
            (stage.path / name).write_bytes(content)
        stage.publish(attempt_dir / "artifacts", {})
    return sorted(artifacts)
