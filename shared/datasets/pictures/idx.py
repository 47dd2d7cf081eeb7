"""Reads IDX files of unsigned bytes (yann.lecun.com/exdb/mnist): their head, and any one picture of them.

Head: two zero bytes, type 8, number of axes, each axis as big-endian uint32. The bytes follow.
"""

import json
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from shared.datasets.folders.layout import PARTS

CLASSES = "classes.json"  # beside the files: names of the classes by label, where they are known


@dataclass(frozen=True)
class Head:
    """axes: (count,) of labels, (count, height, width) of pictures. start: where the data begin, in bytes."""

    axes: tuple[int, ...]
    start: int

    @property
    def size(self) -> int:
        """Bytes of data that should follow."""
        size = 1
        for axis in self.axes:
            size *= axis
        return size


def parse_head(data: bytes) -> Head | None:
    """The head from a file's first 16 bytes; None for what is no IDX file of labels or grey pictures."""
    if len(data) < 8 or data[:3] != b"\0\0\x08" or data[3] not in (1, 3) or len(data) < 4 + 4 * data[3]:
        return None
    return Head(struct.unpack_from(f">{data[3]}I", data, 4), 4 + 4 * data[3])


def file_name(part: str, kind: str) -> str:
    """What an imported dataset calls its files. part: "train", "val" or "test"; kind: "images" or "labels"."""
    return f"{part}-{kind}-idx{3 if kind == 'images' else 1}-ubyte"


class IdxPart:
    """The pictures and labels of one part, gzip taken off, as import stores them. Labels are held: a byte a picture."""

    def __init__(self, folder: Path, part: str):
        self._path = folder / file_name(part, "images")
        with self._path.open("rb") as file:
            head = parse_head(file.read(16))
        if head is None or len(head.axes) != 3:
            raise ValueError(f"{self._path.name} is no IDX file of pictures")
        self._head = head
        self.count, self.height, self.width = head.axes
        self.labels = (folder / file_name(part, "labels")).read_bytes()[8:]

    def open(self, i: int) -> Image.Image:
        """Picture number i, mode "L". Raises OSError, ValueError for a file cut short."""
        size = self.height * self.width
        with self._path.open("rb", buffering=0) as file:
            data = os.pread(file.fileno(), size, self._head.start + i * size)
        return Image.frombytes("L", (self.width, self.height), data)


def parts_in(names: list[str]) -> list[str]:
    """Parts of an imported dataset, in the order train, val, test, from the names of its files."""
    return [part for part in PARTS if file_name(part, "images") in names]


def class_names(folder: Path) -> dict[str, str]:
    """Names of classes by label, of an imported dataset; {} where none are known."""
    try:
        return json.loads((folder / CLASSES).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
