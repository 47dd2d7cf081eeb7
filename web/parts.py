"""The files of one multipart request, one behind the other in a single nameless file on the volume.

One open file for a request, however many pictures it brings: else some hundreds of parts leave the process without file
descriptors. Made by web/app.py, closed by web/bodies.py.
"""

import io
import os
import tempfile
from pathlib import Path
from typing import IO, Any

from shared.volume.staging import STAGING_PREFIX


class Parts:
    """Hands out a stream for each part. Parts are written one after the other, as they come, and read in any order."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._given: list[io.BufferedRandom] = []

    def next(self) -> io.BufferedRandom:
        """A stream for the next part; what was written to the one before stays. Raises OSError."""
        if self._file is None:
            self._file = tempfile.TemporaryFile("w+b", buffering=0, dir=self._folder, prefix=STAGING_PREFIX)  # noqa: SIM115
        if self._given:
            self._given[-1].flush()
        stream = io.BufferedRandom(_Part(self._file.fileno()))  # type: ignore[arg-type]
        self._given.append(stream)
        return stream

    def close(self) -> None:
        """Give the room on the volume back."""
        if self._file is None:
            return
        for stream in self._given:
            try:
                stream.close()
            except OSError:
                continue  # a part that did not fit; it was refused when it was written
        self._file.close()


class _Part(io.RawIOBase):
    """The bytes of a shared file from where it ended when this part began."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor
        self._begin = os.fstat(descriptor).st_size
        self._size = 0
        self._at = 0

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wanted = memoryview(buffer)[: max(0, self._size - self._at)]
        count = os.preadv(self._descriptor, [wanted], self._begin + self._at) if len(wanted) else 0
        self._at += count
        return count

    def write(self, data: Any) -> int:
        count = os.pwrite(self._descriptor, data, self._begin + self._at)
        self._at += count
        self._size = max(self._size, self._at)
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"{start + offset} is before the beginning of the part")
        self._at = start + offset
        return self._at
