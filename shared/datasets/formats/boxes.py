"""Format "boxes": pictures and boxes around the things in them: VOC's .xml, COCO's .json or YOLO's .txt, zipped or as they are.

    images/a.jpg        train/a.jpg                             images/val/a.jpg
    annotations/a.xml   train/_annotations.coco.json            labels/val/a.txt  data.yaml

Parts come from folders, from lists (splits/train.txt), or from the name of a .json. Stored as files/pictures/a.jpg and
files/boxes.jsonl, one picture a line (shared/datasets/boxes/storing.py), for example

    {"file": "pictures/a.jpg", "width": 640, "height": 480, "part": "train", "boxes": [[260, 177, 491, 376, "WBC"]]}
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import Field

from shared.datasets.boxes.annotations import Program
from shared.datasets.boxes.arranging import arrange_boxes
from shared.datasets.boxes.storing import BOXES, BoxedPicture, read_boxes
from shared.datasets.folders.classes import warnings_about_classes
from shared.datasets.folders.layout import PARTS
from shared.datasets.folders.refusing import refuse_bad
from shared.datasets.formats.base import Arranged, Example, HasLimits, Options, Peek, Received
from shared.datasets.pictures.annotated import annotations_among
from shared.datasets.pictures.checking import facts_of, see_all, warnings_about, warnings_about_looks
from shared.datasets.pictures.decoding import Unreadable
from shared.datasets.pictures.kinds import has_picture_suffix
from shared.datasets.pictures.showing import file_below, for_browser, may_be_shown
from shared.datasets.report import DatasetReport, Dropped, Warned
from shared.outputs import Box, Boxes, Output
from shared.volume.staging import read_manifest


class BoxesOptions(Options):
    """Whose annotations count, and what to do with those that cannot be used."""

    bad_rows: Literal["refuse", "drop"] = Field(
        default="refuse",
        description="Pictures that cannot be read, annotations that are broken, of another size or without a picture. "
        "drop: leave them out.",
    )
    annotations: Program = Field(default="ask", description="Which annotations to read, where there are several kinds.")


class BoxesFormat:
    name = "boxes"
    title = "pictures with boxes"
    help = "a zip of pictures with VOC's .xml, COCO's .json or YOLO's .txt files; or all these as they are"
    suffixes: tuple[str, ...] = (".zip", ".xml", ".json")
    examples: tuple[Example, ...] = ()
    options: type[Options] = BoxesOptions

    def recognises(self, names: Sequence[str], peek: Peek) -> float:
        inside = [inner for name in names for inner in (peek.inside(name) or [name]) if "__MACOSX/" not in inner]
        pictures = [name for name in inside if has_picture_suffix(name)]
        others = [name for name in inside if not has_picture_suffix(name)]
        return 0.8 if pictures and annotations_among(pictures, others) else 0.0

    def arrange(self, received: Sequence[Received], target: Path, limits: HasLimits, options: BoxesOptions) -> Arranged:
        return arrange_boxes(received, target, limits, drop=options.bad_rows == "drop", program=options.annotations)

    def look(self, target: Path, kept: dict[str, Any]) -> DatasetReport:
        pictures = {picture.file: picture for picture in read_boxes(target)}
        seen, wrong = see_all(target, pictures)
        if wrong:
            raise refuse_bad(wrong, dict.fromkeys(pictures, ("", None)))
        classes, parts = Counter[str](), Counter[str]()
        widths, heights, most, bare = [], [], 0, 0
        for picture in pictures.values():
            parts[picture.part] += 1
            bare += not picture.boxes
            most = max(most, len(picture.boxes))
            for x0, y0, x1, y1, label in picture.boxes:
                classes[label] += 1
                widths.append(x1 - x0)
                heights.append(y1 - y0)
        facts = facts_of(list(seen.values())) | {
            "boxes": classes.total(),
            "boxes_a_picture": [min(len(picture.boxes) for picture in pictures.values()), most],
            "box_width": [round(min(widths), 1), round(max(widths), 1)],
            "box_height": [round(min(heights), 1), round(max(heights), 1)],
            "pictures_without_boxes": bare,
        }
        return DatasetReport(
            rows=len(pictures),
            unit="pictures",
            dropped=Dropped(**kept["dropped"]),
            classes=dict(classes.most_common()),
            parts={part: parts[part] for part in PARTS if part in parts},
            leakage=kept["leakage"],
            facts=facts,
            warnings=[
                *warnings_about_classes(classes),
                *_about(kept, bare),
                *warnings_about(list(seen.values()), facts),
                *warnings_about_looks(seen, {picture.file: picture.part for picture in pictures.values()}),
            ],
        )

    def preview(self, folder: Path, report: DatasetReport, most: int) -> list[Output]:
        """The first pictures in the order of their names."""
        found: list[Output] = []
        for picture in read_boxes(folder / "files"):
            if len(found) >= most:
                break
            if may_be_shown(folder / "files" / picture.file):
                found.append(_shown(picture))
        return found

    def open_file(self, folder: Path, name: str) -> tuple[IO[bytes], str] | None:
        path = file_below(folder / "files", name)
        if path is None or name == BOXES or not has_picture_suffix(name) or not may_be_shown(path):
            return None
        try:
            return for_browser(path, (read_manifest(folder) or {}).get("report", {}).get("facts", {}).get("levels"))
        except Unreadable:
            return None


def _shown(picture: BoxedPicture) -> Boxes:
    boxes = [Box(x0=x0, y0=y0, x1=x1, y1=y1, label=label) for x0, y0, x1, y1, label in picture.boxes]
    return Boxes(
        title=picture.file.rpartition("/")[2], picture=picture.file, size=(picture.width, picture.height), boxes=boxes
    )


def _about(kept: dict[str, Any], bare: int) -> list[Warned]:
    said = []
    if bare:
        message = f"{bare:,} pictures have no box: a detector learns from them that there is nothing to find."
        said.append(Warned(code="without_boxes", message=message))
    if kept["copies"]:
        message = f"{kept['copies']:,} pictures are copies of another one with the same content."
        said.append(Warned(code="copies", message=message))
    for parts, count in kept["leakage"].items():
        message = f"{count:,} pictures stand in {parts}: figures measured on them are too good."
        said.append(Warned(code="leakage", message=message))
    return said
