"""The pictures of a dataset that a restorer is to answer, with the clean ones they should become, or the masks of their holes."""

import numpy as np
from PIL import Image

from shared.datasets.pairs import mask_classes, read_pairs
from shared.datasets.pairs.storing import NOTHING
from shared.datasets.pictures.decoding import BROKEN, Unreadable, opened_picture, upright
from worker.families.images.any_pictures import AnyPictures
from worker.families.masks.pairs import mask_values
from worker.families.restoring.holes import transparent
from worker.recipe import OpenInput


class RestoredPictures(AnyPictures):
    """truths: of each picture, the clean one below files/; [] where the dataset has none."""

    def __init__(self, opened: OpenInput, holes: bool):
        super().__init__(opened)
        self._holes, self.truths, self._masks = holes, list[str](), list[str]()
        if opened.dataset.format == "picture_pairs":
            rights = [pair.right for pair in read_pairs(self.root)]
            if mask_classes(self.root):
                self._masks = rights
            else:
                self.truths = rights

    def asked(self, i: int) -> tuple[Image.Image, np.ndarray | None] | str:
        """(picture, its hole where holes are to be filled), or why it cannot be answered.

        A hole is every class of a mask but the first; without masks it is what is transparent.
        """
        image = self.open(i)
        if isinstance(image, str) or not self._holes:
            return image if isinstance(image, str) else (image, None)
        try:
            if self._masks:
                values = mask_values(self.root / self._masks[i])
                return image, (values > 0) & (values != NOTHING)
            with opened_picture(self.path(i)) as stored:
                stored.load()
                hole = transparent(stored)
        except (Unreadable, *BROKEN) as err:
            return str(err)
        return "has no hole: nothing is transparent in it" if hole is None else (image, hole)

    def truth(self, i: int, said: Image.Image) -> Image.Image | str:
        """The clean picture, what is over at its far edges left out; or why there is none as large as what was made."""
        try:
            with opened_picture(self.root / self.truths[i]) as image:
                truth = upright(image, self.levels)
        except (Unreadable, *BROKEN) as err:
            return f"the clean picture {err}"
        if truth.width < said.width or truth.height < said.height or truth.width >= 2 * said.width:
            return f"became {said.width} x {said.height} pixels, its clean picture has {truth.width} x {truth.height}"
        return truth.crop((0, 0, *said.size))
