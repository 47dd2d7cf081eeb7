"""Pictures with their masks by number, each of its own size: decoded once into a file where there is room, else as they are read.

Kept for the next training of the same dataset and size (worker/families/kept.py):

    pixels.bin     of each pair, one after the other, uint8 (height, width, channels + 1): the mask is the last channel; absent when
                   it would be larger than the context allows
    sizes.bin      int64 (n, 2): height, width
    counts.bin     int64 (n, 256): pixels of each value of the mask
    sums.bin       int64 (n, channels, 2): of a picture's values and of their squares
    digests.bin    16 bytes a picture: pictures of the same pixels are the same
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image

from shared.datasets.pairs import Pair, mask_classes, read_pairs
from shared.datasets.pairs.storing import NOTHING
from shared.datasets.pictures.decoding import BROKEN, Levels, Unreadable, opened_picture, upright
from shared.datasets.problems import refuse
from shared.errors import DatasetInvalid, Problem
from shared.volume.staging import full_is_said
from worker.context import Context
from worker.families.going import Going
from worker.families.images.pixels import AT_ONCE
from worker.families.kept import kept
from worker.families.rows import RowFile
from worker.recipe import OpenInput

LONGEST = 1_024  # pixels of the longer side when image_size is 0. A guess at what a CPU bears
_MADE_AS = 1  # raised when the same pair would become other pixels
_CHUNK = 32  # pairs between two looks at the clock
_VALUES = np.arange(256, dtype=np.int64)
_FILES = {"sizes": "sizes.bin", "counts": "counts.bin", "sums": "sums.bin", "digests": "digests.bin"}


def scaled_size(size: tuple[int, int], image_size: int) -> tuple[int, int]:
    """(width, height) at which a picture of this size is looked at: its longer side is at most image_size, 0: LONGEST."""
    share = min(1.0, (image_size or LONGEST) / max(size))
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def picture_pixels(image: Image.Image, image_size: int, channels: int) -> np.ndarray:
    """An upright picture ("L" or "RGB") as the network sees it: uint8 (height, width, channels)."""
    image = image.convert("RGB" if channels == 3 else "L")
    size = scaled_size(image.size, image_size)
    if size != image.size:
        image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(image, np.uint8).reshape(size[1], size[0], channels)


class MaskPairs:
    """Pairs by number. read: (number) -> uint8 (height, width, channels + 1), or rows of it. See the module for the arrays."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        classes: Sequence[tuple[str, str]],
        channels: int,
        arrays: dict[str, np.ndarray],
        read: Callable[[int, int, int], np.ndarray],
    ):
        self.names = [pair.left.removeprefix("left/") for pair in pairs]
        self.parts = [pair.part for pair in pairs]
        self.classes, self.channels = list(classes), channels
        self.sizes, self.counts = arrays["sizes"], arrays["counts"]
        self.digests, self._sums = arrays["digests"], arrays["sums"]
        self._read = read

    def __len__(self) -> int:
        return len(self.names)

    def whole(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Picture uint8 (height, width, channels) and mask uint8 (height, width) of a pair. Raises DatasetInvalid, OSError."""
        both = self._read(number, 0, int(self.sizes[number, 0]))
        return both[..., :-1], both[..., -1]

    def crop(self, number: int, top: int, left: int, shape: tuple[int, int]) -> np.ndarray:
        """A piece of a pair, uint8 (*shape, channels + 1); beyond the edges the outermost pixels, of no class."""
        height, width = (int(side) for side in self.sizes[number])
        rows = self._read(number, top, min(shape[0], height - top))
        piece = rows[:, left : min(left + shape[1], width)]
        missing = [(0, shape[0] - piece.shape[0]), (0, shape[1] - piece.shape[1])]
        if missing == [(0, 0), (0, 0)]:
            return piece
        padded = np.pad(piece, [*missing, (0, 0)], mode="edge")
        padded[piece.shape[0] :, :, -1] = NOTHING
        padded[:, piece.shape[1] :, -1] = NOTHING
        return padded

    def moments(self, numbers: np.ndarray) -> tuple[list[float], list[float]]:
        """Mean and standard deviation per channel, of values 0..1, over some of the pictures; exact sums."""
        count = int(self.sizes[numbers].prod(1).sum())
        mean, std = [], []
        for channel in range(self.channels):
            total, squares = (int(self._sums[numbers, channel, i].sum()) for i in (0, 1))
            mean.append(total / count / 255)
            std.append(max(math.sqrt(max(count * squares - total * total, 0)) / count / 255, 1e-3))
        return mean, std


def prepare_pairs(opened: OpenInput, image_size: int, context: Context) -> MaskPairs:
    """Open a dataset of format "picture_pairs" whose right pictures are masks, and decode it, or find it decoded.

    image_size: see scaled_size. Raises DatasetInvalid naming every file that cannot be read, VolumeFull.
    """
    root, facts = opened.folder / "files", opened.dataset.report.facts
    pairs = list(read_pairs(root))
    channels, levels = int(facts.get("channels", 3)), facts.get("levels")
    most = context.max_cache_bytes
    sizes = [scaled_size(pair.size, image_size) for pair in pairs]
    whole = sum(width * height for width, height in sizes) * (channels + 1) <= most
    depends = {"as": _MADE_AS, "size": image_size, "pillow": PIL.__version__, "whole": whole}

    def decode(number: int) -> np.ndarray:
        return decoded(root, pairs[number], image_size, channels, levels)

    def make(folder: Path) -> dict[str, Any]:
        _decode_all([pair.left for pair in pairs], decode, whole, channels, folder, context)
        return {}

    found: AbstractContextManager[tuple[Path, dict[str, Any]]] = kept(context, "pairs", opened, depends, make)
    with found as (folder, _):
        shapes = {"sizes": (np.int64, (-1, 2)), "counts": (np.int64, (-1, 256)), "sums": (np.int64, (-1, channels, 2))}
        arrays = {name: np.fromfile(folder / _FILES[name], kind).reshape(to) for name, (kind, to) in shapes.items()}
        arrays["digests"] = np.fromfile(folder / _FILES["digests"], "V16")
        read = _kept_reader(folder, arrays["sizes"], channels) if whole else _decoding_reader(decode)
    classes = [(kind.name, kind.colour) for kind in mask_classes(root)]
    return MaskPairs(pairs, classes, channels, arrays, read)


def decoded(root: Path, pair: Pair, image_size: int, channels: int, levels: Levels | None) -> np.ndarray:
    """uint8 (height, width, channels + 1): a picture and its mask. Raises DatasetInvalid naming the file."""
    try:
        name = pair.left
        with opened_picture(root / pair.left) as image:
            pixels = picture_pixels(upright(image, levels), image_size, channels)
        name = pair.right
        mask = mask_values(root / pair.right, (pixels.shape[1], pixels.shape[0]))
    except (Unreadable, *BROKEN) as err:
        raise refuse(str(err), file=name) from err
    return np.concatenate([pixels, mask[..., None]], -1)


def mask_values(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """Classes of a stored mask, uint8 (height, width). size: (width, height) to bring it to; None: as it is. Raises Unreadable."""
    with opened_picture(path) as image:
        if size is not None and image.size != size:
            image = image.resize(size, Image.Resampling.NEAREST)
        return np.asarray(image, np.uint8)


def _kept_reader(folder: Path, sizes: np.ndarray, channels: int) -> Callable[[int, int, int], np.ndarray]:
    pixels = RowFile(folder / "pixels.bin", np.dtype(np.uint8), (channels + 1,))
    begins = np.concatenate([[0], np.cumsum(sizes.prod(1))])

    def read(number: int, top: int, rows: int) -> np.ndarray:
        width = int(sizes[number, 1])
        found = pixels.read(int(begins[number]) + top * width, rows * width)
        return found.reshape(rows, width, channels + 1)

    return read


def _decoding_reader(decode: Callable[[int], np.ndarray]) -> Callable[[int, int, int], np.ndarray]:
    return lambda number, top, rows: decode(number)[top : top + rows]


def _decode_all(
    names: Sequence[str],
    decode: Callable[[int], np.ndarray],
    whole: bool,
    channels: int,
    folder: Path,
    context: Context,
) -> None:
    """Decode every pair once, in order, into the files. Raises DatasetInvalid naming all that cannot be read."""
    going, problems = Going(context, "loading", len(names)), list[Problem]()

    def measured(number: int) -> tuple[np.ndarray | None, dict[str, bytes]] | DatasetInvalid:
        try:
            both = decode(number)
        except DatasetInvalid as err:
            return err
        counts = [np.bincount(both[..., c].ravel(), minlength=256) for c in range(channels + 1)]
        sums = np.stack([[each @ _VALUES, each @ (_VALUES * _VALUES)] for each in counts[:-1]])
        pixels = np.ascontiguousarray(both[..., :-1])
        return both if whole else None, {
            "sizes": np.array(both.shape[:2], np.int64).tobytes(),
            "counts": counts[-1].astype(np.int64).tobytes(),
            "sums": sums.astype(np.int64).tobytes(),
            "digests": blake2b(pixels.tobytes() + bytes(str(pixels.shape), "ascii"), digest_size=16).digest(),
        }

    with full_is_said(), ThreadPoolExecutor(AT_ONCE) as pool:
        files = {name: (folder / file).open("wb") for name, file in _FILES.items()}
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
        raise DatasetInvalid(f"{len(problems)} pairs cannot be read, first {problems[0].file}", problems=problems)
