"""The pictures of a dataset of any format that has some, one by one: what a batch answers."""

from collections import Counter
from pathlib import Path, PurePosixPath

from PIL import Image

from shared.datasets.boxes import read_boxes
from shared.datasets.pairs import read_pairs
from shared.datasets.pictures.decoding import BROKEN, Unreadable, opened_picture, upright
from shared.datasets.pictures.reading import open_pictures
from shared.errors import DatasetInvalid
from worker.recipe import OpenInput


class AnyPictures:
    """names, parts: of each picture; of a pair the left one. levels: of those of more than 8 bits."""

    def __init__(self, opened: OpenInput):
        self.root, self._files = opened.folder / "files", list[str]()
        self.levels = opened.dataset.report.facts.get("levels")
        if opened.dataset.format == "picture_pairs":
            found = [(pair.left, pair.part) for pair in read_pairs(self.root)]
        elif opened.dataset.format == "boxes":
            found = [(picture.file, picture.part) for picture in read_boxes(self.root)]
        else:
            self._pictures = open_pictures(opened.folder, opened.dataset)
            self.names, self.parts = self._pictures.names, self._pictures.parts
            self._called = Counter(_stem(name) for name in self.names)
            return
        self._files, self.parts = [file for file, _ in found], [part for _, part in found]
        self.names = [file.partition("/")[2] for file in self._files]
        self._called = Counter(_stem(name) for name in self.names)

    def path(self, i: int) -> Path:
        """Where a picture lies; not of IDX, which has no file for each."""
        return self.root / (self._files[i] if self._files else self.names[i])

    def entry(self, i: int) -> str:
        """What the PNG made of a picture is called in a zip: as the picture, unless two pictures differ in their ending alone."""
        stem = _stem(self.names[i])
        return f"{stem}.png" if self._called[stem] == 1 else f"{self.names[i]}.png"

    def open(self, i: int) -> Image.Image | str:
        """A picture, upright, or why it cannot be read."""
        try:
            if not self._files:
                return self._pictures.open(i)
            with opened_picture(self.root / self._files[i]) as image:
                return upright(image, self.levels)
        except DatasetInvalid as err:
            return err.message
        except (Unreadable, *BROKEN) as err:
            return str(err)


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
