"""Arranges an upload of pairs: finds the partners, reads the masks, names all that does not fit together.

Called by the format "picture_pairs".
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from shared.datasets.boxes.coco import looks_like_coco, outlines_things
from shared.datasets.folders.outer import left_out_note
from shared.datasets.formats.base import Arranged, HasLimits, Received
from shared.datasets.pairs.finding import FoundPairs, find_pairs, folders_that_match
from shared.datasets.pairs.keeping import PairNames, kept_of, refusal, store
from shared.datasets.pairs.legend import legend_files, read_legend
from shared.datasets.pairs.masks import Reading, Values, values_of
from shared.datasets.pairs.outlined import arrange_outlined
from shared.datasets.pictures.annotated import stem
from shared.datasets.pictures.checking import see_all
from shared.datasets.pictures.decoding import Unreadable, opened_picture, transpose_of, upright_size
from shared.datasets.pictures.kinds import SAID_SUFFIXES
from shared.datasets.pictures.sorting import sort_out
from shared.datasets.pictures.splits import is_split_list, part_in, read_split_lists
from shared.datasets.problems import Problems, refuse
from shared.datasets.receiving import put_all
from shared.errors import Choice

_UPLOAD = ".upload"  # below the target while it is sorted out; no file of an upload is hidden
_STORED, _UPRIGHT = "stored", "upright"

Kind = Literal["ask", "mask", "picture", "outlines"]


class Wishes(Protocol):
    """The options that are asked for here (formats/picture_pairs.py describes them)."""

    @property
    def bad_rows(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def right(self) -> str: ...
    @property
    def unknown_values(self) -> str: ...


def arrange_pairs(received: Sequence[Received], target: Path, limits: HasLimits, options: Wishes) -> Arranged:
    """Raises DatasetInvalid naming every picture at fault, with choices where the user may decide."""
    upload = target / _UPLOAD
    upload.mkdir()
    put = put_all(received, upload, limits)
    sorted_out = sort_out(upload, put.names)
    names = sorted([*sorted_out.pictures, *sorted_out.unreadable])
    if not names:
        raise refuse(f"holds no pictures ({SAID_SUFFIXES})")
    if outlining := outline_files(upload, names, sorted_out.others, options):
        return arrange_outlined(target, upload, put.notes, sorted_out, outlining, drop=options.bad_rows == "drop")
    found = _found(names, options.right)
    kind = options.kind if options.kind != "ask" else found.kind
    bad: dict[str, str] = dict.fromkeys(found.lonely, "has no partner: nothing else is called like it") | found.twice
    bad |= sorted_out.unreadable
    bad_pairs = {pair for pair in found.pairs if pair[0] in bad or pair[1] in bad}
    pairs = [pair for pair in found.pairs if pair not in bad_pairs]
    sizes = _sizes(upload, pairs, kind, bad)
    notes, used = put.notes + sorted_out.notes, set[str]()
    reading = _read_masks(upload, sizes, sorted_out.others, options, bad, notes, used) if kind == "mask" else None
    if bad or options.bad_rows == "drop":  # all that is wrong is said at once
        bad |= see_all(upload, (name for pair in sizes for name in pair if name not in bad))[1]
    left = {pair: size for pair, size in sizes.items() if pair[0] not in bad and pair[1] not in bad}
    if (bad and options.bad_rows != "drop") or not left:
        raise refusal(bad, len(left))
    if bad:
        notes.append(left_out_note(list(bad), "picture that cannot be used", "pictures that cannot be used"))
    if found.neither:
        notes.append(left_out_note(found.neither, "further reading of a mask", "further readings of masks"))
    lists = [name for name in sorted_out.others if is_split_list(name)]
    if others := [name for name in sorted_out.others if name not in used and name not in lists]:
        notes.append(left_out_note(others, "file that is no picture", "files that are no pictures"))
    listed = read_split_lists(upload, lists, (stem(pair[0]) for pair in left))
    parts = {pair: part_in(pair[0]) or part_in(pair[1]) or listed.get(stem(pair[0])) or "train" for pair in left}
    kept = {"kind": kind} | kept_of(upload, parts, bad, len(others) + len(found.neither))
    writer = reading.writer() if reading else None

    def put_right(pair: PairNames, place: Path) -> None:
        if writer:
            with opened_picture(upload / pair[0]) as image:
                turn = transpose_of(image) if left[pair][2] == _STORED else None
            writer.write(upload / pair[1], place, turn)
        else:
            (upload / pair[1]).rename(place)

    sizes_left = {pair: (size, right_size) for pair, (size, right_size, _) in left.items()}
    store(target, upload, parts, sizes_left, reading.classes if reading else (), put_right)
    return Arranged(notes=notes, kept=kept)


def outline_files(upload: Path, names: Sequence[str], others: Sequence[str], options: Wishes) -> list[str]:
    """COCO's files that the masks are to be drawn from: where that is wished, or no pictures pair up by their names.

    Raises DatasetInvalid where it is wished, and there are none.
    """
    if options.kind not in ("ask", "outlines") or (
        options.kind == "ask" and _are_pairs(find_pairs(names, options.right), options.right)
    ):
        return []
    annotating = [name for name in sorted(others) if name.lower().endswith(".json") and looks_like_coco(upload / name)]
    found = [name for name in annotating if outlines_things(upload / name)]
    if annotating and not found:
        said = "has boxes but no outlines (segmentation): they can be imported as pictures with boxes (format boxes)"
        raise refuse(said, file=annotating[0])
    if not found and options.kind == "outlines":
        raise refuse("holds no COCO .json with outlines (segmentation) to draw masks from")
    return found


def _are_pairs(found: FoundPairs, right: str) -> bool:
    return bool(found.pairs) and (bool(right) or 2 * len(found.pairs) >= len(found.lonely))


def _found(names: Sequence[str], right: str) -> FoundPairs:
    found = find_pairs(names, right)
    if _are_pairs(found, right):
        return found
    folders = folders_that_match(names)
    problems = Problems()
    if folders is None or right:
        if found.pairs:
            return found
        problems.add(
            "no two pictures belong together by their names: call folders images and masks, or names a_LR.png and a_HR.png"
        )
        raise problems.refusal()
    problems.add(
        f"the folders {folders[0]} and {folders[1]} hold pictures called alike: which are the masks or clean ones?"
    )
    title = "The masks, or the clean pictures, are in {}"
    raise problems.refusal([Choice(option="right", value=one, title=title.format(one)) for one in folders])


_Sizes = dict[
    tuple[str, str], tuple[tuple[int, int], tuple[int, int], str]
]  # pair -> upright sizes, how right is stored


def _sizes(upload: Path, pairs: Sequence[tuple[str, str]], kind: str, bad: dict[str, str]) -> _Sizes:
    """Sizes of pairs that fit. A mask may be made for the picture as it is stored on its side (EXIF): it is turned then."""
    found: _Sizes = {}
    for left, right in pairs:
        sizes = {}
        for name in (left, right):
            try:
                with opened_picture(upload / name) as image:
                    sizes[name] = image.size, upright_size(image)
            except Unreadable as err:
                bad[name] = str(err)
        if len(sizes) < 2:
            continue
        (stored, upright), (_, other) = sizes[left], sizes[right]
        if kind == "mask" and other != upright:
            if other != stored:
                bad[right] = f"is {_said(other)} pixels, its picture {left} {_said(upright)}"
                continue
            found[left, right] = upright, upright, _STORED
        elif kind == "picture" and _factor(upright, other) is None:
            bad[right] = f"is {_said(other)} pixels, {left} {_said(upright)}: no whole number of times as large"
        else:
            found[left, right] = upright, other, _UPRIGHT
    return found


def _said(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _factor(small: tuple[int, int], large: tuple[int, int]) -> int | None:
    """How many times as large, rests of a division left over at the edge allowed; None for no whole number."""
    factor = round(large[0] / small[0])
    fits = factor >= 1 and all(big // factor == little for big, little in zip(large, small, strict=True))
    return factor if fits else None


def _read_masks(
    upload: Path,
    sizes: _Sizes,
    others: Sequence[str],
    options: Wishes,
    bad: dict[str, str],
    notes: list[str],
    used: set[str],
) -> Reading:
    """Look at every mask; what is unknown goes into bad."""
    values: dict[str, Values] = {}
    for _, right in sizes:
        try:
            values[right] = values_of(upload / right)
        except Unreadable as err:
            bad[right] = str(err)
    legend: dict[str, str] = {}
    for name in legend_files(others):
        if not legend and (legend := read_legend(upload / name)):
            used.add(name)
    reading = Reading(values, legend)
    if legend and not reading.legend_used:
        notes.append(
            f"{', '.join(used)} does not fit the masks: it names {'colours' if reading.by_number else 'numbers'}"
        )
    if wrong := reading.problem():
        raise refuse(wrong)
    if reading.unknown and options.unknown_values == "nothing":
        strange = sorted({value for values in reading.unknown.values() for value in values})
        notes.append(f"values that the legend has not are taken as no class: {', '.join(strange[:10])}")
    elif reading.unknown and options.bad_rows != "drop":
        problems = Problems()
        for name, strange in reading.unknown.items():
            problems.add(f"has values that the legend has not: {', '.join(strange[:5])}", file=name)
        nothing = Choice(option="unknown_values", value="nothing", title="Take these values as no class")
        raise problems.refusal([nothing])
    else:
        for name, strange in reading.unknown.items():
            bad[name] = f"has values that the legend has not: {', '.join(strange[:5])}"
    return reading
