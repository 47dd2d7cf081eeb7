"""Sorts the files of an upload into pictures, pictures that cannot be read, and all else; by content where names say nothing."""

import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from shared.datasets.folders.outer import empty_folders
from shared.datasets.pictures.kinds import HEAD, has_picture_suffix, other_kind, other_suffix, readable_kind

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
    found.empty = empty_folders(root)
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
