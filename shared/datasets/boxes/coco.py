"""Reads COCO's JSON: one file for many pictures.

{"images": [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}],
 "annotations": [{"image_id": 1, "category_id": 2, "bbox": [x, y, width, height]}], "categories": [{"id": 2, "name": "cat"}]}
"""

import json
import mmap
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from shared.datasets.boxes.annotation import Annotation, BadAnnotation

Made = TypeVar("Made")
_OUTLINE = re.compile(rb'"segmentation"\s*:\s*(\[\s*[\[\d-]|\{)')
MOST_BYTES = 128 << 20  # it is read whole: about six times as much memory


def looks_like_coco(path: Path) -> bool:
    """True for a JSON file whose first bytes name COCO's parts; False for settings, legends and the like."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
        file.seek(max(0, path.stat().st_size - (1 << 16)))
        head += file.read(1 << 16)
    return (
        head.lstrip()[:1] == b"{"
        and sum(word in head for word in (b'"images"', b'"annotations"', b'"categories"')) >= 2
    )


def outlines_things(path: Path) -> bool:
    """True for a file in which an annotation has an outline (segmentation), be it polygons or runs of pixels."""
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _OUTLINE.search(content) is not None


def read_whole(path: Path) -> dict[str, Any]:
    """The file's object. Raises BadAnnotation."""
    if path.stat().st_size > MOST_BYTES:
        raise BadAnnotation(f"is larger than {MOST_BYTES >> 20} MiB; split it into several files")
    try:
        whole = json.loads(path.read_bytes())
    except RecursionError as err:
        raise BadAnnotation("is nested too deeply") from err
    except ValueError as err:
        raise BadAnnotation(f"is no JSON: {err}") from err
    if not isinstance(whole, dict):
        raise BadAnnotation("is no COCO file: it should be an object with images, annotations and categories")
    return whole


def classes_in(whole: dict[str, Any]) -> dict[Any, str]:
    """Names of classes by the id of their category. Raises BadAnnotation."""
    return {
        value_of(entry, "id", "categories"): str(value_of(entry, "name", "categories"))
        for entry in entries_of(whole, "categories")
    }


def pictures_in(whole: dict[str, Any], make: Callable[[str, tuple[int, int] | None], Made]) -> dict[Any, Made]:
    """By the id of a picture what is made of the name and size its entry says. Raises BadAnnotation."""
    found: dict[Any, Made] = {}
    for entry in entries_of(whole, "images"):
        file_name = str(value_of(entry, "file_name", "images")).replace("\\", "/")
        found[value_of(entry, "id", "images")] = make(file_name, _size(entry))
    return found


def read_coco(path: Path, name: str) -> list[Annotation]:
    """Every picture it lists, those without boxes too. Raises BadAnnotation naming the first entry at fault."""
    whole = read_whole(path)
    classes = classes_in(whole)
    found = pictures_in(whole, lambda file_name, size: Annotation(name, file_name, size))
    for number, entry in enumerate(entries_of(whole, "annotations"), 1):
        _add(found, classes, entry, number)
    return list(found.values())


def _size(entry: dict[str, Any]) -> tuple[int, int] | None:
    """Of a picture as its entry says; None where it says nothing, or zero."""
    width, height = entry.get("width"), entry.get("height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0 else None


def picture_and_class(
    found: Mapping[Any, Made], classes: Mapping[Any, str], entry: dict[str, Any], where: str
) -> tuple[Made, str]:
    """What an annotation is about, and of which class. Raises BadAnnotation. where: which annotation it is."""
    picture, label = value_of(entry, "image_id", where), value_of(entry, "category_id", where)
    if picture not in found:
        raise BadAnnotation(f"{where} is of image_id {picture!r:.40}, which images has not")
    if label not in classes:
        raise BadAnnotation(f"{where} has the category_id {label!r:.40}, which categories has not")
    return found[picture], classes[label]


def _add(found: dict[Any, Annotation], classes: dict[Any, str], entry: dict[str, Any], number: int) -> None:
    where = f"annotation {number}"
    picture, label = picture_and_class(found, classes, entry, where)
    box = value_of(entry, "bbox", where)
    if not (isinstance(box, list) and len(box) == 4 and all(is_number(side) for side in box)):
        raise BadAnnotation(f"{where} has the bbox {box!r:.80}; it should be four numbers: x, y, width, height")
    x, y, width, height = map(float, box)
    if entry.get("iscrowd") == 1:
        picture.skipped.append((f"{label} {box}", "marks a crowd, not one thing (iscrowd)"))
    else:
        picture.boxes.append((x, y, x + width, y + height, label))


def is_number(value: Any) -> bool:
    """True for what can be a place in a picture."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def entries_of(whole: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """One of a file's lists. Raises BadAnnotation."""
    entries = whole.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadAnnotation(f"is no COCO file: {key!r} should be a list of objects")
    return entries


def value_of(entry: dict[str, Any], key: str, where: str) -> Any:
    """An entry's value, one that can be looked up. Raises BadAnnotation where it is missing."""
    value = entry.get(key)
    if value is None or (key != "bbox" and isinstance(value, list | dict)):
        raise BadAnnotation(f"{where}: an entry without {key!r}")
    return value
