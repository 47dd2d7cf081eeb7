"""Arranges an upload of pictures: what is none is left out, each content stays once, and the user is asked what only he can say.

Called by the format "pictures". Nothing is decoded, unless pictures are to be left out or are refused anyway.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from shared.datasets.boxes.coco import looks_like_coco
from shared.datasets.folders.finding import OuterFolders, find_layout
from shared.datasets.folders.layout import PARTS
from shared.datasets.folders.outer import empty_note, left_out_note, sisters_kept, strip_common_folder
from shared.datasets.folders.refusing import refuse_bad, vanishing
from shared.datasets.formats.base import Arranged
from shared.datasets.pictures.annotated import annotations_among
from shared.datasets.pictures.checking import see_all
from shared.datasets.pictures.kinds import SAID_SUFFIXES
from shared.datasets.pictures.sorting import remove, remove_empty_folders, sort_out
from shared.datasets.problems import Problems, refuse
from shared.errors import Choice
from shared.volume.staging import sha256

LAYOUT = "layout.json"  # beside the pictures, where their names alone do not tell the layout
_UNLEARNT = ("picture of a class that train has not", "pictures of classes that train has not")
_NAMED = 100  # of what was left out
_KEPT_FIRST = ("test", "val", "train")  # of a picture in several parts the copy in the first of these stays


class Wishes(Protocol):
    """The options that are asked for here (formats/pictures.py describes them)."""

    @property
    def bad_rows(self) -> str: ...
    @property
    def missing_classes(self) -> str: ...
    @property
    def outer_folders(self) -> OuterFolders: ...
    @property
    def annotations(self) -> str: ...


def arrange_pictures(root: Path, names: Sequence[str], options: Wishes) -> Arranged:
    """names: of all files below root. Raises DatasetInvalid, with choices where the user may decide."""
    found = sort_out(root, names)
    notes = found.notes
    pictures = sorted([*found.pictures, *found.unreadable])
    if not pictures:
        raise refuse(f"holds no pictures ({SAID_SUFFIXES})")
    _refuse_annotations(root, pictures, found.others, options)
    if found.others:
        notes.append(left_out_note(found.others, "file that is no picture", "files that are no pictures"))
    remove(root, found.others)
    moved = dict(
        zip(pictures, strip_common_folder(root, pictures, keep=sisters_kept(pictures, found.empty)), strict=True)
    )
    bad = {moved[name]: wrong for name, wrong in found.unreadable.items()}
    pictures = sorted(moved.values())
    if found.empty:
        notes.append(empty_note(found.empty))
    where = find_layout(pictures, options.outer_folders)
    if where.question:
        problems = Problems()
        problems.add(where.question)
        raise problems.refusal(where.choices)
    notes += where.notes
    layout = where.layout
    places = {name: layout.place(name) for name in pictures}
    bad |= {name: wrong for name, wrong in where.wrong.items() if name not in bad}
    places |= {name: (places[name][0], None) for name in where.wrong}  # a stray folder is no class
    repeated, leakage, contradicting, digests = _repeated(root, [name for name in pictures if name not in bad], places)
    bad |= contradicting
    dropping = options.bad_rows == "drop" or options.missing_classes == "leave_out"
    if bad or dropping:
        bad |= see_all(root, [name for name in pictures if name not in bad])[1]
    if bad and (not dropping or len(bad) == len(pictures) or _would_vanish(bad, places, options)):
        raise refuse_bad(bad, places)
    gone, copies = vanishing(bad, places), set(repeated)
    left = {name: place for name, place in places.items() if name not in bad and name not in copies}
    _refuse_parts_of_copies(places, bad, left, options)
    unlearnt = _unlearnt(left, options)
    if bad:
        without = f"; there is no {', no '.join(gone)} any more" if gone else ""
        notes.append(left_out_note(list(bad), "picture that cannot be used", "pictures that cannot be used") + without)
    if unlearnt:
        notes.append(left_out_note(unlearnt, *_UNLEARNT))
    if repeated:
        notes.append(left_out_note(repeated, "repeated picture", "repeated pictures"))
    out = {*bad, *unlearnt, *repeated}
    remove(root, sorted(out))
    remove_empty_folders(root)
    if layout.label == "outer":
        (root / LAYOUT).write_text(json.dumps(layout.kept()), encoding="utf-8")
    kept = {
        "layout": layout.kept(),
        "dropped": _dropped(bad, len(repeated), len(found.others) + len(unlearnt)),
        "leakage": leakage,
    }
    return Arranged({name: digest for name, digest in digests.items() if name not in out}, notes, kept)


def _refuse_annotations(root: Path, pictures: Sequence[str], others: Sequence[str], options: Wishes) -> None:
    files = [name for name in others if name.lower().endswith(".json") and looks_like_coco(root / name)]
    annotations = annotations_among(pictures, others) or files
    if not annotations or options.annotations == "leave_out":
        return
    problems = Problems()
    beside = f"holds {len(annotations):,} annotations beside {len(pictures):,} pictures ({annotations[0]} ...)"
    problems.add(f"{beside}: upload it as the format boxes to keep them")
    title = "Leave the annotations out and keep the pictures alone"
    raise problems.refusal([Choice(option="annotations", value="leave_out", title=title)])


def _would_vanish(bad: Mapping[str, str], places: Mapping[str, tuple[str, str | None]], options: Wishes) -> bool:
    return options.missing_classes != "leave_out" and bool(vanishing(bad, places))


def _repeated(
    root: Path, names: Sequence[str], places: Mapping[str, tuple[str, str | None]]
) -> tuple[list[str], dict[str, int], dict[str, str], dict[str, str]]:
    """(copies to leave out, copies by the two parts they stand in, what is wrong with copies of two classes, SHA-256 by name)."""
    digests = {name: sha256(root / name) for name in names}
    alike: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names, key=lambda name: (_KEPT_FIRST.index(places[name][0]), name)):
        alike[digests[name]].append(name)
    repeated, contradicting, leakage = [], {}, Counter[str]()
    for first, *copies in alike.values():
        if len({places[name][1] for name in (first, *copies)}) > 1:
            other = next(name for name in copies if places[name][1] != places[first][1])
            contradicting[first] = f"is the same picture as {other}, in another class"
            contradicting |= dict.fromkeys(copies, f"is the same picture as {first}, in another class")
            continue
        repeated += copies
        parts = {places[name][0] for name in (first, *copies)}
        if len(parts) > 1:
            leakage[" and ".join(part for part in PARTS if part in parts)] += 1
    return sorted(repeated), dict(leakage), contradicting, digests


def _refuse_parts_of_copies(
    places: Mapping[str, tuple[str, str | None]], bad: Mapping[str, str], left: Mapping[str, Any], options: Wishes
) -> None:
    """Ask where a part consists of copies alone: without them it would be gone."""
    before = {part for name, (part, _) in places.items() if name not in bad}
    gone = sorted(before - {part for part, _ in left.values()})
    if not gone or options.missing_classes == "leave_out":
        return
    problems = Problems()
    for part in gone:
        problems.add(f"every picture of the part {part} stands in another part, too: without them it would be empty")
    title = f"Go on without the part {' and '.join(gone)}"
    raise problems.refusal([Choice(option="missing_classes", value="leave_out", title=title)])


def _unlearnt(places: Mapping[str, tuple[str, str | None]], options: Wishes) -> list[str]:
    """Pictures of classes that the training part has not, where they are to be left out. Asks where nothing is said about them."""
    train = {label for part, label in places.values() if part == "train"}
    if not train or options.missing_classes == "keep":
        return []
    names = sorted(name for name, (_, label) in places.items() if label not in train)
    if names and options.missing_classes == "ask":
        unknown: dict[str, set[str]] = defaultdict(set)
        for name in names:
            part, label = places[name]
            unknown[part].add(label or "")
        problems = Problems()
        for part, labels in sorted(unknown.items()):
            problems.add(f"the part {part} has classes that train has not: {', '.join(sorted(labels))}")
        raise problems.refusal(
            [
                Choice(option="missing_classes", value="leave_out", title=f"Leave out these {len(names):,} pictures"),
                Choice(
                    option="missing_classes",
                    value="keep",
                    title="Keep them: a model is to be tested on what it never saw",
                ),
            ]
        )
    return names


def _dropped(bad: Mapping[str, str], repeated: int, other: int) -> dict[str, Any]:
    """A report's Dropped, as JSON."""
    named = [{"file": name, "why": wrong} for name, wrong in list(bad.items())[:_NAMED]]
    return {"duplicate": repeated, "broken": len(bad), "other": other, "named": named}
