"""Finds annotations among the files that lie beside pictures, by their names: VOC .xml, YOLO .txt, COCO .json."""

from collections.abc import Sequence
from pathlib import PurePosixPath

# Text files of these names say nothing about one picture.
NO_ANNOTATIONS = {
    "readme",
    "license",
    "licence",
    "classes",
    "labels",
    "names",
    "obj",
    "notes",
    "readme.dataset",
    "readme.roboflow",
}
_ENOUGH = 0.5  # of the .txt files must be called like a picture


def stem(name: str) -> str:
    """The name without folders and ending."""  # as PurePosixPath has it, which takes ten times as long
    bare = name.rstrip("/").rpartition("/")[2]
    dot = bare.rfind(".")
    return bare[:dot] if 0 < dot < len(bare) - 1 else bare


def annotations_among(pictures: Sequence[str], others: Sequence[str]) -> list[str]:
    """Names of files that annotate pictures; [] for others' README.txt and labels.csv."""
    stems = {stem(name) for name in pictures}
    by_ending: dict[str, list[str]] = {".xml": [], ".txt": [], ".json": []}
    for name in others:
        if (ending := PurePosixPath(name).suffix.lower()) in by_ending:
            by_ending[ending].append(name)
    found = [name for name in by_ending[".xml"] if stem(name) in stems]
    texts = [name for name in by_ending[".txt"] if stem(name).lower() not in NO_ANNOTATIONS]
    like_pictures = [name for name in texts if stem(name) in stems]
    if like_pictures and len(like_pictures) >= _ENOUGH * len(texts):
        found += like_pictures
    return found + [name for name in by_ending[".json"] if _is_coco_name(name)]


def _is_coco_name(name: str) -> bool:
    called = stem(name).lower()
    return any(word in called for word in ("annotation", "instances", "coco", "bbox")) or called in (
        "train",
        "val",
        "test",
    )
