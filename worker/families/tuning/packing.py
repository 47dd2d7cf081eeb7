"""Puts rows of tokens into windows of one length, several to a window, so that little of a step is spent on padding.

Best-fit decreasing: the longest row first, each into the fullest window that still has room. Rows in a window do not see each
other: the network is told which tokens are of one row. Source: Krell et al. 2021, arXiv:2107.02027.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Windows:
    """rows: numbers of rows, window after window. starts: where each window's rows begin, and the end: int64 (windows + 1,)."""

    rows: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, window: int) -> np.ndarray:
        """The rows of a window, in their order."""
        return self.rows[self.starts[window] : self.starts[window + 1]]


def pack(rows: np.ndarray, lengths: np.ndarray, size: int, *, together: bool = True) -> Windows:
    """rows: int64 (n,). lengths: int (n,), of each its tokens, at most `size`. together: False gives each a window of its own.

    The order of equal rows is theirs in `rows`: shuffled rows meet other neighbours, the same rows the same ones.
    """
    if not together:
        return Windows(rows, np.arange(len(rows) + 1, dtype=np.int64))
    windows: list[list[int]] = []
    by_room: list[list[int]] = [[] for _ in range(size + 1)]  # windows by the tokens there is room for
    there = 0  # bit r: some window has room for r
    for place in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[place])
        fitting = there >> length
        if fitting:
            room = length + (fitting & -fitting).bit_length() - 1
            window = by_room[room].pop()
            if not by_room[room]:
                there &= ~(1 << room)
        else:
            room, window = size, len(windows)
            windows.append([])
        windows[window].append(place)
        by_room[room - length].append(window)
        there |= 1 << (room - length)
    order = np.fromiter((place for window in windows for place in window), np.int64, len(rows))
    starts = np.zeros(len(windows) + 1, np.int64)
    np.cumsum([len(window) for window in windows], out=starts[1:])
    return Windows(rows[order], starts)
