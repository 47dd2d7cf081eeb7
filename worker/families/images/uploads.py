"""Pictures uploaded for one use of a model: all are looked at before the first is answered, so that all that is wrong is named."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from shared.datasets.pictures.decoding import Levels, Unreadable, opened_picture, upright
from shared.errors import RecipeFailed
from worker.context import Context
from worker.families.images.pixels import to_pixels

T = TypeVar("T")


@dataclass(frozen=True)
class Uploaded:
    """One that can be read. levels: of the dataset that the model learnt from."""

    name: str
    file_id: str
    path: Path
    levels: Levels | None

    def open(self) -> Image.Image:
        """Upright, of 8 bits."""
        with opened_picture(self.path) as image:
            return upright(image, self.levels)


def uploaded_pictures(ids: Sequence[str], levels: Levels | None, context: Context) -> list[Uploaded]:
    """The pictures, decoded once to see that they can be. Raises RecipeFailed naming all that cannot be read, InputMissing."""
    return [one for one, _ in _looked_at(ids, levels, context, lambda picture: None)]


def uploaded_pixels(
    ids: Sequence[str], shape: Sequence[int], levels: Levels | None, context: Context
) -> tuple[list[str], np.ndarray]:
    """Names and pixels, uint8 (n, height, width, channels), scaled to shape. Raises as uploaded_pictures."""
    found = _looked_at(ids, levels, context, lambda picture: to_pixels(picture, shape))
    return [one.name for one, _ in found], np.stack([pixels for _, pixels in found])


def _looked_at(
    ids: Sequence[str], levels: Levels | None, context: Context, take: Callable[[Image.Image], T]
) -> list[tuple[Uploaded, T]]:
    """Each with what is taken of it."""
    found, wrong = list[tuple[Uploaded, T]](), list[str]()
    for file_id in ids:
        context.check()
        info, path = context.file(file_id)
        one = Uploaded(info.name, file_id, path, levels)
        try:
            found.append((one, take(one.open())))
        except Unreadable as err:
            wrong.append(f"{info.name}: {err}")
    if wrong:
        raise RecipeFailed("; ".join(wrong), code="unreadable_picture")
    return found
