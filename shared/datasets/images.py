"""Format "image_folder": pictures in class folders, from a zip.

    cat/0001.jpg                  or, with parts:    train/cat/0001.jpg   test/cat/0002.jpg   val/cat/0003.jpg

A folder that everything lies in is taken away. Every picture is decoded once, fully, before it is accepted.
"""

import itertools
import os
import warnings
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image, UnidentifiedImageError

from shared.datasets.problems import Problems
from shared.volume.staging import sha256

SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"}
# Pillow would try every format it knows, whatever the file's name, and start Ghostscript on PostScript: only these are read.
READ_AS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")  # JPEG covers the MPO of many telephones
PARTS = {"train", "test", "val", "valid", "validation"}
MOST_PIXELS = 64_000_000  # of one picture; more is refused before it is decoded
_AT_ONCE = min(4, os.cpu_count() or 1)  # each holds one decoded picture, 256 MB at most

Shape = tuple[int, int, int]  # width, height, channels


@dataclass
class Arranged:
    """Pictures at their places, each content once, not decoded yet. digests: SHA-256 by name."""

    digests: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)


def arrange_images(root: Path, names: list[str]) -> Arranged:
    """Remove what is no picture and repeated pictures, take away folders that hold everything, check the layout.

    Raises DatasetInvalid for a layout that does not tell the classes.
    """
    arranged = Arranged()
    pictures, others = [], []
    for name in sorted(names):
        (pictures if PurePosixPath(name).suffix.lower() in SUFFIXES else others).append(name)
    if others:
        arranged.notes.append(f"{len(others)} files that are no pictures ignored ({others[0]} ...)")
        for name in others:
            (root / name).unlink()
        _remove_empty_folders(root)
    if not pictures:
        arranged.problems.add("holds no pictures (.png .jpg .gif .bmp .webp .tif) in class folders")
        arranged.problems.raise_if_any()
    pictures = sorted(_strip_common_folder(root, pictures))
    _check_layout(pictures, arranged.problems)
    arranged.problems.raise_if_any()
    _drop_repeated(root, pictures, arranged)
    return arranged


def check_images(root: Path, arranged: Arranged) -> tuple[dict[str, Any], list[str], list[Any]]:
    """Decode every picture. Returns (stats, notes, preview). Raises DatasetInvalid naming every one that cannot be used."""
    with warnings.catch_warnings(), ThreadPoolExecutor(_AT_ONCE) as pool:
        warnings.simplefilter("ignore")
        looks = list(pool.map(lambda name: _look(root / name), arranged.digests))
    shapes: dict[str, Shape] = {}
    for name, look in zip(arranged.digests, looks, strict=True):
        if isinstance(look, str):
            arranged.problems.add(look, file=name)
        else:
            shapes[name] = look
    arranged.problems.raise_if_any()
    return _stats(shapes, arranged.problems), arranged.notes, _preview(list(shapes))


def _strip_common_folder(root: Path, names: list[str]) -> list[str]:
    """Move files up while all of them lie in one folder that is no class. Returns the new names."""
    parts = [PurePosixPath(name).parts for name in names]
    most = max(0, min(map(len, parts)) - 2)  # a class and a name stay
    pairs = itertools.islice(zip(min(parts), max(parts), strict=False), most)  # what these two share, all do
    common = [one for one, _ in itertools.takewhile(lambda pair: pair[0] == pair[1] and pair[0] not in PARTS, pairs)]
    if not common:
        return names
    moved = root / ".moved"  # no file of the upload is hidden, so none is called so
    root.joinpath(*common).rename(moved)
    for depth in range(len(common) - 1, 0, -1):
        root.joinpath(*common[:depth]).rmdir()
    for path in moved.iterdir():
        path.rename(root / path.name)
    moved.rmdir()
    return ["/".join(own[len(common) :]) for own in parts]


def _remove_empty_folders(root: Path) -> None:
    for folder, _, _ in os.walk(root, topdown=False):
        if Path(folder) != root and not os.listdir(folder):
            os.rmdir(folder)


