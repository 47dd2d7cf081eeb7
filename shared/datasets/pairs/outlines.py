"""Reads the outlines of COCO's annotations: polygons, and runs of pixels (RLE) as numbers or as text.

{"image_id": 1, "category_id": 2, "segmentation": [[x, y, x, y, x, y], ...], "iscrowd": 0}
{"image_id": 1, "category_id": 2, "segmentation": {"size": [height, width], "counts": [5, 3, ...]}, "iscrowd": 1}
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.datasets.archive import UNFIT
from shared.datasets.boxes.annotation import Annotation, BadAnnotation
from shared.datasets.boxes.coco import classes_in, entries_of, is_number, picture_and_class, pictures_in, read_whole

_LONGEST_NAME = 120  # characters of a class
BACKGROUND = "background"


@dataclass(frozen=True)
class Runs:
    """Pixels in and out in turn, out first, down one column after the other. size: (width, height) they fill."""

    size: tuple[int, int]
    counts: list[int]


@dataclass(frozen=True)
class Outline:
    """Which pixels one annotation is about. where: "annotation 7", as it is named to the user. polygons: x, y in turn, any number
    of corners. crowd: many things together (iscrowd).
    """

    label: str
    where: str
    crowd: bool
    polygons: Sequence[Sequence[float]] = field(default_factory=list)
    runs: Runs | None = None


@dataclass
class Outlined(Annotation):
    """What one file says of a picture."""

    outlines: list[Outline] = field(default_factory=list)


def read_outlines(path: Path, name: str) -> tuple[list[Outlined], dict[str, str]]:
    """Every picture a file lists, those without outlines too, and the ids of its classes by their names, in order of the ids.

    An annotation without an outline goes into the picture's `skipped`. Raises BadAnnotation naming the first entry at fault.
    """
    whole = read_whole(path)
    named = {number: plain_name(label) for number, label in classes_in(whole).items()}
    order = sorted(named, key=lambda number: (not isinstance(number, int), number if isinstance(number, int) else 0))
    found = pictures_in(whole, lambda file_name, size: Outlined(name, file_name, size))
    for number, entry in enumerate(entries_of(whole, "annotations"), 1):
        where = f"annotation {number}"
        picture, label = picture_and_class(found, named, entry, where)
        said, crowd = entry.get("segmentation"), entry.get("iscrowd") == 1
        if isinstance(said, dict):
            picture.outlines.append(Outline(label, where, crowd, runs=_runs(said, where)))
        elif polygons := _polygons(said, where):
            picture.outlines.append(Outline(label, where, crowd, polygons))
        else:
            picture.skipped.append((f"{where} ({label})", "has no outline"))
    values: dict[str, str] = {}
    for number in order:
        values.setdefault(named[number], str(number))
    return list(found.values()), values


def plain_name(name: str) -> str:
    """A class's name without what no name should hold; that of the background however it is written."""
    name = " ".join(UNFIT.sub(" ", name).split())[:_LONGEST_NAME] or "?"
    return BACKGROUND if name.casefold() == BACKGROUND else name


def _polygons(said: Any, where: str) -> list[list[float]]:
    if said is None:
        return []
    if isinstance(said, list) and said and not isinstance(said[0], list):
        said = [said]  # one polygon, without the list around it
    if not (isinstance(said, list) and all(isinstance(one, list) and all(map(is_number, one)) for one in said)):
        raise BadAnnotation(
            f"{where} has the segmentation {said!r:.80}; it should be lists of numbers, or runs of pixels"
        )
    return [one for one in said if one]


def _runs(said: dict[str, Any], where: str) -> Runs:
    size, counts = said.get("size"), said.get("counts")
    whole = isinstance(size, list) and len(size) == 2 and all(isinstance(side, int) and side > 0 for side in size)
    if not (whole and isinstance(size, list)):
        raise BadAnnotation(f"{where} has runs of the size {size!r:.40}; it should be [height, width]")
    if isinstance(counts, str):
        counts = _from_text(counts, where)
    if not (isinstance(counts, list) and all(type(count) is int and count >= 0 for count in counts)):
        raise BadAnnotation(
            f"{where} has the counts {counts!r:.80}; they should be whole numbers from 0, or a text of them"
        )
    if sum(counts) != size[0] * size[1]:
        raise BadAnnotation(f"{where} has runs of {sum(counts):,} pixels; its size {size} has {size[0] * size[1]:,}")
    return Runs((size[1], size[0]), counts)


def _from_text(text: str, where: str) -> list[int]:
    """Counts written as text: five bits a character from "0" on, the sixth says that more follow; from the third count on the
    difference to the last but one. Source: the format of pycocotools (cocodataset/cocoapi, common/maskApi.c, rleToString).
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 40:
            raise BadAnnotation(f"{where} has counts that are no text of runs: {text!r:.40}")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise BadAnnotation(f"{where} has counts that end in the middle: {text[-20:]!r}")
    return counts
