"""A file of equal rows (tokens, pixels of pictures) read by number: what is asked for is in memory, and nothing else.

pread rather than a mapping: the file may lie on a network volume, where a mapped page that cannot be read kills the process; an
error of pread is one that can be told.
"""

import os
import weakref
from pathlib import Path

import numpy as np


class RowFile:
    """Rows of one shape and type, numbered from 0. Stays readable when the file's name is removed. Safe to read from threads."""

    def __init__(self, path: Path, dtype: np.dtype, shape: tuple[int, ...] = ()):
        self.dtype, self.shape = dtype, shape
        self._row_bytes = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        self._path = path
        self._fd = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._fd)
        self._count = os.fstat(self._fd).st_size // self._row_bytes

    def __len__(self) -> int:
        return self._count

    def read(self, start: int, count: int) -> np.ndarray:
        """Rows start .. start + count: (count, *shape). Raises OSError."""
        rows = np.empty((count, *self.shape), self.dtype)
        self._fill(rows, start)
        return rows

    def take(self, numbers: np.ndarray) -> np.ndarray:
        """Rows by number: (n, *shape). numbers: int (n,). Raises OSError."""
        rows = np.empty((len(numbers), *self.shape), self.dtype)
        for row, number in zip(rows, numbers.tolist(), strict=True):
            self._fill(row, number)
        return rows

    def windows(self, starts: np.ndarray, length: int) -> np.ndarray:
        """`length` rows from each start on: (n, length, *shape). starts: int (n,). Raises OSError."""
        rows = np.empty((len(starts), length, *self.shape), self.dtype)
        for row, start in zip(rows, starts.tolist(), strict=True):
            self._fill(row, start)
        return rows

    def _fill(self, target: np.ndarray, start: int) -> None:
        room = memoryview(target.data).cast("B")
        offset = start * self._row_bytes
        while room:
            read = os.preadv(self._fd, [room], offset)
            if not read:
                raise OSError(f"{self._path.name}: ends at byte {offset}, more was expected")
            room, offset = room[read:], offset + read
