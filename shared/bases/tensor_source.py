"""One tensor of a source, wherever it lies, as bytes in one of three types."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

DTYPES = {"F32": 4, "F16": 2, "BF16": 2}  # bytes of a number, of the types that are stored
PIECE = 1 << 22  # bytes looked at at a time


@dataclass(frozen=True)
class SourceTensor:
    """A tensor that can be read. dtype: of DTYPES. shape: outermost first. pieces: its bytes, in order and whole numbers each."""

    name: str
    file: str
    dtype: str
    shape: tuple[int, ...]
    pieces: Callable[[], Iterator[bytes]]

    @property
    def count(self) -> int:
        return count_of(self.shape)

    @property
    def bytes(self) -> int:
        return self.count * DTYPES[self.dtype]


def count_of(shape: tuple[int, ...]) -> int:
    """How many numbers a tensor of this shape has."""
    total = 1
    for size in shape:
        total *= size
    return total


def pieces_of_file(path: Path, start: int, size: int) -> Iterator[bytes]:
    """A stretch of a file, a piece at a time. Raises EOFError when the file ends before it."""
    with path.open("rb") as file:
        file.seek(start)
        while size:
            piece = file.read(min(size, PIECE))
            if not piece:
                raise EOFError(f"{path.name} ends before its tensors do")
            size -= len(piece)
            yield piece
