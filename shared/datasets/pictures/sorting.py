"""Sorts the files of an upload into pictures, pictures that cannot be read, and all else; by content where names say nothing."""

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from shared.datasets.pictures.kinds import HEAD, has_picture_suffix, other_kind, other_suffix, readable_kind
from shared.datasets.pictures.layout import part_of

_ENDINGS = {"JPEG": ".jpg", "TIFF": ".tif"}
_TEXTS = {
    ".txt",
    ".md",
    ".csv",
    ".tsv",
    ".json",
    ".jsonl",
    ".xml",
    ".yaml",
    ".yml",
    ".html",
    ".py",
}  # may begin like anything
_CONVERT = "which cannot be read: convert it to JPEG or PNG"


@dataclass
class SortedOut:
    """Names below the target. unreadable: what is wrong with pictures of a format that is not read.

    empty: folders that hold nothing. notes: what was changed, for the user.
    """

    pictures: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def sort_out(root: Path, names: Iterable[str]) -> SortedOut:
    """Tell pictures from all else. A picture whose name has no ending that says so is given one."""
    found, named = SortedOut(), []
    found.empty = sorted(
        Path(folder).relative_to(root).as_posix() for folder, inner, files in os.walk(root) if not inner and not files
    )
    for name in sorted(names):
        with (root / name).open("rb") as file:
            head = file.read(HEAD)
        ending = PurePosixPath(name).suffix.lower()
        if has_picture_suffix(name):
            if kind := other_kind(head):
                found.unreadable[name] = f"is a {kind} picture named {ending}, {_CONVERT}"
            else:
                found.pictures.append(name)
        elif ending not in _TEXTS and (kind := readable_kind(head)):
            named.append(_with_ending(root, name, kind))
        elif kind := other_kind(head) or other_suffix(name):
            found.unreadable[name] = f"is a {kind} picture, {_CONVERT}"
        else:
            found.others.append(name)
    found.pictures = sorted(found.pictures + named)
    if named:
        ending = f"{len(named):,} names without the ending of a picture were given one, from their content"
        found.notes.append(f"{ending} ({named[0]} ...)")
    return found


def _with_ending(root: Path, name: str, kind: str) -> str:
    ending = _ENDINGS.get(kind, f".{kind.lower()}")
    tries = (f"{name}{ending}" if n == 1 else f"{name}-{n}{ending}" for n in itertools.count(1))
    free = next(new for new in tries if not (root / new).exists())
    (root / name).rename(root / free)
    return free


def remove(root: Path, names: Iterable[str]) -> None:
    """Delete files, and the folders that are empty afterwards."""
    for name in names:
        (root / name).unlink()
    remove_empty_folders(root)


def remove_empty_folders(root: Path) -> None:
    for folder, _, _ in os.walk(root, topdown=False):
        if Path(folder) != root and not os.listdir(folder):
            os.rmdir(folder)


def left_out_note(names: Sequence[str], one: str, many: str) -> str:
    """ "3 files that are no pictures left out (2 .txt, 1 .csv: README.txt ...)" """
    endings = Counter(PurePosixPath(name).suffix.lower() or "without ending" for name in names)
    kinds = ", ".join(f"{count:,} {ending}" for ending, count in endings.most_common(4))
    shown = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
    return f"{len(names):,} {one if len(names) == 1 else many} left out ({kinds}: {shown})"


def strip_common_folder(root: Path, names: Sequence[str], *, keep: int) -> list[str]:
    """Move files up while all of them lie in one folder that is no part. Returns the new names, in the same order.

    keep: how many folders around each file stay at least.
    """
    parts = [PurePosixPath(name).parts for name in names]
    most = max(0, min(map(len, parts)) - 1 - keep)
    pairs = itertools.islice(zip(min(parts), max(parts), strict=False), most)  # what these two share, all do
    common = [
        one for one, _ in itertools.takewhile(lambda pair: pair[0] == pair[1] and part_of(pair[0]) is None, pairs)
    ]
    if not common:
        return list(names)
    moved = root / ".moved"  # no file of an upload is hidden, so none is called so
    root.joinpath(*common).rename(moved)
    for depth in range(len(common) - 1, 0, -1):
        root.joinpath(*common[:depth]).rmdir()
    for path in moved.iterdir():
        path.rename(root / path.name)
    moved.rmdir()
    return ["/".join(own[len(common) :]) for own in parts]
