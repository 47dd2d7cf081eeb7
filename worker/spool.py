"""What a job has written of a long file, kept on the volume so that its next attempt goes on after it.

    jobs/<job id>/attempt-<n>/rows/    rows.part   what has been written; grows
                                       mark.json   how many of its bytes count, their SHA-256, and what else is needed to go on

An attempt writes into its own folder alone. A later one copies what the mark of an earlier one says, byte for byte, and goes on: a
batch that was killed holds every row once. Called by worker/families/row_table.py; dropped by worker/generation/generator.py.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from shared.errors import Interrupted
from shared.volume import staging
from worker.context import Context

_FOLDER, _PART, _MARK = "rows", "rows.part", "mark.json"
_MARK_S = 3.0  # between two marks: what a kill may cost
_PIECE = 1 << 20


class Spool:
    """Bytes that are kept up to the last mark. Made by spooled(). state: of the mark that was taken over, {} for none."""

    def __init__(self, file: IO[bytes], place: Path | None):
        self._file, self._place = file, place
        self._digest, self._bytes = hashlib.sha256(), 0
        self._due: dict[str, Any] | None = None
        self._marked_at = time.monotonic()
        self.state: dict[str, Any] = {}

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._bytes += len(data)
        if self._place is not None:
            self._digest.update(data)

    def keep(self, state: dict[str, Any]) -> None:
        """All that has been written counts, and belongs to this state (JSON-able); put down now and then."""
        if self._place is None:
            return
        self._due = {"bytes": self._bytes, "sha256": self._digest.hexdigest(), "state": state}
        if time.monotonic() - self._marked_at >= _MARK_S:
            self.mark()

    def mark(self) -> None:
        """Put down what keep() was last told. Raises VolumeFull."""
        if self._place is not None and self._due is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            staging.write_json(self._place / _MARK, self._due)
        self._due, self._marked_at = None, time.monotonic()

    def take_over(self, place: Path, form: str, check: Callable[[], None]) -> None:
        """Copy what an earlier attempt has kept, where it is whole and was begun for the same form. check: called all along."""
        mark = staging.read_json(place / _MARK)
        if not isinstance(mark, dict) or mark.get("state", {}).get("form") != form:
            return
        try:
            with (place / _PART).open("rb") as part:
                left = int(mark["bytes"])
                while left and (piece := part.read(min(_PIECE, left))):
                    check()
                    self.write(piece)
                    left -= len(piece)
        except FileNotFoundError:
            left = 1
        if not left and self._digest.hexdigest() == mark["sha256"]:
            self.state = mark["state"]
            return
        self._file.seek(0)
        self._file.truncate()
        self._digest, self._bytes = hashlib.sha256(), 0


@contextlib.contextmanager
def spooled(path: Path, form: str, context: Context | None) -> Iterator[Spool]:
    """Write a file that is to be `path` in the end; inside an attempt what earlier ones have kept of it is there already.

    form: what must be the same for an earlier attempt's bytes to be of use; it belongs into every state under "form". Without a
    context, or outside an attempt, nothing is kept. Raises VolumeFull.
    """
    if context is None or context.attempt_dir is None or context.volume is None:
        with staging.full_is_said(), path.open("wb") as file:
            yield Spool(file, None)
        return
    place = context.attempt_dir / _FOLDER
    with staging.full_is_said():
        place.mkdir()
        with (place / _PART).open("wb") as file:
            spool = Spool(file, place)
            for number in reversed(context.volume.attempts(context.job_id)):
                if number < context.attempt and not spool.state:
                    earlier = context.volume.attempt_dir(context.job_id, number) / _FOLDER
                    spool.take_over(earlier, form, context.check)
            try:
                yield spool
            except Interrupted:
                spool.mark()  # it may go on elsewhere
                raise
        _hand_over(place / _PART, path)


def _hand_over(part: Path, path: Path) -> None:
    """The finished file under its own name; the other stays until drop(), should publishing fail."""
    try:
        os.link(part, path)
    except OSError:  # a file system that knows no links
        os.replace(part, path)


def drop(context: Context) -> None:
    """Remove what this attempt and earlier ones have kept: it is published, or nobody wants it any more."""
    if context.volume is None:
        return
    for number in context.volume.attempts(context.job_id):
        if number <= context.attempt:
            shutil.rmtree(context.volume.attempt_dir(context.job_id, number) / _FOLDER, ignore_errors=True)
