"""Writes an attempt's log.txt: what its process prints, each line with the UTC time at which it came.

The supervisor does the writing, so that the last words of a process that crashes are kept.
"""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

_LIMIT_BYTES = 64 * 1024**2  # a guess: a recipe that prints without end shall not fill the volume


class AttemptLog:
    """Appends to log.txt. A volume that refuses the write costs the lines, not the job."""

    def __init__(self, path: Path):
        self._file = path.open("ab", buffering=0)
        self._rest = b""
        self._written = 0

    def feed(self, data: bytes) -> None:
        """Take raw output; lines not yet ended wait for their end."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._write(lines)

    def say(self, text: str) -> None:
        """Write a line of the supervisor's own."""
        self._write(f"trainyard: {text}".encode().splitlines())

    def _write(self, lines: list[bytes]) -> None:
        if not lines or self._written > _LIMIT_BYTES:
            return
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3].encode() + b"Z "
        text = b"".join(now + line.rpartition(b"\r")[2] + b"\n" for line in lines)
        self._written += len(text)
        if self._written > _LIMIT_BYTES:
            text += now + b"trainyard: the log has reached its limit; what follows is not kept\n"
        with contextlib.suppress(OSError):  # the volume is full or gone: the checkpoint or the outcome will say so
            self._file.write(text)

    def close(self) -> None:
        if self._rest:
            self._write([self._rest])
        with contextlib.suppress(OSError):
            self._file.close()