def _check_layout(names: list[str], problems: Problems) -> None:
    """Every picture must lie in [part/]class/, all at one depth: a stray folder would silently become a class, or a
    test part be learnt from."""
    folders = {name: PurePosixPath(name).parts[:-1] for name in names}
    in_parts = any(len(f) > 1 and f[0].lower() in PARTS for f in folders.values())
    depth = Counter(len(f) for f in folders.values()).most_common(1)[0][0]
    for name, path in folders.items():
        if not path:
            problems.add("lies in no class folder; put it into a folder named after its class", file=name)
        elif in_parts and path[0].lower() not in PARTS:
            problems.add("lies beside the folders train and test; put it into one of them", file=name)
        elif in_parts and len(path) == 1:
            problems.add(f"lies in {path[0]} but in no class folder", file=name)
        elif len(path) != depth:
            label = name.split("/")[-2]
            problems.add(f"lies {len(path)} deep in folders, most others {depth}: is {label!r} a class?", file=name)
    if problems.count:
        return
    if {path[-1].lower() for path in folders.values()} <= PARTS:
        problems.add("has folders named train, test or val but no class folders in them")
    for name, path in folders.items():
        if any(folder.lower() in PARTS for folder in path[1:-1]):
            problems.add("lies in a part (train, test, val) below another folder; parts must be outermost", file=name)


def _place(name: str) -> tuple[str, str]:
    """(part, class) of a picture whose layout has been checked."""
    path = PurePosixPath(name)
    first = path.parts[0].lower()
    return (first if len(path.parts) > 2 and first in PARTS else "train"), path.parent.name


def _drop_repeated(root: Path, names: list[str], arranged: Arranged) -> None:
    """Keep each content once; a copy in another class is a problem. Of copies in train and test the one in test stays."""
    first: dict[str, str] = {}
    repeated = []
    for name in names:
        digest = sha256(root / name)
        twin = first.setdefault(digest, name)
        if twin == name:
            arranged.digests[name] = digest
        elif _place(twin)[1] != _place(name)[1]:
            arranged.problems.add(f"is the same picture as {twin}, in another class", file=name)
        else:
            repeated.append(name)
            (root / name).unlink()
    if repeated:
        arranged.notes.append(f"{len(repeated)} repeated pictures dropped ({repeated[0]} ...)")


def _look(path: Path) -> str | Shape:
    """What a picture is, or what is wrong with it."""
    if path.stat().st_size == 0:
        return "is empty"
    try:
        with Image.open(path, formats=READ_AS) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                return f"has {width} x {height} pixels; {MOST_PIXELS} are allowed"
            image.load()
            return width, height, 1 if image.mode in ("1", "L", "LA", "I", "I;16", "F") else 3
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as err:
        return f"cannot be read as a picture: {str(err).replace(str(path), path.name)}"


def _stats(shapes: dict[str, Shape], problems: Problems) -> dict[str, Any]:
    places = [_place(name) for name in shapes]
    classes = Counter(label for _, label in places)
    if len(classes) == 1:
        problems.add(f"has one class, {next(iter(classes))!r}; a classifier needs at least two folders")
    by_part: dict[str, set[str]] = defaultdict(set)
    for part, label in places:
        by_part[part].add(label)
    for part in by_part.keys() - {"train"}:
        if unknown := by_part[part] - by_part["train"]:
            problems.add(f"the part {part} has classes that train has not: {', '.join(sorted(unknown))}")
    problems.raise_if_any()
    widths, heights, channels = zip(*shapes.values(), strict=True)
    return {
        "images": len(shapes),
        "classes": dict(sorted(classes.items())),
        "splits": dict(sorted(Counter(part for part, _ in places).items())),
        "width": [min(widths), max(widths)],
        "height": [min(heights), max(heights)],
        "channels": max(channels),
    }


def _preview(names: list[str]) -> list[dict[str, str]]:
    """A few pictures of each class."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        label = _place(name)[1]
        seen[label] += 1
        if seen[label] <= 4:
            found.append({"file": name, "label": label})
    return found[:48]
