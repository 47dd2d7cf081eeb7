"""Pictures of one size as rows of numbers: decoded once into a file where there is room for them, else as they are read.

Kept for the next training of the same dataset and size (worker/families/kept.py):

    pixels.bin     uint8 (n, height, width, channels), absent when it would be larger than the context allows
    digests.bin    16 bytes a picture: pictures of the same pixels are the same
    sums.bin       int64 (n, channels, 2): of a picture's values and of their squares, for mean and spread of any part
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from hashlib import blake2b
from os import cpu_count
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image

from shared.datasets.pictures.reading import PictureList, open_pictures
from shared.errors import DatasetInvalid, Problem
from shared.volume.staging import full_is_said
from worker.context import Context
from worker.families.going import Going
from worker.families.kept import kept
from worker.families.rows import RowFile
from worker.recipe import OpenInput

SIDE_LIMIT = 96  # pixels; larger pictures are scaled down when image_size is 0. A guess at what a CPU bears
AT_ONCE = min(4, cpu_count() or 1)  # pictures decoded at a time: each may hold 64 million pixels
_CHUNK = 64  # pictures between two looks at the clock
_MADE_AS = 1  # raised when the same picture would become other pixels
_VALUES = np.arange(256, dtype=np.int64)


def to_pixels(image: Image.Image, shape: Sequence[int]) -> np.ndarray:
    """Scale an upright 8-bit picture ("L" or "RGB") to uint8 (height, width, channels) = shape."""
    height, width, channels = shape
    image = image.convert("RGB" if channels == 3 else "L")
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(image, dtype=np.uint8).reshape(height, width, channels)


def pixels_or_why(pictures: PictureList, i: int, shape: Sequence[int]) -> np.ndarray | str:
    """A picture as the network sees it, or why it cannot be read."""
    try:
        return to_pixels(pictures.open(i), shape)
    except DatasetInvalid as err:
        return err.message


def target_size(sizes: set[tuple[int, int]], shorter_sides: Sequence[int], image_size: int) -> tuple[int, int]:
    """Choose (height, width) for pictures. image_size: the side; 0: as they are when all are alike, at most SIDE_LIMIT.

    sizes: every (width, height) there is. shorter_sides: of each picture.
    """
    if image_size:
        return image_size, image_size
    if len(sizes) == 1 and max(width_height := next(iter(sizes))) <= SIDE_LIMIT:
        return width_height[1], width_height[0]
    side = min(SIDE_LIMIT, int(np.median(shorter_sides)))
    return side, side


class Pixels:
    """Pictures by number. shape: (height, width, channels). digests: bytes of each picture's. sums: see the module."""

    def __init__(self, shape: tuple[int, int, int], digests: np.ndarray, sums: np.ndarray, read: Any):
        self.shape, self.digests, self.sums, self._read = shape, digests, sums, read

    def rows(self, numbers: np.ndarray) -> np.ndarray:
        """uint8 (n, height, width, channels). numbers: int (n,). Raises OSError, DatasetInvalid for a file gone since."""
        return self._read(numbers)

    def moments(self, numbers: np.ndarray) -> tuple[list[float], list[float]]:
        """Mean and standard deviation per channel, of values 0..1, over some of the pictures; exact sums."""
        count = len(numbers) * self.shape[0] * self.shape[1]
        mean, std = [], []
        for channel in range(self.shape[2]):
            total, squares = (int(self.sums[numbers, channel, i].sum()) for i in (0, 1))
            mean.append(total / count / 255)
            std.append(max(math.sqrt(count * squares - total * total) / count / 255, 1e-3))
        return mean, std


def prepare(opened: OpenInput, image_size: int, context: Context) -> tuple[PictureList, Pixels]:
    """Open a dataset of format "pictures" or "idx" and decode it, or find it decoded.

    image_size: side to scale to; 0: as stored, at most SIDE_LIMIT. Raises DatasetInvalid naming every file that cannot be
    read, VolumeFull.
    """
    pictures = open_pictures(opened.folder, opened.dataset)
    if not len(pictures):
        message = "the dataset holds no pictures"
        raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])
    most = context.max_cache_bytes
    depends = {"as": _MADE_AS, "size": image_size, "pillow": PIL.__version__, "most": most}

    def make(folder: Path) -> dict[str, Any]:
        return _decode_all(pictures, image_size, most, folder, context)

    found: AbstractContextManager[tuple[Path, dict[str, Any]]] = kept(context, "pictures", opened, depends, make)
    with found as (folder, facts):
        height, width, channels = shape = tuple(facts["shape"])
        pixels = stored_pixels(
            folder, (height, width, channels), facts["whole"], lambda i: to_pixels(pictures.open(i), shape)
        )
    return pictures, pixels


