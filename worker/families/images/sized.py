"""Pictures by number, each of its own size: decoded once into a file where there is room, else as they are read.

What lies on each other pixel by pixel (a picture and its mask, a degraded and a clean picture) is one picture of more layers. Kept
for the next training of the same dataset (worker/families/kept.py):

    pixels.bin     of each picture, one after the other, uint8 (height, width, layers); absent when it would be larger than the
                   context allows
    sizes.bin      int64 (n, 2): height, width
    and further files of the caller's, so many bytes a picture
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from shared.errors import DatasetInvalid, Problem
from shared.volume.staging import full_is_said
from worker.context import Context
from worker.families.going import Going
from worker.families.images.pixels import AT_ONCE
from worker.families.kept import kept
from worker.families.rows import RowFile
from worker.recipe import OpenInput

_CHUNK = 32  # pictures between two looks at the clock


class SizedPixels:
    """sizes: int64 (n, 2), height and width. read: (number, top, rows) -> uint8 (rows, width, layers); may raise DatasetInvalid."""

    def __init__(self, sizes: np.ndarray, read: Callable[[int, int, int], np.ndarray]):
        self.sizes, self._read = sizes, read

    def __len__(self) -> int:
        return len(self.sizes)

    def whole(self, number: int) -> np.ndarray:
        """uint8 (height, width, layers). Raises DatasetInvalid, OSError."""
        return self._read(number, 0, int(self.sizes[number, 0]))

    def crop(self, number: int, top: int, left: int, shape: tuple[int, int]) -> np.ndarray:
        """A piece of a picture, uint8 (*shape, layers); beyond its edges, on any side, the outermost pixels."""
        height, width = (int(side) for side in self.sizes[number])
        rows = np.clip(np.arange(top, top + shape[0]), 0, height - 1)
        columns = np.clip(np.arange(left, left + shape[1]), 0, width - 1)
        found = self._read(number, int(rows[0]), int(rows[-1] - rows[0]) + 1)
        found = found[:, columns[0] : columns[-1] + 1]
        if found.shape[:2] == shape:
            return found
        return found[rows - rows[0]][:, columns - columns[0]]


@dataclass(frozen=True)
class Source:
    """Pictures to be decoded. names: as errors tell them. sizes: (width, height) of each once it is decoded.

    decode: number -> uint8 (height, width, layers); raises DatasetInvalid naming the file. measure: of a decoded picture, the bytes
    for each of `files` (name -> file). depends: what the pixels depend on besides the dataset, JSON-able.
    """

    names: Sequence[str]
    sizes: Sequence[tuple[int, int]]
    layers: int
    decode: Callable[[int], np.ndarray]
    measure: Callable[[np.ndarray], Mapping[str, bytes]]
    files: Mapping[str, str]
    depends: Mapping[str, Any]


def prepare_sized(
    opened: OpenInput, kind: str, source: Source, context: Context
) -> tuple[SizedPixels, dict[str, np.ndarray]]:
    """Decode all pictures, or find them decoded. Returns them, and uint8 arrays of what was measured, by the names of `files`.

    kind: the kind of entry in the cache. Raises DatasetInvalid naming every file that cannot be read, VolumeFull.
    """
    whole = sum(width * height for width, height in source.sizes) * source.layers <= context.max_cache_bytes
    depends = {**source.depends, "pillow": PIL.__version__, "whole": whole}

    def make(folder: Path) -> dict[str, Any]:
        _decode_all(source, whole, folder, context)
        return {}

    found: AbstractContextManager[tuple[Path, dict[str, Any]]] = kept(context, kind, opened, depends, make)
    with found as (folder, _):
        sizes = np.fromfile(folder / "sizes.bin", np.int64).reshape(-1, 2)
        arrays = {name: np.fromfile(folder / file, np.uint8) for name, file in source.files.items()}
        read = _kept_reader(folder, sizes, source.layers) if whole else _decoding_reader(source.decode)
    return SizedPixels(sizes, read), arrays


def digest_of(pixels: np.ndarray) -> bytes:
    """16 bytes, the same for the same pixels in the same shape."""
    return blake2b(np.ascontiguousarray(pixels).tobytes() + bytes(str(pixels.shape), "ascii"), digest_size=16).digest()


def _kept_reader(folder: Path, sizes: np.ndarray, layers: int) -> Callable[[int, int, int], np.ndarray]:
    pixels = RowFile(folder / "pixels.bin", np.dtype(np.uint8), (layers,))
    begins = np.concatenate([[0], np.cumsum(sizes.prod(1))])

    def read(number: int, top: int, rows: int) -> np.ndarray:
        width = int(sizes[number, 1])
        return pixels.read(int(begins[number]) + top * width, rows * width).reshape(rows, width, layers)

    return read


def _decoding_reader(decode: Callable[[int], np.ndarray]) -> Callable[[int, int, int], np.ndarray]:
    return lambda number, top, rows: decode(number)[top : top + rows]


def _decode_all(source: Source, whole: bool, folder: Path, context: Context) -> None:
    """Decode every picture once, in order, into the files. Raises DatasetInvalid naming all that cannot be read."""
    names = source.names
    going, problems = Going(context, "loading", len(names)), list[Problem]()

    def measured(number: int) -> tuple[np.ndarray | None, Mapping[str, bytes]] | DatasetInvalid:
        try:
            pixels = source.decode(number)
        except DatasetInvalid as err:
            return err
        sizes = np.array(pixels.shape[:2], np.int64).tobytes()
        return pixels if whole else None, {"sizes": sizes, **source.measure(pixels)}

    with full_is_said(), ThreadPoolExecutor(AT_ONCE) as pool:
        places = {"sizes": "sizes.bin", **source.files}
        files = {name: (folder / file).open("wb") for name, file in places.items()}
        body = (folder / "pixels.bin").open("wb") if whole else None
        try:
            for start in range(0, len(names), _CHUNK):
                numbers = range(start, min(start + _CHUNK, len(names)))
                for number, found in zip(numbers, pool.map(measured, numbers), strict=True):
                    if isinstance(found, DatasetInvalid):
                        problems.append(Problem(field="inputs.data", message=found.message, file=names[number]))
                        continue
                    for name, file in files.items():
                        file.write(found[1][name])
                    if body is not None and found[0] is not None:
                        body.write(found[0].tobytes())
                going.done(len(numbers))
        finally:
            for file in [*files.values(), *([body] if body else [])]:
                file.close()
    if problems:
        raise DatasetInvalid(f"{len(problems)} pictures cannot be read, first {problems[0].file}", problems=problems)
