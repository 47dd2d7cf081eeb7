"""The pictures of a dataset of any format that has some, one by one: what a batch answers."""

from PIL import Image

from shared.datasets.boxes import read_boxes
from shared.datasets.pairs import read_pairs
from shared.datasets.pictures.decoding import BROKEN, Unreadable, opened_picture, upright
from shared.datasets.pictures.reading import open_pictures
from shared.errors import DatasetInvalid
from worker.recipe import OpenInput


class AnyPictures:
    """names, parts: of each picture; of a pair the left one."""

    def __init__(self, opened: OpenInput):
        self.root, self._files = opened.folder / "files", list[str]()
        if opened.dataset.format == "picture_pairs":
            found = [(pair.left, pair.part) for pair in read_pairs(self.root)]
        elif opened.dataset.format == "boxes":
            found = [(picture.file, picture.part) for picture in read_boxes(self.root)]
        else:
            self._pictures = open_pictures(opened.folder, opened.dataset)
            self.names, self.parts = self._pictures.names, self._pictures.parts
            return
        self._files, self.parts = [file for file, _ in found], [part for _, part in found]
        self.names = [file.partition("/")[2] for file in self._files]
        self._levels = opened.dataset.report.facts.get("levels")

    def open(self, i: int) -> Image.Image | str:
        """A picture, upright, or why it cannot be read."""
        try:
            if not self._files:
                return self._pictures.open(i)
            with opened_picture(self.root / self._files[i]) as image:
                return upright(image, self._levels)
        except DatasetInvalid as err:
            return err.message
        except (Unreadable, *BROKEN) as err:
            return str(err)
