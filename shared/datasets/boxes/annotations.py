"""Tells which program annotated an upload of pictures, and reads all its annotations."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from shared.datasets.boxes.annotation import Annotation, BadAnnotation
from shared.datasets.boxes.coco import looks_like_coco, read_coco
from shared.datasets.boxes.voc import read_voc
from shared.datasets.boxes.yolo import name_files, read_names, read_yolo
from shared.datasets.pictures.annotated import NO_ANNOTATIONS, stem
from shared.datasets.pictures.splits import is_split_list
from shared.datasets.problems import Problems
from shared.errors import Choice

Program = Literal["ask", "voc", "coco", "yolo"]
_TITLES = {"voc": "VOC's .xml", "coco": "COCO's .json", "yolo": "YOLO's .txt"}


@dataclass
class Annotated:
    """All annotations of an upload. wrong: by file, what is wrong with it. lists: files that say which picture is in which part.

    used: every file that was read. notes: for the user.
    """

    program: str
    annotations: list[Annotation] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def read_annotations(root: Path, pictures: Sequence[str], others: Sequence[str], program: Program) -> Annotated:
    """pictures, others: names below root. Raises DatasetInvalid where there are none, or of two programs and none is chosen."""
    found = _by_program(root, pictures, others)
    if program != "ask":
        found = {name: files for name, files in found.items() if name == program}
    problems = Problems()
    if not found:
        problems.add(f"holds no annotations beside its pictures: {', '.join(_TITLES.values())}")
        raise problems.refusal()
    if len(found) > 1:
        said = " and ".join(f"{len(files):,} files of {_TITLES[name]}" for name, files in found.items())
        problems.add(f"is annotated twice, by {said}: which of them counts?")
        choices = [Choice(option="annotations", value=name, title=f"Take {_TITLES[name]}") for name in found]
        raise problems.refusal(choices)
    (chosen, files), *_ = found.items()
    read = Annotated(chosen, lists=[name for name in others if is_split_list(name)])
    classes = _class_names(root, others, read) if chosen == "yolo" else []
    for name in files:
        try:
            if chosen == "coco":
                read.annotations += read_coco(root / name, name)
            else:
                path = root / name
                read.annotations.append(read_voc(path, name) if chosen == "voc" else read_yolo(path, name, classes))
        except BadAnnotation as err:
            read.wrong[name] = str(err)
    read.used |= {*files, *read.lists}
    return read


def _by_program(root: Path, pictures: Sequence[str], others: Sequence[str]) -> dict[str, list[str]]:
    ending: dict[str, list[str]] = {".xml": [], ".json": [], ".txt": []}
    for name in sorted(others):
        if (suffix := PurePosixPath(name).suffix.lower()) in ending:
            ending[suffix].append(name)
    names = set(name_files(list(others)))
    texts = [name for name in ending[".txt"] if name not in names and not is_split_list(name) and _may_be_yolo(name)]
    stems = {stem(name) for name in pictures}
    found = {
        "voc": ending[".xml"],
        "coco": [name for name in ending[".json"] if looks_like_coco(root / name)],
        "yolo": texts if any(stem(name) in stems for name in texts) else [],
    }
    return {program: files for program, files in found.items() if files}


def _may_be_yolo(name: str) -> bool:
    return stem(name).lower() not in NO_ANNOTATIONS and stem(name).lower() not in ("trainval", "all", "default")


def _class_names(root: Path, others: Sequence[str], read: Annotated) -> list[str]:
    for name in name_files(list(others)):
        if classes := read_names(root / name, name):
            read.used.add(name)
            return classes
    read.notes.append("no names of classes came along (data.yaml, classes.txt): they are called by their numbers")
    return []
