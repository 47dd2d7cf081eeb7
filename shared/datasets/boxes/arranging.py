"""Arranges an upload of annotated pictures: matches both, brings the boxes into one form, names all that does not fit.

Called by the format "boxes".
"""

import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from shared.datasets.boxes.annotation import Annotation, BadAnnotation
from shared.datasets.boxes.annotations import Program, read_annotations
from shared.datasets.boxes.coco import outlines_things
from shared.datasets.boxes.matching import PictureIndex, parts_of
from shared.datasets.boxes.placing import Placed, place
from shared.datasets.boxes.storing import BoxedPicture, write_boxes
from shared.datasets.folders.layout import PARTS
from shared.datasets.folders.outer import left_out_note
from shared.datasets.formats.base import Arranged, HasLimits, Received
from shared.datasets.pictures.annotated import stem
from shared.datasets.pictures.checking import see_all
from shared.datasets.pictures.decoding import Unreadable
from shared.datasets.pictures.kinds import SAID_SUFFIXES
from shared.datasets.pictures.sorting import sort_out
from shared.datasets.pictures.splits import read_split_lists
from shared.datasets.problems import Problems, refuse
from shared.datasets.receiving import put_all
from shared.errors import Choice, DatasetInvalid
from shared.volume.staging import sha256

_UPLOAD = ".upload"  # below the target while it is sorted out; no file of an upload is hidden
_NAMED = 100  # of what was left out


def arrange_boxes(
    received: Sequence[Received], target: Path, limits: HasLimits, *, drop: bool, program: Program
) -> Arranged:
    """Raises DatasetInvalid naming every picture and annotation at fault, with the choice to leave them out."""
    upload = target / _UPLOAD
    upload.mkdir()
    put = put_all(received, upload, limits)
    found = sort_out(upload, put.names)
    if not found.pictures:
        raise refuse(f"holds no pictures ({SAID_SUFFIXES}) that its annotations could be about")
    read = read_annotations(upload, found.pictures, found.others, program)
    bad: dict[str, str] = found.unreadable | read.wrong
    of = _matched(read.annotations, [*found.pictures, *found.unreadable], bad)
    placed = _placed(upload, found.pictures, of, bad)
    if bad or drop:  # all that is wrong is said at once
        bad |= see_all(upload, placed)[1]
    left = {name: one for name, one in placed.items() if name not in bad}
    if (bad and not drop) or not any(one.boxes for one in left.values()):
        raise _refusal(bad, placed, left)
    notes = put.notes + found.notes + read.notes
    lists = read_split_lists(upload, read.lists, map(stem, left))
    parts = parts_of({name: of[name][0].source if of[name] else "" for name in left}, lists)
    if lists and (unlisted := [name for name in left if stem(name) not in lists and parts[name] == "train"]):
        notes.append(f"{len(unlisted):,} pictures are in no list of a part: they are trained with ({unlisted[0]} ...)")
    notes += _notes(left, of, bad)
    if read.program == "coco" and any(
        outlines_things(upload / name) for name in read.used if name.lower().endswith(".json")
    ):
        notes.append(
            "its annotations have outlines, too (segmentation): uploaded as pairs of pictures (picture_pairs) they become masks"
        )
    if others := [name for name in found.others if name not in read.used]:
        notes.append(left_out_note(others, "file that is no annotation", "files that are no annotations"))
    kept = _kept(upload, left, parts, bad, len(others))
    digests = _store(target, upload, left, parts)
    return Arranged(digests, notes, kept)


def _matched(
    annotations: Sequence[Annotation], pictures: Sequence[str], bad: dict[str, str]
) -> Mapping[str, list[Annotation]]:
    """Annotations by picture. What has no picture goes into bad; several files about one picture, too."""
    index, found = PictureIndex(pictures), defaultdict[str, list[Annotation]](list)
    for annotation in annotations:
        try:
            found[index.find(annotation)].append(annotation)
        except BadAnnotation as err:
            bad[_key(annotation)] = str(err)
    for name, several in found.items():
        for annotation in several[1:]:
            if not annotation.source.lower().endswith(".json"):
                bad[annotation.source] = f"annotates {name} as {several[0].source} does: which of both counts?"
    return found


def _key(annotation: Annotation) -> str:
    """How an annotation is named to the user: a .json holds many."""
    source = annotation.source
    return f"{source}: {annotation.picture}" if source.lower().endswith(".json") else source


