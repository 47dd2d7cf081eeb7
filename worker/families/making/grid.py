"""Pictures beside each other in one, and as a zip of their own files: how everything that is made is shown."""

import zipfile
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from shared.outputs import Output, Picture, Table
from worker.artifacts import Files
from worker.families.images.drawing import picture_png, png_bytes

GAP = 2  # pixels between pictures
_SHOWN_SIDE = 64  # that small pictures are enlarged to, about, by whole pixels
_MOST_SIDE = 4_000  # of a grid; pictures are scaled down to fit
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can name: the same pictures make the same bytes


def as_bytes(pixels: np.ndarray) -> np.ndarray:
    """float 0..255 as the nearest whole numbers, uint8."""
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def grid_png(pictures: np.ndarray, columns: int) -> bytes:
    """Draw pictures row by row, `columns` abreast. pictures: uint8 (n, height, width, 1 or 3), n >= 1. Returns a PNG."""
    count, height, width, channels = pictures.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    grid = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, channels), 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = GAP + i // columns * (height + GAP), GAP + i % columns * (width + GAP)
        grid[top : top + height, left : left + width] = picture
    image = Image.fromarray(grid[..., 0] if channels == 1 else grid)
    times = max(1, min(round(_SHOWN_SIDE / max(height, width)), _MOST_SIDE // max(image.size)))
    image = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    image.thumbnail((_MOST_SIDE, _MOST_SIDE))
    return png_bytes(image)


def shown_grid(title: str, name: str, pictures: np.ndarray, columns: int, files: Files) -> Picture:
    """A grid as an output, its file called name."""
    return Picture(title=title, file=files.write(name, grid_png(pictures, columns)))


def above_each_other(first: np.ndarray, second: np.ndarray, columns: int) -> np.ndarray:
    """Rows of the first in turn with rows of the second, for a grid of so many columns: uint8 (2 n, height, width, channels)."""
    parts = []
    for start in range(0, len(first), columns):
        parts += [first[start : start + columns], second[start : start + columns]]
        if (missing := min(columns, len(first)) - len(parts[-1])) > 0:
            white = np.full((missing, *first.shape[1:]), 255, np.uint8)
            parts[-2:] = [np.concatenate([part, white]) for part in parts[-2:]]
    return np.concatenate(parts)


class PictureZip:
    """A zip of pictures, one after the other. With it its entry in the outputs."""

    def __init__(self, files: Files, name: str = "pictures.zip"):
        self._files, self._name, self._count = files, name, 0
        self._archive = zipfile.ZipFile(files.path(name), "w", zipfile.ZIP_STORED)

    def __enter__(self) -> "PictureZip":
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def add(self, name: str, pixels: np.ndarray) -> None:
        """pixels: uint8 (height, width, 1 or 3)."""
        self._archive.writestr(zipfile.ZipInfo(name, _MOMENT), picture_png(pixels))
        self._count += 1

    def output(self) -> Table:
        """To be asked for once it is closed."""
        size = self._files.path(self._name).stat().st_size
        title = f"{self._name}, {size:,} bytes: {self._count:,} picture{'' if self._count == 1 else 's'}"
        return Table(title=title, columns=["file", "bytes"], rows=[[self._name, size]], count=1, file=self._name)


def zipped(named: Iterable[tuple[str, np.ndarray]], files: Files) -> Output:
    """Write pictures.zip and return its output."""
    with PictureZip(files) as archive:
        for name, pixels in named:
            archive.add(name, pixels)
    return archive.output()


def numbered(pictures: Sequence[np.ndarray] | np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Names in order for pictures that have none: 0001.png and so on."""
    digits = max(4, len(str(len(pictures))))
    return [(f"{number:0{digits}d}.png", picture) for number, picture in enumerate(pictures, 1)]
