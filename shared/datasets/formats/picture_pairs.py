"""Format "picture_pairs": pairs of a picture and its mask, or of a degraded picture and the clean one, from a zip.

    images/a.jpg masks/a.png      train/a.png trainannot/a.png      a_LR.png a_HR.png      noisy/a.png clean/a.png

Masks are palettes, grey values or colours; a legend (classes.txt, legend.csv: number or colour, name) may lie beside them. Or they
are drawn from the outlines (polygons, RLE) in COCO's .json beside the pictures, where this format is chosen by hand. Parts come
from folders, from lists (splits/train.txt), or from the name of a .json. Stored as files/left/a.jpg, files/right/a.png and
files/pairs.jsonl, one pair a line (shared/datasets/pairs/storing.py), for example

    {"left": "left/a.jpg", "right": "right/a.png", "part": "train", "size": [480, 360], "right_size": [480, 360]}
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal

from PIL import Image
from pydantic import Field

from shared.datasets.folders.layout import PARTS
from shared.datasets.folders.refusing import refuse_bad
from shared.datasets.formats.base import Arranged, Example, HasLimits, Options, Peek, Received
from shared.datasets.pairs.arranging import Kind, arrange_pairs
from shared.datasets.pairs.finding import find_pairs
from shared.datasets.pairs.storing import NOTHING, Pair, mask_classes, read_pairs
from shared.datasets.pictures.checking import facts_of, see_all, warnings_about, warnings_about_looks
from shared.datasets.pictures.decoding import Unreadable
from shared.datasets.pictures.kinds import has_picture_suffix
from shared.datasets.pictures.showing import file_below, for_browser, may_be_shown
from shared.datasets.report import DatasetReport, Dropped, Warned
from shared.outputs import Mask, MaskClass, Output, Picture
from shared.volume.staging import read_manifest

_RARE = 0.002  # of all pixels; a class below is hardly learnt


class PairOptions(Options):
    """What the right pictures are, where names do not tell, and what to do with pictures that cannot be used."""

    bad_rows: Literal["refuse", "drop"] = Field(
        default="refuse",
        description="Pictures that cannot be read, have no partner or one of another size. drop: leave them out.",
    )
    kind: Kind = Field(
        default="ask",
        description="What belongs to each picture: a mask, the clean picture, or outlines in a COCO .json, which become a mask."
        " ask: told from names.",
    )
    right: str = Field(default="", max_length=200, description="The folder that holds the masks or the clean pictures.")
    unknown_values: Literal["refuse", "nothing"] = Field(
        default="refuse", description="Values of masks that the legend has not. nothing: no class, not learnt from."
    )


class PicturePairsFormat:
    name = "picture_pairs"
    title = "pairs of pictures"
    help = (
        "a zip of pictures and their masks (images/ and masks/), of degraded and clean pictures (a_LR.png, a_HR.png), or of "
        "pictures and COCO's .json with outlines"
    )
    suffixes: tuple[str, ...] = (".zip",)
    examples: tuple[Example, ...] = ()
    options: type[Options] = PairOptions

    def recognises(self, names: Sequence[str], peek: Peek) -> float:
        inside = [inner for name in names for inner in (peek.inside(name) or [name]) if "__MACOSX/" not in inner]
        pictures = [name for name in inside if has_picture_suffix(name)]
        found = find_pairs(pictures)
        return 0.7 if found.pairs and 5 * len(found.lonely) <= len(pictures) and not found.twice else 0.0

    def arrange(self, received: Sequence[Received], target: Path, limits: HasLimits, options: PairOptions) -> Arranged:
        return arrange_pairs(received, target, limits, options)

    def look(self, target: Path, kept: dict[str, Any]) -> DatasetReport:
        pairs = list(read_pairs(target))
        names = [name for pair in pairs for name in (pair.left, pair.right)]
        seen, wrong = see_all(target, names)
        if wrong:
            raise refuse_bad(wrong, dict.fromkeys(names, ("", None)))
        facts = facts_of([seen[pair.left] for pair in pairs]) | {"kind": kept["kind"]}
        warnings = _about(kept)
        classes: dict[str, int] = {}
        if kept["kind"] == "mask":
            classes = _pixels_by_class(target, pairs, facts, warnings)
        else:
            factors = sorted({round(pair.right_size[0] / pair.size[0]) for pair in pairs})
            facts["factor"] = [factors[0], factors[-1]]
            if len(factors) > 1:
                said = ", ".join(map(str, factors))
                message = f"The right pictures are {said} times as large as the left: a model learns one factor only."
                warnings.append(Warned(code="mixed_factors", message=message))
        parts = Counter(pair.part for pair in pairs)
        return DatasetReport(
            rows=len(pairs),
            unit="pairs",
            dropped=Dropped(**kept["dropped"]),
            classes=classes,
            parts={part: parts[part] for part in PARTS if part in parts},
            leakage=kept["leakage"],
            facts=facts,
            warnings=[
                *warnings,
                *warnings_about([seen[pair.left] for pair in pairs], facts),
                *warnings_about_looks(seen, {pair.left: pair.part for pair in pairs}),
            ],
        )

    def preview(self, folder: Path, report: DatasetReport, most: int) -> list[Output]:
        """The first pairs in the order of their names."""
        root = folder / "files"
        kinds = mask_classes(root)
        found: list[Output] = []
        for pair in read_pairs(root):
            if len(found) >= most:
                break
            if not (may_be_shown(root / pair.left) and may_be_shown(root / pair.right)):
                continue
            title = pair.left.removeprefix("left/")
            if not kinds:
                found.append(Picture(title=f"{title}: given", file=pair.left))
                found.append(Picture(title=f"{title}: wanted", file=pair.right))
                continue
            counts = _counts(root / pair.right)
            shown = [(kind, counts[at] / max(1, sum(counts))) for at, kind in enumerate(kinds) if counts[at]]
            classes = [MaskClass(name=kind.name, colour=kind.colour, share=share) for kind, share in shown]
            found.append(Mask(title=title, picture=pair.left, mask=pair.right, classes=classes))
        return found

    def open_file(self, folder: Path, name: str) -> tuple[IO[bytes], str] | None:
        path = file_below(folder / "files", name)
        if path is None or not has_picture_suffix(name) or not may_be_shown(path):
            return None
        try:
            return for_browser(path, (read_manifest(folder) or {}).get("report", {}).get("facts", {}).get("levels"))
        except Unreadable:
            return None


def _counts(path: Path) -> list[int]:
    """Pixels by value of a stored mask."""
    with Image.open(path, formats=["PNG"]) as mask:
        return Image.frombytes("L", mask.size, mask.tobytes()).histogram()


def _pixels_by_class(
    target: Path, pairs: Sequence[Pair], facts: dict[str, Any], warnings: list[Warned]
) -> dict[str, int]:
    """Pixels by class, the commonest first; shares go into facts."""
    kinds = mask_classes(target)
    counts = [0] * 256
    for pair in pairs:
        counts = [a + b for a, b in zip(counts, _counts(target / pair.right), strict=True)]
    known = sum(counts[: len(kinds)])
    pixels = {kind.name: counts[at] for at, kind in enumerate(kinds)}
    facts["shares"] = {name: round(count / max(1, known), 5) for name, count in pixels.items()}
    facts["nothing"] = round(counts[NOTHING] / max(1, sum(counts)), 5) if len(kinds) <= NOTHING else 0.0
    if missing := [name for name, count in pixels.items() if not count]:
        message = f"No mask shows {', '.join(missing[:8])}: nothing can be learnt about {'it' if len(missing) == 1 else 'them'}."
        warnings.append(Warned(code="missing_classes", message=message))
    if rare := [name for name, share in facts["shares"].items() if 0 < share < _RARE]:
        message = (
            f"{', '.join(rare[:8])}: less than {_RARE:.1%} of all pixels, hardly learnt without weights of classes."
        )
        warnings.append(Warned(code="rare_classes", message=message))
    return dict(sorted(pixels.items(), key=lambda entry: -entry[1]))


def _about(kept: dict[str, Any]) -> list[Warned]:
    said = []
    if kept["copies"]:
        message = f"{kept['copies']:,} pictures are copies of another one with the same content."
        said.append(Warned(code="copies", message=message))
    for parts, count in kept["leakage"].items():
        message = f"{count:,} pictures stand in {parts}: figures measured on them are too good."
        said.append(Warned(code="leakage", message=message))
    return said
