"""Reads the head of a GGUF file as an enemy might have written it: what is known of the model, and where its tensors lie.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The library gguf reads it too, but without bounds.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from shared.bases.tensor_source import count_of
from shared.errors import BaseInvalid

_VERSIONS = (2, 3)
_MOST_TENSORS, _MOST_KEYS, _MOST_ELEMENTS = 100_000, 100_000, 2_000_000
_MOST_TEXT = 16 * 1024**2  # bytes of one text
_MOST_HEAD = 512 * 1024**2  # bytes of all; the largest vocabularies take some 20 MB
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9


@dataclass(frozen=True)
class Place:
    """Where a tensor lies. kind: its number among GGML's types. shape: outermost first. start: in the file."""

    name: str
    kind: int
    shape: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class Header:
    """keys: metadata by name. places: tensors in the file's order. size: of the file in bytes."""

    keys: dict[str, Any]
    places: list[Place]
    size: int


class _Reader:
    """Takes numbers and texts off a file, within bounds."""

    def __init__(self, file: IO[bytes], size: int, name: str):
        self._file, self._left, self._name = file, min(size, _MOST_HEAD), name

    def take(self, count: int) -> bytes:
        self._left -= count
        if self._left < 0:
            raise self.refuse("is cut off, or its head is damaged: it promises more than the file holds")
        found = self._file.read(count)
        if len(found) != count:
            raise self.refuse("is cut off in its head")
        return found

    def refuse(self, what: str) -> BaseInvalid:
        return BaseInvalid(f"{self._name} {what}")

    def number(self, kind: str) -> Any:
        return struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")))[0]

    def count(self, most: int, what: str) -> int:
        found = self.number("Q")
        if found > most:
            raise self.refuse(f"is damaged: it promises {found:,} {what}; at most {most:,} are read")
        return found

    def text(self) -> str:
        return self.take(self.count(_MOST_TEXT, "bytes of a text")).decode("utf-8", "replace")

    def value(self, kind: int, depth: int = 0) -> Any:
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind == _TEXT:
            return self.text()
        if kind != _LIST or depth > 2:
            raise self.refuse(f"is damaged: {kind} is no type of a value")
        of, count = self.number("I"), self.count(_MOST_ELEMENTS, "elements of a list")
        if of in _SCALARS:
            code = f"<{count}{_SCALARS[of]}"
            return list(struct.unpack(code, self.take(struct.calcsize(code))))
        return [self.value(of, depth + 1) for _ in range(count)]


def read_header(path: Path, name: str, bytes_of: Callable[[int, tuple[int, ...]], int]) -> Header:
    """Read the head. bytes_of: (type, shape) -> bytes of a tensor; raises BaseInvalid for a type that is not read.

    Raises BaseInvalid for what is no GGUF file, another version, or damaged: cut off, tensors that overlap or lie beyond its end.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        reader = _Reader(file, size, name)
        if size < 24 or reader.take(4) != b"GGUF":
            raise reader.refuse("is no GGUF file")
        if (version := reader.number("I")) not in _VERSIONS:
            other = "big-endian, or of another version" if version > 0xFFFF else f"of version {version}"
            raise reader.refuse(f"is {other}; read are versions {' and '.join(map(str, _VERSIONS))}, little-endian")
        tensors, count = reader.count(_MOST_TENSORS, "tensors"), reader.count(_MOST_KEYS, "keys")
        keys = {}
        for _ in range(count):
            key = reader.text()
            keys[key] = reader.value(reader.number("I"))
        entries = []
        for _ in range(tensors):
            tensor, rank = reader.text(), reader.number("I")
            if rank > 4:
                raise reader.refuse(f"is damaged: tensor {tensor!r:.60} has {rank} dimensions")
            shape = tuple(reader.number("Q") for _ in range(rank))[::-1]
            entries.append((tensor, reader.number("I"), shape, reader.number("Q")))
        alignment = keys.get("general.alignment", 32)
        if type(alignment) is not int or not 0 < alignment <= 2**20:
            raise reader.refuse(f"is damaged: its alignment is {alignment!r:.20}")
        begin = -(-file.tell() // alignment) * alignment
    places = [Place(tensor, kind, shape, begin + offset) for tensor, kind, shape, offset in entries]
    _check(places, size, name, bytes_of)
    return Header(keys, places, size)


def _check(places: list[Place], size: int, name: str, bytes_of: Callable[[int, tuple[int, ...]], int]) -> None:
    """Raise BaseInvalid where tensors overlap, have one name, or lie beyond the file's end."""
    end, seen = 0, set()
    for place in sorted(places, key=lambda place: place.start):
        if place.name in seen:
            raise BaseInvalid(f"{name} has two tensors {place.name!r:.60}")
        seen.add(place.name)
        if count_of(place.shape) >= 2**40:
            raise BaseInvalid(f"{name} is damaged: tensor {place.name!r:.60} has the shape {list(place.shape)}")
        if place.start < end:
            raise BaseInvalid(f"{name} is damaged: tensor {place.name!r:.60} overlaps the one before it")
        end = place.start + bytes_of(place.kind, place.shape)
        if end > size:
            raise BaseInvalid(
                f"{name} is cut off: tensor {place.name!r:.60} ends at byte {end:,} of {size:,}; load it down again"
            )
