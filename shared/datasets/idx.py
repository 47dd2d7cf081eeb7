"""Format "idx": MNIST's files (yann.lecun.com/exdb/mnist), gzipped or not, as pairs

train-images-idx3-ubyte.gz + train-labels-idx1-ubyte.gz        (and t10k-... or test-...)
"""

import gzip
import struct
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

from shared.datasets.archive import MOST_RATIO
from shared.datasets.images import MOST_PIXELS
from shared.datasets.problems import Problems

_CHUNK = 1 << 20
_NAMES = ("train", "t10k", "test", "val")


def looks_like_idx(name: str) -> bool:
    """True for names of IDX files."""
    base = PurePosixPath(name).name.lower().removesuffix(".gz")
    return "idx1" in base or "idx3" in base


def check_idx(root: Path, names: list[str], *, max_bytes: int) -> tuple[dict[str, Any], list[str], list[Any]]:
    """Check heads, sizes and that pictures and labels match. Returns (stats, notes, preview). Raises DatasetInvalid."""
    problems, notes = Problems(), []
    pairs: dict[str, dict[str, tuple[str, tuple[int, ...]]]] = {}
    labels: dict[str, Counter[int]] = {}
    for name in sorted(names):
        if not looks_like_idx(name):
            notes.append(f"{name} ignored: no IDX file")
            (root / name).unlink()
            continue
        head, counts = _read(root / name, name, problems, max_bytes)
        if head is None:
            continue
        base = PurePosixPath(name).name.lower()
        part = next((p for p in _NAMES if base.startswith(p)), "train")
        kind = "images" if len(head) == 3 else "labels"
        pair = pairs.setdefault(part, {})
        if kind in pair:
            problems.add(f"is a second file of {kind} for the part {part}, beside {pair[kind][0]}", file=name)
            continue
        pair[kind] = (name, head)
        if kind == "labels":
            labels[part] = counts
    if not pairs and not problems.count:
        problems.add("holds no IDX files")
    _check_pairs(pairs, problems)
    if not problems.count:
        _check_parts(pairs, labels, problems)
    problems.raise_if_any()
    splits = {part: pair["images"][1][0] for part, pair in pairs.items()}
    _, height, width = next(iter(pairs.values()))["images"][1]
    stats = {
        "images": sum(splits.values()),
        "classes": {str(k): v for k, v in sorted(sum(labels.values(), Counter()).items())},
        "splits": splits,
        "width": [width, width],
        "height": [height, height],
        "channels": 1,
    }
    return stats, notes, []


def _check_pairs(pairs: dict[str, dict[str, tuple[str, tuple[int, ...]]]], problems: Problems) -> None:
    for part, pair in pairs.items():
        if len(pair) != 2:
            here = ", ".join(name for name, _ in pair.values())
            problems.add(f"part {part} needs a file of pictures (idx3) and one of labels (idx1); found {here}")
            continue
        (images, shape), (marks, count) = pair["images"], pair["labels"]
        if shape[0] != count[0]:
            problems.add(f"holds {shape[0]} pictures, {marks} {count[0]} labels", file=images)


def _check_parts(
    pairs: dict[str, dict[str, tuple[str, tuple[int, ...]]]], labels: dict[str, Counter[int]], problems: Problems
) -> None:
    """The parts must go together: one size of picture, and no class that the part to learn from has not."""
    sizes = {part: pair["images"][1][1:] for part, pair in pairs.items()}
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{part} {height} x {width}" for part, (height, width) in sizes.items())
        problems.add(f"the parts have pictures of different sizes: {said}")
    if "train" not in pairs:
        problems.add(f"has no part to learn from (train-...); found {', '.join(pairs)}")
    elif len(labels["train"]) < 2:
        problems.add("has one class; a classifier needs at least two")
    for part in pairs.keys() - {"train"} if "train" in pairs else ():
        if unknown := labels[part].keys() - labels["train"].keys():
            shown = ", ".join(map(str, sorted(unknown)))
            problems.add(f"the part {part} has classes that train has not: {shown}")


def _read(path: Path, name: str, problems: Problems, max_bytes: int) -> tuple[tuple[int, ...] | None, Counter[int]]:
    """Read a file through, holding none of it. Returns (axes or None, how often each label occurs)."""
    counts: Counter[int] = Counter()
    try:
        with gzip.open(path) if name.lower().endswith(".gz") else path.open("rb") as file:
            start = file.read(4)
            if len(start) < 4 or start[:2] != b"\0\0" or start[2] != 8 or start[3] not in (1, 3):
                problems.add("is no IDX file of bytes (its head should begin 00 00 08 01 or 00 00 08 03)", file=name)
                return None, counts
            axes = start[3]
            head = file.read(4 * axes)
            if len(head) < 4 * axes:
                problems.add("ends within its head", file=name)
                return None, counts
            shape = struct.unpack(f">{axes}I", head)
            expected = 1
            for axis in shape:
                expected *= axis
            if expected > max_bytes or expected == 0:
                problems.add(
                    f"says it holds {' x '.join(map(str, shape))} bytes; 1 to {max_bytes} are allowed", file=name
                )
                return None, counts
            if axes == 3 and shape[1] * shape[2] > MOST_PIXELS:
                problems.add(f"has pictures of {shape[1]} x {shape[2]} pixels; {MOST_PIXELS} are allowed", file=name)
                return None, counts
            if expected > 1 << 20 and expected > MOST_RATIO * path.stat().st_size:  # never of one that is not gzipped
                problems.add(
                    f"unpacks to more than {MOST_RATIO} times its packed size: refused as a gzip bomb; upload it unpacked",
                    file=name,
                )
                return None, counts
            size = 0
            while size <= expected and (chunk := file.read(_CHUNK)):
                size += len(chunk)
                if axes == 1:
                    counts.update(chunk)
    except (OSError, EOFError, zlib.error) as err:
        problems.add(f"cannot be unpacked: {err}", file=name)
        return None, counts
    if size != expected:
        problems.add(
            f"holds {'more than ' if size > expected else ''}{min(size, expected)} bytes of data, its head says {expected}",
            file=name,
        )
        return None, counts
    return shape, counts
