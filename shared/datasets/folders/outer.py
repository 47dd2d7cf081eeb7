"""The folders that all files of an upload lie in, which mean nothing; and what is said of files left out."""

import itertools
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from shared.datasets.folders.layout import part_of


def left_out_note(names: Sequence[str], one: str, many: str) -> str:
    """ "3 files that are no pictures left out (2 .txt, 1 .csv: README.txt ...)" """
    endings = Counter(_ending(name) or "without ending" for name in names)
    kinds = ", ".join(f"{count:,} {ending}" for ending, count in endings.most_common(4))
    shown = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
    return f"{len(names):,} {one if len(names) == 1 else many} left out ({kinds}: {shown})"


def _ending(name: str) -> str:
    """As PurePosixPath has it, which takes ten times as long: names left out may be very many."""
    bare = name.rpartition("/")[2]
    dot = bare.rfind(".")
    return bare[dot:].lower() if 0 < dot < len(bare) - 1 else ""


def empty_folders(root: Path) -> list[str]:
    """Folders below root that hold nothing."""
    found = ((Path(folder), inner or files) for folder, inner, files in os.walk(root))
    return sorted(folder.relative_to(root).as_posix() for folder, holds in found if not holds)


def empty_note(empty: Sequence[str]) -> str:
    """What is said of empty folders."""
    shown = ", ".join(empty[:5]) + (" ..." if len(empty) > 5 else "")
    what = "empty folder" if len(empty) == 1 else "empty folders"
    return f"{len(empty):,} {what} left out: there is no class, no part of these names ({shown})"


def sisters_kept(names: Sequence[str], empty: Sequence[str]) -> int:
    """How many folders stay around the files: one where it has a sister, empty or not, else none."""
    around = {name.rpartition("/")[0] for name in names}
    sisters = {folder.rpartition("/")[0] for folder in empty}
    return 1 if len(around) > 1 or any(folder.rpartition("/")[0] in sisters for folder in around) else 0


def common_folders(names: Sequence[str], *, keep: int) -> list[str]:
    """The folders that all files lie in, from outside, none of which is a part. keep: how many stay around each file at least."""
    parts = [PurePosixPath(name).parts for name in names]
    most = max(0, min(map(len, parts)) - 1 - keep)
    pairs = itertools.islice(zip(min(parts), max(parts), strict=False), most)  # what these two share, all do
    return [one for one, _ in itertools.takewhile(lambda pair: pair[0] == pair[1] and part_of(pair[0]) is None, pairs)]


def strip_common_folder(root: Path, names: Sequence[str], *, keep: int) -> list[str]:
    """Move files up while all of them lie in one folder that is no part. Returns the new names, in the same order.

    keep: how many folders around each file stay at least.
    """
    common = common_folders(names, keep=keep)
    if not common:
        return list(names)
    moved = root / ".moved"  # no file of an upload is hidden, so none is called so
    root.joinpath(*common).rename(moved)
    for depth in range(len(common) - 1, 0, -1):
        root.joinpath(*common[:depth]).rmdir()
    for path in moved.iterdir():
        path.rename(root / path.name)
    moved.rmdir()
    return ["/".join(PurePosixPath(name).parts[len(common) :]) for name in names]
