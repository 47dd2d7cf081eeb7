"""Finds out which two pictures of an upload belong together, from their folders and the ends of their names.

images/a.jpg masks/a.png      train/a.png trainannot/a.png      a_LR.png a_HR.png      noisy/a.png clean/a.png
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from shared.datasets.folders.layout import part_of

_LEFT = {
    "image",
    "images",
    "img",
    "imgs",
    "jpegimages",
    "photo",
    "photos",
    "picture",
    "pictures",
    "leftimg8bit",
    "rgb",
    "frames",
}
_DEGRADED = {
    "lr",
    "low",
    "lowres",
    "degraded",
    "noisy",
    "noise",
    "blur",
    "blurred",
    "blurry",
    "input",
    "inputs",
    "damaged",
}
_MASKS = {"mask", "masks", "label", "labels", "annotation", "annotations", "annot", "annots", "seg", "segmentation", "gt",
          "segmentations", "segmentationclass", "groundtruth", "gtfine", "labelids", "trimap", "trimaps"}  # fmt: skip
_CLEAN = {"hr", "clean", "sharp", "highres", "target", "targets", "original", "restored"}
_NEITHER = {"segmentationobject", "instanceids", "instances", "color"}  # further readings of a mask
_GLUED = re.compile(r"^(.+?)[_-]?(annot|annots|annotations|masks?|labels?|gt)$")  # trainannot


@dataclass
class FoundPairs:
    """pairs: (left, right) names. kind: "mask" or "picture", what right is, from the words used.

    lonely: pictures without a partner. twice: what is wrong with further partners. neither: pictures of a third kind.
    """

    pairs: list[tuple[str, str]] = field(default_factory=list)
    kind: str = "mask"
    lonely: list[str] = field(default_factory=list)
    twice: dict[str, str] = field(default_factory=dict)
    neither: list[str] = field(default_factory=list)


def find_pairs(names: Iterable[str], right_folder: str = "") -> FoundPairs:
    """right_folder: the folder that holds the masks or the clean pictures, where its name does not tell ("": it does)."""
    lefts, rights = defaultdict[tuple[str, ...], list[str]](list), defaultdict[tuple[str, ...], list[str]](list)
    found, clean = FoundPairs(), 0
    for name in sorted(names):
        side, key = _told_by_folder(name, right_folder) if right_folder else _told_by_words(name)
        if side == "neither":
            found.neither.append(name)
            continue
        clean += side == "clean"
        (rights if side in ("mask", "clean") else lefts)[key].append(name)
    for key in sorted({*lefts, *rights}):
        left, right = lefts.get(key, []), rights.get(key, [])
        if not left or not right:
            found.lonely += left + right
            continue
        found.pairs.append((left[0], right[0]))
        found.twice |= dict.fromkeys(left[1:] + right[1:], f"belongs to the same pair as {left[0]} and {right[0]}")
    found.kind = "picture" if 2 * clean > len(found.pairs) and not right_folder else "mask"
    return found


def _told_by_words(name: str) -> tuple[str, tuple[str, ...]]:
    """(side, what is left of the name once the words that tell the side are taken out)."""
    path = PurePosixPath(name)
    side, key = "", []
    for folder in path.parts[:-1]:
        glued = _GLUED.match(folder.lower())
        words = [glued.group(1), glued.group(2)] if glued else [folder.lower()]
        for word in (part for one in words for part in re.split(r"[_\-. ]+", one)):
            said = _side_of(word)
            side = said or side
            if not said and word:
                key.append(part_of(word) or word)
    words = re.split(r"([_\-. ]+)", path.stem)
    while len(words) > 2 and (said := _side_of(words[-1].lower())):
        side = said if said != "left" or not side else side
        words = words[:-2]
    return side, (*key, "".join(words))


def _side_of(word: str) -> str:
    for side, words in (("mask", _MASKS), ("clean", _CLEAN), ("neither", _NEITHER), ("left", _LEFT | _DEGRADED)):
        if word in words:
            return side
    return ""


def _told_by_folder(name: str, right_folder: str) -> tuple[str, tuple[str, ...]]:
    path = PurePosixPath(name)
    parts = tuple(part for folder in path.parts[:-1] if (part := part_of(folder)))
    return ("mask" if right_folder in path.parts[:-1] else "left"), (*parts, path.stem)


def folders_that_match(names: Sequence[str]) -> tuple[str, str] | None:
    """The two folders whose pictures are called alike, where there are just two; None else."""
    stems: dict[str, set[str]] = defaultdict(set)
    for name in names:
        path = PurePosixPath(name)
        own = [folder for folder in path.parts[:-1] if part_of(folder) is None]
        stems[own[-1] if own else ""].add(path.stem)
    if len(stems) != 2 or "" in stems:
        return None
    (one, first), (other, second) = sorted(stems.items())
    return (one, other) if 2 * len(first & second) >= max(len(first), len(second)) else None
