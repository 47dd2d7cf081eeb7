"""Pictures with boxes by number, as the network sees them: decoded once into a file where there is room, else as they are read."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from shared.datasets.boxes import BoxedPicture, read_boxes
from shared.datasets.pictures.decoding import BROKEN, Unreadable, opened_picture, upright
from shared.datasets.problems import refuse
from worker.context import Context
from worker.families.boxes.letterbox import fitted, letterboxed, network_shape, scales
from worker.families.going import Going
from worker.families.images.pixels import Pixels, store_pixels, stored_pixels
from worker.families.kept import kept
from worker.recipe import OpenInput

_MADE_AS = 1  # raised when the same picture would become other pixels


@dataclass(frozen=True)
class Boxed:
    """Pictures by number. sizes: (width, height) of each, upright.

    fitted: int64 (n, 2), (width, height) it takes of the network's shape.
    boxes: float32 (k, 5) of each, in the pixels the network sees, and the number of the class.
    """

    root: Path
    pixels: Pixels
    classes: list[str]
    names: list[str]
    files: list[str]
    parts: list[str]
    sizes: list[tuple[int, int]]
    fitted: np.ndarray
    boxes: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.names)


def prepare_boxes(opened: OpenInput, image_size: int, ignore: list[str], context: Context) -> Boxed:
    """Open a dataset of format "boxes" and decode its pictures, or find them decoded.

    Classes are numbered from the most frequent on.

    image_size: see network_shape. Raises DatasetInvalid naming every file that cannot be read, VolumeFull.
    """
    root, report = opened.folder / "files", opened.dataset.report
    pictures = list(read_boxes(root))
    channels, levels = int(report.facts.get("channels", 3)), report.facts.get("levels")
    classes = [name for name in report.classes if name not in ignore]
    sizes = [(picture.width, picture.height) for picture in pictures]
    learnt = [size for size, picture in zip(sizes, pictures, strict=True) if picture.part == "train"] or sizes
    shape = (*network_shape(learnt, image_size), channels)
    names = [picture.file.partition("/")[2] for picture in pictures]

    def decode(number: int) -> np.ndarray:
        try:
            with opened_picture(root / pictures[number].file) as image:
                return letterboxed(upright(image, levels), shape)
        except (Unreadable, *BROKEN) as err:
            raise refuse(str(err), file=pictures[number].file) from err

    most = context.max_cache_bytes
    depends = {"as": _MADE_AS, "shape": shape, "pillow": PIL.__version__, "most": most}

    def make(folder: Path) -> dict[str, Any]:
        going = Going(context, "loading", len(names))
        return {"whole": store_pixels(names, decode, shape, most, folder, going.done)}

    found: AbstractContextManager[tuple[Path, dict[str, Any]]] = kept(context, "boxed", opened, depends, make)
    with found as (folder, facts):
        pixels = stored_pixels(folder, shape, facts["whole"], decode)
    return Boxed(
        root=root,
        pixels=pixels,
        classes=classes,
        names=names,
        files=[picture.file for picture in pictures],
        parts=[picture.part for picture in pictures],
        sizes=sizes,
        fitted=np.array([fitted(size, shape) for size in sizes], np.int64),
        boxes=[boxes_seen(picture, classes, shape) for picture in pictures],
    )


def boxes_seen(picture: BoxedPicture, classes: list[str], shape: tuple[int, int, int]) -> np.ndarray:
    """Boxes of the classes as the network sees them, float32 (k, 5): left, top, right, bottom, number of the class."""
    numbers = {name: number for number, name in enumerate(classes)}
    found = [(*box[:4], numbers[box[4]]) for box in picture.boxes if box[4] in numbers]
    boxes = np.array(found, np.float64).reshape(-1, 5)
    boxes[:, :4] *= scales((picture.width, picture.height), shape)
    return boxes.astype(np.float32)
