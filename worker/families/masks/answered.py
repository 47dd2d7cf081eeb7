"""The pictures of a dataset that a segmenter is to answer, with their true masks where it has some of the same classes."""

import numpy as np

from shared.datasets.pairs import mask_classes, read_pairs
from shared.datasets.pairs.storing import NOTHING
from worker.families.images.any_pictures import AnyPictures
from worker.families.masks.measuring import counted
from worker.families.masks.pairs import mask_values
from worker.recipe import OpenInput


class SegmentedPictures(AnyPictures):
    """masks: of each picture, [] where the dataset has none, or none of the model's classes."""

    def __init__(self, opened: OpenInput, classes: list[str]):
        super().__init__(opened)
        self._classes, self.masks = len(classes), list[str]()
        if opened.dataset.format == "picture_pairs":
            numbers = {name: number for number, name in enumerate(classes)}
            kinds = mask_classes(self.root)
            self._remap = np.full(256, NOTHING, np.uint8)  # a class of the model by the value of a stored mask
            for value, kind in enumerate(kinds):
                self._remap[value] = numbers.get(kind.name, NOTHING)
            if any(kind.name in numbers for kind in kinds):
                self.masks = [pair.right for pair in read_pairs(self.root)]

    def compared(self, i: int, said: np.ndarray) -> np.ndarray:
        """Pixels by true and said class, int64 (classes, classes). said: uint8 (height, width), as large as the picture."""
        truth = self._remap[mask_values(self.root / self.masks[i], said.shape[::-1])]
        return counted(truth, said, self._classes)
