"""The pictures of a dataset that a detector is to answer, with their true boxes where it has some of the same classes."""

from collections import Counter
from pathlib import PurePosixPath

import numpy as np

from shared.datasets.boxes import read_boxes
from worker.families.images.any_pictures import AnyPictures
from worker.recipe import OpenInput


class DetectedPictures(AnyPictures):
    """known: whether there are true boxes of the model's classes to compare with."""

    def __init__(self, opened: OpenInput, classes: list[str]):
        super().__init__(opened)
        self._truth = list[np.ndarray]()
        self._called = Counter(str(PurePosixPath(name).with_suffix("")) for name in self.names)
        if opened.dataset.format == "boxes":
            numbers = {name: number for number, name in enumerate(classes)}
            for picture in read_boxes(self.root):
                found = [(*box[:4], numbers[box[4]]) for box in picture.boxes if box[4] in numbers]
                self._truth.append(np.array(found, np.float32).reshape(-1, 5))
        self.known = any(len(boxes) for boxes in self._truth)

    def truth(self, i: int) -> np.ndarray:
        """True boxes of a picture, float32 (k, 5) in its pixels, number of the class last."""
        return self._truth[i]

    def called(self, i: int) -> str:
        """What a picture is called in a zip of JPEGs: as it was, unless two differ in their ending alone."""
        name = PurePosixPath(self.names[i])
        stem = str(name.with_suffix(""))
        return f"{stem}.jpg" if self._called[stem] == 1 else f"{name}.jpg"
