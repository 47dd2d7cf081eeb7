"""The form in which boxes are stored: files/boxes.jsonl, one picture a line. Written by the format, read by previews and recipes.

{"file": "pictures/a.jpg", "width": 640, "height": 480, "part": "train", "boxes": [[260, 177, 491, 376, "WBC"]]}
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.volume.staging import full_is_said

BOXES = "boxes.jsonl"
Box = tuple[
    float, float, float, float, str
]  # x0, y0, x1, y1 in pixels of the upright picture from its top left corner; label


@dataclass(frozen=True)
class BoxedPicture:
    """A picture with its boxes. file: below files/. width, height: upright. part: "train", "val" or "test"."""

    file: str
    width: int
    height: int
    part: str
    boxes: tuple[Box, ...]


def write_boxes(root: Path, pictures: Iterable[BoxedPicture]) -> None:
    """Write boxes.jsonl below root. Raises VolumeFull."""
    with full_is_said(), (root / BOXES).open("x", encoding="utf-8") as out:
        for picture in pictures:
            out.write(json.dumps(asdict(picture), ensure_ascii=False) + "\n")


def read_boxes(root: Path) -> Iterator[BoxedPicture]:
    """The pictures of a dataset's files/ in the order in which they are stored, one at a time."""
    with (root / BOXES).open(encoding="utf-8") as file:
        for line in file:
            found = json.loads(line)
            yield BoxedPicture(
                **found | {"boxes": tuple((*map(float, box[:4]), str(box[4])) for box in found["boxes"])}
            )
