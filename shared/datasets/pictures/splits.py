"""Tells the part of a picture by the folders it lies in, by the file that is about it, or by a list: splits/train.txt."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from shared.datasets.folders.layout import part_of
from shared.datasets.pictures.annotated import stem

_FIRST = ("test", "val", "train")  # of several parts a picture is said to be in, the first of these is taken


def part_in(name: str) -> str | None:
    """The part that one of a name's folders says, or a word of a .json file's own name (instances_train2017.json)."""
    path = PurePosixPath(name)
    words = list(path.parts[:-1])
    if path.suffix.lower() == ".json":
        words += re.split(r"[_\-. ]+", path.stem)
    return next((part for word in words if (part := part_of(word)) is not None), None)


def is_split_list(name: str) -> bool:
    """True for text files called like a part: ImageSets/Main/train.txt. Others, such as trainval.txt, say nothing new."""
    return name.lower().endswith(".txt") and part_of(stem(name)) is not None


def read_split_lists(root: Path, lists: Sequence[str], stems: Iterable[str]) -> dict[str, str]:
    """Part by stem of a picture, from lists of a picture a line. A list that names none of the pictures says nothing."""
    known, found = set(stems), {}
    for name in sorted(lists, key=lambda name: _FIRST.index(part_of(stem(name)) or "train"), reverse=True):
        for line in (root / name).read_text(encoding="utf-8-sig", errors="replace").splitlines():
            words = line.split()
            for called in (line.strip(), words[0] if words else ""):
                bare = PurePosixPath(called.replace("\\", "/")).name
                for one in (bare, PurePosixPath(bare).stem):
                    if one in known:
                        found[one] = part_of(stem(name)) or "train"
    return found
