"""Puts what a job shows on the volume: outputs.json with the files it names, all or none. Called by trainer and generator.

Artifacts of a job: jobs/<id>/attempt-<n>/artifacts/. Samples of a training: jobs/<id>/attempt-<n>/samples/<step>/.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from shared.outputs import OUTPUTS, Output, dump_outputs, files_of
from shared.volume.staging import full_is_said
from shared.volume.volume import Volume


class Files:
    """Where the files of outputs are written: a staging folder, nothing of which lasts until publish()."""

    def __init__(self, folder: Path):
        self._folder = folder

    def path(self, name: str) -> Path:
        """Where a file of this name is to be written. Raises ValueError for what is no plain name."""
        if PurePosixPath(name).name != name or name.startswith(".") or name == OUTPUTS:
            raise ValueError(f"{name!r} is no plain file name")
        return self._folder / name

    def write(self, name: str, content: bytes) -> str:
        """Write a whole file; returns its name. Raises VolumeFull."""
        with full_is_said():
            self.path(name).write_bytes(content)
        return name

    def names(self) -> list[str]:
        """What has been written so far."""
        return sorted(path.name for path in self._folder.iterdir())

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Write a file piece by piece. Raises VolumeFull."""
        with full_is_said(), self.path(name).open("wb") as file:
            yield file


@contextlib.contextmanager
def publishing(volume: Volume, final: Path) -> Iterator[tuple[Files, "list[Output]"]]:
    """Collect files and outputs and publish them as the folder `final`, manifest last; nothing at all when there are none.

    Yields (files, outputs); outputs is to be filled. Raises VolumeFull, leaving nothing; ValueError for an output that names a
    file nobody has written.
    """
    outputs: list[Output] = []
    with volume.stage(final.parent) as stage:
        yield Files(stage.path), outputs
        missing = [
            name for name in files_of(outputs) if not name.startswith("file:") and not (stage.path / name).is_file()
        ]
        if missing:
            raise ValueError(f"outputs name files that were not written: {', '.join(sorted(missing))}")
        if outputs or any(stage.path.iterdir()):
            with full_is_said():
                (stage.path / OUTPUTS).write_bytes(dump_outputs(outputs))
            stage.publish(final, {})
