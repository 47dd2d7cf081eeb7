"""Format "image_folder": pictures in class folders, from a zip.

    cat/0001.jpg                  or, with parts:    train/cat/0001.jpg   test/cat/0002.jpg   val/cat/0003.jpg

A folder that everything lies in is taken away. Every picture is decoded once, fully, before it is accepted.
"""

import hashlib
import warnings
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image, UnidentifiedImageError

from shared.datasets.problems import Problems

SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"}
# Pillow would try every format it knows, whatever the file's name, and start Ghostscript on PostScript: only these are read.
READ_AS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")  # JPEG covers the MPO of many telephones
PARTS = {"train", "test", "val", "valid", "validation"}
MOST_PIXELS = 64_000_000  # of one picture; more is refused before it is decoded


def strip_common_folder(root: Path, names: list[str]) -> list[str]:
    """Move files up while all of them lie in one folder that is no class. Returns the new names."""
    while True:
        heads = {PurePosixPath(n).parts[0] for n in names}
        depths = {len(PurePosixPath(n).parts) for n in names}
        if len(heads) != 1 or min(depths, default=0) < 3 or heads & PARTS:
            return names
        head = heads.pop()
        inner = root / head
        moved = root / f".{head}"
        inner.rename(moved)
        for path in moved.iterdir():
            path.rename(root / path.name)
        moved.rmdir()
        names = [PurePosixPath(*PurePosixPath(n).parts[1:]).as_posix() for n in names]


def check_images(root: Path, names: list[str]) -> tuple[dict[str, Any], list[str], list[Any]]:
    """Check unpacked pictures below root, remove repeated ones and what is no picture. Returns (stats, notes, preview).

    Raises DatasetInvalid naming every picture that cannot be used.
    """
    problems, notes = Problems(), []
    pictures, others = [], []
    for name in sorted(names):
        (pictures if PurePosixPath(name).suffix.lower() in SUFFIXES else others).append(name)
    if others:
        notes.append(f"{len(others)} files that are no pictures ignored ({others[0]} ...)")
        for name in others:
            (root / name).unlink()
    outside = [name for name in pictures if _place(name) is None]
    for name in outside:
        problems.add("lies in no class folder; put it into a folder named after its class", file=name)
    if not pictures:
        problems.add("holds no pictures (.png .jpg .gif .bmp .webp .tif) in class folders")
    problems.raise_if_any()

    with ThreadPoolExecutor(4) as pool:
        facts = list(pool.map(lambda n: _look(root / n), pictures))
    first: dict[str, str] = {}
    kept: list[tuple[str, tuple[int, int, int]]] = []
    repeated = []
    for name, fact in zip(pictures, facts, strict=True):
        if isinstance(fact, str):
            problems.add(fact, file=name)
            continue
        digest, shape = fact
        twin = first.setdefault(digest, name)
        if twin != name and _place(twin) and _place(twin)[1] != _place(name)[1]:  # type: ignore[index]
            problems.add(f"is the same picture as {twin}, in another class", file=name)
        elif twin != name:
            repeated.append(name)
            (root / name).unlink()
        else:
            kept.append((name, shape))
    problems.raise_if_any()
    if repeated:
        notes.append(f"{len(repeated)} repeated pictures dropped ({repeated[0]} ...)")
    return _stats(kept, problems), notes, _preview(kept)


def _place(name: str) -> tuple[str, str] | None:
    """(part, class) of a picture, None when it lies in no class folder."""
    folders = PurePosixPath(name).parts[:-1]
    if folders and folders[0].lower() in PARTS:
        return (folders[0].lower(), folders[-1]) if len(folders) > 1 else None
    return ("train", folders[-1]) if folders else None


def _look(path: Path) -> str | tuple[str, tuple[int, int, int]]:
    """(hash of the file, (width, height, channels)), or what is wrong with it."""
    data = path.read_bytes()
    if not data:
        return "is empty"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=READ_AS) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    return f"has {width} x {height} pixels; {MOST_PIXELS} are allowed"
                image.load()
                channels = 1 if image.mode in ("1", "L", "LA", "I", "I;16", "F") else 3
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as err:
        return f"cannot be read as a picture: {str(err).replace(str(path), path.name)}"
    return hashlib.sha256(data).hexdigest(), (width, height, channels)


def _stats(kept: list[tuple[str, tuple[int, int, int]]], problems: Problems) -> dict[str, Any]:
    places = [_place(name) or ("", "") for name, _ in kept]
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
    shapes = [shape for _, shape in kept]
    return {
        "images": len(kept),
        "classes": dict(sorted(classes.items())),
        "splits": dict(sorted(Counter(part for part, _ in places).items())),
        "width": [min(s[0] for s in shapes), max(s[0] for s in shapes)],
        "height": [min(s[1] for s in shapes), max(s[1] for s in shapes)],
        "channels": max(s[2] for s in shapes),
    }


def _preview(kept: list[tuple[str, tuple[int, int, int]]]) -> list[dict[str, str]]:
    """A few pictures of each class."""
    seen: Counter[str] = Counter()
    found = []
    for name, _ in kept:
        label = (_place(name) or ("", ""))[1]
        seen[label] += 1
        if seen[label] <= 4:
            found.append({"file": name, "label": label})
    return found[:48]