def _placed(
    upload: Path, pictures: Sequence[str], of: Mapping[str, list[Annotation]], bad: dict[str, str]
) -> dict[str, Placed]:
    found = {}
    for name in pictures:
        annotations = [one for one in of.get(name, []) if one.source not in bad]
        try:
            found[name] = place(upload / name, annotations)
        except Unreadable as err:
            bad[name] = str(err)
        except BadAnnotation as err:
            bad[name if annotations[0].source.lower().endswith(".json") else annotations[0].source] = str(err)
    return found


def _refusal(bad: Mapping[str, str], placed: Mapping[str, Placed], left: Mapping[str, Placed]) -> DatasetInvalid:
    problems = Problems()
    for name, wrong in bad.items():
        problems.add(wrong, file=name)
    before = {box[4] for one in placed.values() for box in one.boxes}
    after = {box[4] for one in left.values() for box in one.boxes}
    if not after:
        problems.add("has not one box that could be used")
        return problems.refusal()
    gone = f", and with them the classes {', '.join(sorted(before - after)[:5])}" if before - after else ""
    title = f"Leave out what cannot be used ({len(bad):,} {'file' if len(bad) == 1 else 'files'}){gone}"
    return problems.refusal([Choice(option="bad_rows", value="drop", title=title)])


def _notes(left: Mapping[str, Placed], of: Mapping[str, list[Annotation]], bad: Mapping[str, str]) -> list[str]:
    notes = []
    if bad:
        notes.append(left_out_note(list(bad), "file that cannot be used", "files that cannot be used"))
    dropped = [f"{name}: {what} {why}" for name, one in left.items() for what, why in one.dropped]
    if dropped:
        boxes = "box" if len(dropped) == 1 else "boxes"
        notes.append(
            f"{len(dropped):,} {boxes} left out ({'; '.join(dropped[:3])}{' ...' if len(dropped) > 3 else ''})"
        )
    if cut := sum(one.cut for one in left.values()):
        notes.append(
            f"{cut:,} {'box' if cut == 1 else 'boxes'} reached beyond the edge of the picture and were cut there"
        )
    if turned := sum(one.turned for one in left.values()):
        pictures = "1 picture is" if turned == 1 else f"{turned:,} pictures are"
        notes.append(f"{pictures} stored on the side (EXIF): the boxes have been turned upright with them")
    if bare := [name for name in left if not of.get(name)]:
        pictures = "1 picture has" if len(bare) == 1 else f"{len(bare):,} pictures have"
        notes.append(f"{pictures} no annotation: taken as holding nothing to find ({', '.join(bare[:3])})")
    return notes


def _kept(
    upload: Path, left: Mapping[str, Placed], parts: Mapping[str, str], bad: Mapping[str, str], others: int
) -> dict[str, Any]:
    alike: dict[str, list[str]] = defaultdict(list)
    for name in left:
        alike[sha256(upload / name)].append(name)
    leakage = Counter(
        " and ".join(part for part in PARTS if part in among)
        for names in alike.values()
        if len(among := {parts[name] for name in names}) > 1
    )
    empty = [{"file": name, "value": what, "why": why} for name, one in left.items() for what, why in one.dropped]
    named = [{"file": name, "why": why} for name, why in bad.items()]
    dropped = {"empty": len(empty), "broken": len(bad), "other": others, "named": (named + empty)[:_NAMED]}
    return {"dropped": dropped, "leakage": dict(leakage), "copies": len(left) - len(alike)}


def _store(target: Path, upload: Path, left: Mapping[str, Placed], parts: Mapping[str, str]) -> dict[str, str]:
    """Move the pictures to their place and write the boxes. Returns SHA-256 by name."""
    called = Counter(PurePosixPath(name).name.lower() for name in left)
    stored, digests = [], {}
    (target / "pictures").mkdir()
    for name, one in sorted(left.items()):
        own = PurePosixPath(name).name
        file = f"pictures/{own if called[own.lower()] == 1 else name.replace('/', '_')}"
        while (target / file).exists():
            file = f"pictures/_{file.removeprefix('pictures/')}"
        digests[file] = sha256(upload / name)
        (upload / name).rename(target / file)
        stored.append(BoxedPicture(file, *one.size, parts[name], tuple(one.boxes)))
    shutil.rmtree(upload)
    write_boxes(target, sorted(stored, key=lambda picture: picture.file))
    return digests
