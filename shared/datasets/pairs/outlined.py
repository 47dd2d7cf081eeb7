"""Arranges pictures whose masks are drawn from the outlines of COCO's annotations. Called by arranging.py."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.datasets.boxes.annotation import BadAnnotation
from shared.datasets.boxes.matching import PictureIndex, parts_of
from shared.datasets.folders.outer import left_out_note
from shared.datasets.formats.base import Arranged
from shared.datasets.pairs.drawing import Drawn, Effort, draw
from shared.datasets.pairs.keeping import PairNames, Sizes, kept_of, refusal, store, with_empty
from shared.datasets.pairs.masks import COLOURS, palette_of, save_mask
from shared.datasets.pairs.outlines import BACKGROUND, Outlined, read_outlines
from shared.datasets.pairs.storing import NOTHING, MaskKind
from shared.datasets.pictures.annotated import stem
from shared.datasets.pictures.checking import see_all
from shared.datasets.pictures.decoding import Unreadable, opened_picture, transpose_of, upright_size
from shared.datasets.pictures.sorting import SortedOut
from shared.datasets.pictures.splits import is_split_list, read_split_lists
from shared.datasets.problems import refuse

_BLACK = "#000000"  # of the background
_SHOWN = 3  # names in a note


@dataclass(frozen=True)
class _Fitting:
    """A picture and what is to be drawn for it. size: of the pixels the outlines are in; turned: those as stored, not upright."""

    size: tuple[int, int]
    upright: tuple[int, int]
    turned: bool
    said: list[Outlined]


@dataclass
class _Told:
    """What there is to tell of all that was drawn."""

    dropped: list[tuple[str, str]] = field(default_factory=list)
    drawn: int = 0
    cut: int = 0
    crowds: int = 0

    def add(self, name: str, said: Sequence[Outlined], drawn: Drawn) -> None:
        left_out = [*(skipped for one in said for skipped in one.skipped), *drawn.dropped]
        self.dropped += [(name, f"{which} {why}") for which, why in left_out]
        self.drawn += drawn.count
        self.cut += drawn.cut
        self.crowds += drawn.crowds


def arrange_outlined(
    target: Path, upload: Path, notes: Sequence[str], found: SortedOut, files: Sequence[str], *, drop: bool
) -> Arranged:
    """files: COCO's, below upload. Raises DatasetInvalid naming every picture and annotation at fault, with the choice to leave
    them out.
    """
    bad = dict(found.unreadable)
    said, classes = _read(upload, files, bad)
    if bad.keys() - found.unreadable.keys() and not drop:  # without what such a file says, much else would look wrong
        raise refusal(bad, 0)
    of = _matched(said, [*found.pictures, *found.unreadable], bad)
    bad |= {name: "is in no annotation's list of images" for name in found.pictures if name not in of}
    fitting = _fitting(upload, found.pictures, of, bad)
    if bad or drop:  # all that is wrong is said at once
        bad |= see_all(upload, (name for name in fitting if name not in bad))[1]
    left = {name: one for name, one in fitting.items() if name not in bad}
    if (bad and not drop) or not left:
        raise refusal(bad, len(left), "entry", "entries")
    lists = [name for name in found.others if is_split_list(name)]
    others = [name for name in found.others if name not in files and name not in lists]
    listed = read_split_lists(upload, lists, map(stem, left))
    parts = {(name, name): part for name, part in parts_of({n: of[n][0].source for n in left}, listed).items()}
    base = kept_of(upload, parts, bad, len(others))
    told = _store(target, upload, left, parts, classes)
    if not told.drawn:
        why = f": {told.dropped[0][0]}, {told.dropped[0][1]}" if told.dropped else ""
        raise refuse(f"has not one outline that could be drawn{why}")
    all_notes = [*notes, *found.notes, *_notes(told, left, bad, files)]
    if others:
        all_notes.append(left_out_note(others, "file that is no annotation", "files that are no annotations"))
    return Arranged(notes=all_notes, kept={"kind": "mask"} | with_empty(base, told.dropped))


def _read(upload: Path, files: Sequence[str], bad: dict[str, str]) -> tuple[list[Outlined], list[MaskKind]]:
    """What all files say, and their classes, the background first. Classes of one name in two files are one."""
    said: list[Outlined] = []
    values: dict[str, str] = {}
    for name in files:
        try:
            outlined, named = read_outlines(upload / name, name)
        except BadAnnotation as err:
            bad[name] = str(err)
            continue
        said += outlined
        for label, value in named.items():
            values.setdefault(label, value)
    background = values.pop(BACKGROUND, "")
    if len(values) >= NOTHING:
        raise refuse(f"has {len(values):,} categories; {NOTHING - 1} are the most, the background is one more class")
    classes = [MaskKind(BACKGROUND, background, _BLACK)]
    return said, classes + [
        MaskKind(name, value, COLOURS[at % len(COLOURS)]) for at, (name, value) in enumerate(values.items())
    ]


def _matched(said: Sequence[Outlined], pictures: Sequence[str], bad: dict[str, str]) -> Mapping[str, list[Outlined]]:
    """What is said by picture. What has no picture goes into bad."""
    index, found = PictureIndex(pictures), defaultdict[str, list[Outlined]](list)
    for one in said:
        try:
            found[index.find(one)].append(one)
        except BadAnnotation as err:
            bad[f"{one.source}: {one.picture}"] = str(err)
    return dict(found)


def _fitting(
    upload: Path, pictures: Sequence[str], of: Mapping[str, list[Outlined]], bad: dict[str, str]
) -> dict[str, _Fitting]:
    """Outlines may be in the pixels of a picture as it is stored on its side (EXIF): the mask is turned upright then."""
    found: dict[str, _Fitting] = {}
    for name in pictures:
        if name in bad:
            continue
        try:
            with opened_picture(upload / name) as image:
                stored, upright = image.size, upright_size(image)
        except Unreadable as err:
            bad[name] = str(err)
            continue
        sizes = {one.size for one in of[name] if one.size}
        if not sizes <= {stored, upright} or len(sizes) > 1:
            wanted = " and ".join(f"{width} x {height}" for width, height in sorted(sizes))
            bad[name] = f"is {upright[0]} x {upright[1]} pixels, its annotations say {wanted}"
        else:
            turned = stored != upright and sizes == {stored}
            found[name] = _Fitting(stored if turned else upright, upright, turned, of[name])
    return found


def _store(
    target: Path,
    upload: Path,
    left: Mapping[str, _Fitting],
    parts: Mapping[PairNames, str],
    classes: Sequence[MaskKind],
) -> _Told:
    numbers = {kind.name: at for at, kind in enumerate(classes)}
    palette, effort, told = palette_of(classes), Effort(), _Told()

    def put_right(pair: PairNames, place: Path) -> None:
        one = left[pair[0]]
        drawn = draw([outline for said in one.said for outline in said.outlines], one.size, numbers, effort)
        told.add(pair[0], one.said, drawn)
        mask = drawn.image()
        if one.turned:
            with opened_picture(upload / pair[0]) as image:
                turn = transpose_of(image)
            mask = mask.transpose(turn) if turn is not None else mask
        save_mask(mask, palette, place)

    sizes: dict[PairNames, Sizes] = {(name, name): (one.upright, one.upright) for name, one in left.items()}
    store(target, upload, parts, sizes, classes, put_right)
    return told


def _notes(told: _Told, left: Mapping[str, _Fitting], bad: Mapping[str, str], files: Sequence[str]) -> list[str]:
    """What was drawn, changed and left out, for the user."""
    outlines = "1 outline" if told.drawn == 1 else f"{told.drawn:,} outlines"
    shown = ", ".join(files[:_SHOWN]) + (" ..." if len(files) > _SHOWN else "")
    notes = [
        f"{outlines} of {shown} drawn into masks: where they overlap the smaller lies on top, what none covers is background"
    ]
    if bad:
        notes.append(left_out_note(list(bad), "entry that cannot be used", "entries that cannot be used"))
    if told.dropped:
        shown = "; ".join(f"{name}: {why}" for name, why in told.dropped[:_SHOWN])
        more = " ..." if len(told.dropped) > _SHOWN else ""
        notes.append(
            f"{len(told.dropped):,} {'outline' if len(told.dropped) == 1 else 'outlines'} left out ({shown}{more})"
        )
    if told.crowds:
        marks = "1 outline marks a crowd" if told.crowds == 1 else f"{told.crowds:,} outlines mark crowds"
        notes.append(f"{marks} (iscrowd): drawn as its class, below all others")
    if told.cut:
        notes.append(
            f"{told.cut:,} {'outline' if told.cut == 1 else 'outlines'} reached beyond the edge of the picture and were cut there"
        )
    if turned := sum(one.turned for one in left.values()):
        pictures = "1 picture is" if turned == 1 else f"{turned:,} pictures are"
        notes.append(f"{pictures} stored on the side (EXIF): the masks have been turned upright with them")
    if bare := [name for name, one in left.items() if not any(said.outlines for said in one.said)]:
        pictures = "1 picture has" if len(bare) == 1 else f"{len(bare):,} pictures have"
        notes.append(f"{pictures} no outline: all background ({', '.join(bare[:_SHOWN])})")
    return notes