def stored_pixels(
    folder: Path, shape: tuple[int, int, int], whole: bool, decode: Callable[[int], np.ndarray]
) -> Pixels:
    """Open what store_pixels() wrote. whole: what it returned. decode: as there, for pictures that are not kept."""
    digests = np.fromfile(folder / "digests.bin", "V16")
    sums = np.fromfile(folder / "sums.bin", np.int64).reshape(-1, shape[2], 2)
    read = RowFile(folder / "pixels.bin", np.dtype(np.uint8), shape).take if whole else _reader(decode, shape)
    return Pixels(shape, digests, sums, read)


def _reader(decode: Callable[[int], np.ndarray], shape: Sequence[int]) -> Callable[[np.ndarray], np.ndarray]:
    """Decodes pictures when they are asked for."""
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures")

    def read(numbers: np.ndarray) -> np.ndarray:
        rows = np.empty((len(numbers), *shape), np.uint8)
        for row, pixels in zip(rows, pool.map(decode, numbers.tolist()), strict=True):
            row[:] = pixels
        return rows

    return read


def _decode_all(
    pictures: PictureList, image_size: int, most_bytes: int, folder: Path, context: Context
) -> dict[str, Any]:
    """Decode every picture once, in order, into the three files. Returns their shape, and whether pixels.bin is there."""
    count = len(pictures)
    going = Going(context, "loading", 1.2 * count)  # looking at a head is quick beside decoding
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sizes, shorter = set[tuple[int, int]](), []
        for size in _each(pool, pictures.size, pictures.names, lambda n: going.done(0.2 * n)):
            sizes.add(size)
            shorter.append(min(size))
        shape = (*target_size(sizes, shorter, image_size), pictures.channels)
    whole = store_pixels(
        pictures.names, lambda i: to_pixels(pictures.open(i), shape), shape, most_bytes, folder, going.done
    )
    return {"shape": list(shape), "whole": whole}


def store_pixels(
    names: Sequence[str],
    decode: Callable[[int], np.ndarray],
    shape: Sequence[int],
    most_bytes: int,
    folder: Path,
    done: Callable[[int], None],
) -> bool:
    """Decode every picture once, in order, into the three files; returns whether pixels.bin is there.

    decode: (number) -> uint8 of this shape; raises DatasetInvalid. done: called with how many after each few. Raises DatasetInvalid
    naming all that cannot be read, VolumeFull.
    """
    whole = len(names) * math.prod(shape) <= most_bytes

    def measured(i: int) -> tuple[np.ndarray, bytes, np.ndarray]:
        pixels = decode(i)
        counts = np.stack([np.bincount(pixels[..., c].ravel(), minlength=256) for c in range(shape[2])])
        sums = np.stack([counts @ _VALUES, counts @ (_VALUES * _VALUES)], axis=1)
        return pixels, blake2b(pixels.tobytes(), digest_size=16).digest(), sums

    with (
        full_is_said(),
        ThreadPoolExecutor(AT_ONCE) as pool,
        (folder / "pixels.bin").open("wb") as body,
        (folder / "digests.bin").open("wb") as digests,
        (folder / "sums.bin").open("wb") as all_sums,
    ):
        for pixels, digest, sums in _each(pool, measured, names, done):
            if whole:
                body.write(pixels)
            digests.write(digest)
            all_sums.write(sums)
    if not whole:
        (folder / "pixels.bin").unlink()
    return whole


def _each(
    pool: ThreadPoolExecutor, work: Callable[[int], Any], names: Sequence[str], done: Callable[[int], None]
) -> Iterator[Any]:
    """work(i) of every picture, in order, a chunk of them at a time; done(how many) after each chunk.

    Raises DatasetInvalid naming all that cannot be read, once every one has been tried.
    """

    def carefully(i: int) -> Any:
        try:
            return work(i)
        except DatasetInvalid as err:
            return err

    problems: list[Problem] = []
    for start in range(0, len(names), _CHUNK):
        numbers = range(start, min(start + _CHUNK, len(names)))
        for i, result in zip(numbers, pool.map(carefully, numbers), strict=True):
            if isinstance(result, DatasetInvalid):
                problems.append(Problem(field="inputs.data", message=result.message, file=names[i]))
            else:
                yield result
        done(len(numbers))
    if problems:
        raise DatasetInvalid(f"{len(problems)} pictures cannot be read, first {problems[0].file}", problems=problems)
