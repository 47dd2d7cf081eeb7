"""The form in which pairs are stored: files/pairs.jsonl, one pair a line, and files/classes.json where right is a mask.

    {"left": "left/a.jpg", "right": "right/a.png", "part": "train", "size": [480, 360], "right_size": [480, 360]}

Masks are PNG with a palette: a pixel is the place of its class in classes.json, or NOTHING where the class is not known.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.volume.staging import full_is_said

PAIRS, CLASSES = "pairs.jsonl", "classes.json"
NOTHING = 255  # in a mask: no class, to be left out of losses and figures


@dataclass(frozen=True)
class Pair:
    """left: the picture, or the degraded one. right: the mask, or the clean one. Both below files/; sizes upright, in pixels."""

    left: str
    right: str
    part: str
    size: tuple[int, int]
    right_size: tuple[int, int]


@dataclass(frozen=True)
class MaskKind:
    """A class of masks. value: the number or colour ("#804000") it had in the upload. colour: in which it is shown."""

    name: str
    value: str
    colour: str


def write_pairs(root: Path, pairs: Iterable[Pair], classes: Sequence[MaskKind]) -> None:
    """Write pairs.jsonl and, where there are classes, classes.json below root. Raises VolumeFull."""
    with full_is_said():
        with (root / PAIRS).open("x", encoding="utf-8") as out:
            for pair in pairs:
                out.write(json.dumps(asdict(pair), ensure_ascii=False) + "\n")
        if classes:
            kinds = json.dumps([asdict(kind) for kind in classes], ensure_ascii=False, indent=1)
            (root / CLASSES).write_text(kinds + "\n", encoding="utf-8")


def read_pairs(root: Path) -> Iterator[Pair]:
    """The pairs of a dataset's files/ in the order in which they are stored, one at a time."""
    with (root / PAIRS).open(encoding="utf-8") as file:
        for line in file:
            said = json.loads(line)
            sizes = {name: (int(said[name][0]), int(said[name][1])) for name in ("size", "right_size")}
            yield Pair(**said | sizes)


def mask_classes(root: Path) -> list[MaskKind]:
    """The classes of a dataset's masks, by pixel value; [] where right is a picture."""
    try:
        return [MaskKind(**kind) for kind in json.loads((root / CLASSES).read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
