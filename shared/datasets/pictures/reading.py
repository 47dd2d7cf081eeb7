"""Opens the pictures of a dataset one by one, whatever its format, without holding them.

pictures = open_pictures(opened.folder, opened.dataset)          # an OpenInput of a recipe's load()
for i in range(len(pictures)):
    pictures.names[i], pictures.parts[i], pictures.labels[i]     # "train/cat/1.jpg", "train", 0
    pictures.open(i)                                             # PIL.Image, "L" or "RGB", upright
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from shared.datasets.captions.storing import read_captions
from shared.datasets.folders.layout import Layout
from shared.datasets.pictures.decoding import (
    BROKEN,
    Levels,
    Unreadable,
    opened_picture,
    upright,
    upright_size,
)
from shared.datasets.pictures.idx import IdxPart, class_names, parts_in
from shared.datasets.pictures.kinds import has_picture_suffix
from shared.datasets.problems import refuse

if TYPE_CHECKING:
    from shared.datasets.manifest import DatasetManifest


@dataclass(frozen=True)
class PictureList:
    """The pictures of a dataset, in a fixed order. Memory: a few hundred bytes a picture, none of the pixels.

    names: where each came from, for messages and results ("train/cat/1.jpg", of IDX "train/17"). parts: "train", "val" or
    "test" of each ("train" where the dataset has no parts). classes: names of all classes, sorted (of IDX by their label), []
    where there are none. labels: index into classes of each, None where there are none. channels: 3 as soon as one picture has
    colour, else 1.
    May be used by many threads at once.
    """

    names: list[str]
    parts: list[str]
    classes: list[str]
    labels: list[int | None]
    channels: int
    _open: Callable[[int], Image.Image] = field(repr=False)
    _size: Callable[[int], tuple[int, int]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.names)

    def open(self, i: int) -> Image.Image:
        """Decode picture i: upright, mode "L" (8-bit grey) or "RGB" of its own accord, on white where it is transparent.

        Pictures of 16 bits, 12 bits or floats are scaled alike over the whole dataset. Raises DatasetInvalid naming the file
        where it is damaged or gone.
        """
        return self._carefully(self._open, i)

    def size(self, i: int) -> tuple[int, int]:
        """(width, height) in pixels of picture i, upright; reads the head of its file. Raises DatasetInvalid as open() does."""
        return self._carefully(self._size, i)

    def _carefully(self, read: Callable[[int], Any], i: int) -> Any:
        try:
            return read(i)
        except (Unreadable, *BROKEN) as err:
            raise refuse(str(err), file=self.names[i]) from err


def open_pictures(folder: Path, manifest: "DatasetManifest") -> PictureList:
    """The pictures of a dataset of format "pictures", "captioned_pictures" or "idx".

    folder: the one that holds files/ and manifest.json. Raises DatasetInvalid where its files are gone.
    """
    root = folder / "files"
    names = sorted(file.path.removeprefix("files/") for file in manifest.files)
    if manifest.format == "idx":
        return _of_idx(root, names)
    channels, levels = int(manifest.report.facts.get("channels", 3)), manifest.report.facts.get("levels")
    if manifest.format == "captioned_pictures":
        pictures = list(read_captions(root))
        places: list[tuple[str, str | None]] = [(picture.part, None) for picture in pictures]
        return _of_files(root, [picture.file for picture in pictures], places, channels, levels)
    layout = Layout(**manifest.kept.get("layout", {}))
    return pictures_in(root, names, layout, channels=channels, levels=levels)


def pictures_in(
    root: Path, names: list[str], layout: Layout, *, channels: int = 3, levels: Levels | None = None
) -> PictureList:
    """The pictures of a folder. names: of files below it; channels, levels: as look() found them."""
    names = [name for name in names if has_picture_suffix(name)]
    return _of_files(root, names, [layout.place(name) for name in names], channels, levels)


def _of_files(
    root: Path, names: list[str], places: list[tuple[str, str | None]], channels: int, levels: Levels | None
) -> PictureList:
    """places: (part, class) of each."""
    classes = sorted({label for _, label in places if label is not None})
    numbers = {label: number for number, label in enumerate(classes)}

    def open_one(i: int) -> Image.Image:
        with opened_picture(root / names[i]) as image:
            return upright(image, levels)

    def size(i: int) -> tuple[int, int]:
        with opened_picture(root / names[i]) as image:
            return upright_size(image)

    parts = [part for part, _ in places]
    labels = [None if label is None else numbers[label] for _, label in places]
    return PictureList(names, parts, classes, labels, channels, open_one, size)


def _of_idx(root: Path, files: list[str]) -> PictureList:
    try:
        parts = [(part, IdxPart(root, part)) for part in parts_in(files)]
        called = class_names(root)
    except (OSError, ValueError) as err:
        raise refuse(f"cannot be read: {err}") from err
    kinds = sorted(set().union(*(part.labels for _, part in parts)))
    numbers = {kind: number for number, kind in enumerate(kinds)}
    places = [(part, i) for part, file in parts for i in range(file.count)]
    files_of = dict(parts)

    def open_one(i: int) -> Image.Image:
        part, number = places[i]
        return files_of[part].open(number)

    def size(i: int) -> tuple[int, int]:
        file = files_of[places[i][0]]
        return file.width, file.height

    return PictureList(
        names=[f"{part}/{i}" for part, i in places],
        parts=[part for part, _ in places],
        classes=[called.get(str(kind), str(kind)) for kind in kinds],
        labels=[numbers[kind] for _, file in parts for kind in file.labels],
        channels=1,
        _open=open_one,
        _size=size,
    )
