"""Pairs of pictures and masks by number (worker/families/images/sized.py), with what a segmenter has to know of each:

counts.bin     int64 (n, 256): pixels of each value of the mask
sums.bin       int64 (n, channels, 2): of a picture's values and of their squares
digests.bin    16 bytes a picture: pictures of the same pixels are the same
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from shared.datasets.pairs import Pair, mask_classes, read_pairs
from shared.datasets.pairs.storing import NOTHING
from shared.datasets.pictures.decoding import BROKEN, Levels, Unreadable, opened_picture, upright
from shared.datasets.problems import refuse
from worker.context import Context
from worker.families.images.sized import SizedPixels, Source, digest_of, prepare_sized
from worker.recipe import OpenInput

LONGEST = 1_024  # pixels of the longer side when image_size is 0. A guess at what a CPU bears
_MADE_AS = 1  # raised when the same pair would become other pixels
_VALUES = np.arange(256, dtype=np.int64)
_FILES = {"counts": "counts.bin", "sums": "sums.bin", "digests": "digests.bin"}


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
    """Pairs by number. pixels: (height, width, channels + 1), the mask last. See the module for the arrays."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        classes: Sequence[tuple[str, str]],
        channels: int,
        arrays: dict[str, np.ndarray],
        pixels: SizedPixels,
    ):
        self.names = [pair.left.removeprefix("left/") for pair in pairs]
        self.parts = [pair.part for pair in pairs]
        self.classes, self.channels, self.sizes = list(classes), channels, pixels.sizes
        self.counts, self.digests, self._sums = arrays["counts"], arrays["digests"], arrays["sums"]
        self._pixels = pixels

    def __len__(self) -> int:
        return len(self.names)

    def whole(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Picture uint8 (height, width, channels) and mask uint8 (height, width) of a pair. Raises DatasetInvalid, OSError."""
        both = self._pixels.whole(number)
        return both[..., :-1], both[..., -1]

    def crop(self, number: int, top: int, left: int, shape: tuple[int, int]) -> np.ndarray:
        """A piece of a pair, uint8 (*shape, channels + 1); beyond the far edges the outermost pixels, of no class."""
        piece = self._pixels.crop(number, top, left, shape)
        height, width = (max(int(side) - at, 0) for side, at in zip(self.sizes[number], (top, left), strict=True))
        if height < shape[0] or width < shape[1]:
            piece = piece.copy()
            piece[height:, :, -1] = NOTHING
            piece[:, width:, -1] = NOTHING
        return piece

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
    source = Source(
        names=[pair.left for pair in pairs],
        sizes=[scaled_size(pair.size, image_size) for pair in pairs],
        layers=channels + 1,
        decode=lambda number: decoded(root, pairs[number], image_size, channels, levels),
        measure=_measured,
        files=_FILES,
        depends={"as": _MADE_AS, "size": image_size},
    )
    pixels, found = prepare_sized(opened, "pairs", source, context)
    arrays = {
        "counts": found["counts"].view(np.int64).reshape(-1, 256),
        "sums": found["sums"].view(np.int64).reshape(-1, channels, 2),
        "digests": found["digests"].view("V16"),
    }
    classes = [(kind.name, kind.colour) for kind in mask_classes(root)]
    return MaskPairs(pairs, classes, channels, arrays, pixels)


def _measured(both: np.ndarray) -> dict[str, bytes]:
    """What is kept of a decoded pair, by the names of _FILES."""
    counts = [np.bincount(both[..., c].ravel(), minlength=256) for c in range(both.shape[-1])]
    sums = np.stack([[each @ _VALUES, each @ (_VALUES * _VALUES)] for each in counts[:-1]])
    return {
        "counts": counts[-1].astype(np.int64).tobytes(),
        "sums": sums.astype(np.int64).tobytes(),
        "digests": digest_of(both[..., :-1]),
    }


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
