"""Public pictures with classes, as a user would upload them: (file name, bytes) of one upload each. Public data: see here.py.

Where a set has no test part of its own, every fifth picture of each class, in the order of names, is one.
"""

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.here import test_data

Upload = tuple[str, bytes]
_LEAST_SIDE = 8  # pixels of a cell that is cut out


def _zipped(pictures: Iterable[tuple[str, str, bytes]]) -> list[Upload]:
    """pictures: (class, file name, bytes), sorted by name. Every fifth of a class goes to the test part."""
    seen, out = Counter[str](), io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for label, name, data in pictures:
            part = "test" if seen[label] % 5 == 4 else "train"
            seen[label] += 1
            file.writestr(f"{part}/{label}/{name}", data)
    return [("pictures.zip", out.getvalue())]


def digits() -> list[Upload]:
    """1,797 digits of 8 by 8 pixels that come with scikit-learn."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    found = []
    for number, (row, label) in enumerate(zip(pixels.reshape(-1, 8, 8), labels, strict=True)):
        body = io.BytesIO()
        Image.fromarray((row * (255 / 16)).astype(np.uint8)).save(body, "PNG")
        found.append((str(label), f"{number:04}.png", body.getvalue()))
    return _zipped(found)


def faces() -> list[Upload]:
    """ORL: 40 people, ten pictures each."""
    with zipfile.ZipFile(test_data("orl_faces") / "orl_faces.zip") as file:
        names = sorted(name for name in file.namelist() if name.endswith(".png"))
        return _zipped((Path(name).parent.name, Path(name).name, file.read(name)) for name in names)


def emoji() -> list[Upload]:
    """The category of each of 1,906 small pictures of 48 pixels."""
    with zipfile.ZipFile(test_data("emoji_pictures") / "emoji_pictures.zip") as file:
        rows = csv.DictReader(io.StringIO(file.read("captions.tsv").decode()), delimiter="\t", quoting=csv.QUOTE_NONE)
        kept = sorted((row["file"], row["category"]) for row in rows if row["category"] != "Component")
        return _zipped((label.replace("/", "-"), Path(name).name, file.read(name)) for name, label in kept)


def cells() -> list[Upload]:
    """BCCD's blood cells, each cut out of its picture: three classes, one of them nine in ten."""
    from PIL import Image

    found = []
    with zipfile.ZipFile(test_data("bccd_blood_cells") / "bccd_blood_cells.zip") as file:
        pictures = {Path(name).stem: name for name in file.namelist() if name.endswith((".jpg", ".jpeg", ".png"))}
        for name in sorted(name for name in file.namelist() if name.endswith(".xml")):
            stem = Path(name).stem
            if stem not in pictures:
                continue
            with Image.open(io.BytesIO(file.read(pictures[stem]))) as picture:
                picture = picture.convert("RGB")
            for number, thing in enumerate(ElementTree.fromstring(file.read(name)).iter("object")):
                sides = [int(float(thing.findtext(f"bndbox/{side}") or 0)) for side in ("xmin", "ymin", "xmax", "ymax")]
                box = (max(sides[0], 0), max(sides[1], 0), min(sides[2], picture.width), min(sides[3], picture.height))
                if min(box[2] - box[0], box[3] - box[1]) < _LEAST_SIDE:
                    continue
                body = io.BytesIO()
                picture.crop(box).resize((40, 40)).save(body, "PNG")
                found.append((thing.findtext("name") or "", f"{stem}_{number:02}.png", body.getvalue()))
    return _zipped(found)


def cifar() -> list[Upload]:
    """500 and 100 photographs of each of ten classes, 32 pixels."""
    path = test_data("cifar10_jpg_subset") / "cifar10_jpg_subset.zip"
    return [(path.name, path.read_bytes())]


def mnist() -> list[Upload]:
    """60,000 and 10,000 written digits."""
    return idx_folder(test_data("mnist"))


def idx_folder(folder: Path) -> list[Upload]:
    """The four files of any set in MNIST's format."""
    return [(path.name, path.read_bytes()) for path in sorted(folder.glob("*ubyte*"))]


SETS: dict[str, Callable[[], list[Upload]]] = {
    "digits": digits,
    "faces": faces,
    "emoji": emoji,
    "cells": cells,
    "cifar": cifar,
    "mnist": mnist,
}
