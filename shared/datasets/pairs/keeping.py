"""What is done with pairs once it is known which belong together: those that cannot be used are named, the others stored."""

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from shared.datasets.folders.layout import PARTS
from shared.datasets.pairs.storing import MaskKind, Pair, write_pairs
from shared.datasets.pictures.annotated import stem
from shared.datasets.problems import Problems, refuse
from shared.errors import Choice, DatasetInvalid
from shared.volume.staging import sha256

NAMED = 100  # of what was left out
PairNames = tuple[str, str]  # of the pictures left and right, below the upload
Sizes = tuple[tuple[int, int], tuple[int, int]]  # of left and right, upright


def refusal(bad: Mapping[str, str], left: int, one: str = "picture", many: str = "pictures") -> DatasetInvalid:
    """A DatasetInvalid naming what cannot be used, with the choice to leave it out where pairs are left."""
    problems = Problems()
    for name, wrong in bad.items():
        problems.add(wrong, file=name)
    if not left:
        return problems.refusal() if bad else refuse("holds no pairs of pictures")
    title = f"Leave out {len(bad):,} {one if len(bad) == 1 else many} and take the other {left:,} pairs"
    return problems.refusal([Choice(option="bad_rows", value="drop", title=title)])


def kept_of(upload: Path, parts: Mapping[PairNames, str], bad: Mapping[str, str], others: int) -> dict[str, Any]:
    """What the report wants to know besides the files. parts: of the pairs that stay."""
    alike: dict[str, list[PairNames]] = defaultdict(list)
    for pair in parts:
        alike[sha256(upload / pair[0])].append(pair)
    leakage = Counter(
        " and ".join(part for part in PARTS if part in among)
        for pairs in alike.values()
        if len(among := {parts[pair] for pair in pairs}) > 1
    )
    named = [{"file": name, "why": why} for name, why in islice(bad.items(), NAMED)]
    dropped = {"broken": len(bad), "other": others, "named": named}
    return {"dropped": dropped, "leakage": dict(leakage), "copies": len(parts) - len(alike)}


def with_empty(kept: dict[str, Any], empty: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """What kept_of() gave, with what else was left out: (file, why) each."""
    dropped = kept["dropped"]
    named = [{"file": name, "why": why} for name, why in empty[: NAMED - len(dropped["named"])]]
    return kept | {"dropped": dropped | {"empty": len(empty), "named": dropped["named"] + named}}


def store(
    target: Path,
    upload: Path,
    parts: Mapping[PairNames, str],
    sizes: Mapping[PairNames, Sizes],
    classes: Sequence[MaskKind],
    put_right: Callable[[PairNames, Path], None],
) -> None:
    """Bring pairs to their places and list them. put_right: brings what is right of a pair to its place, before the left moves."""
    called = Counter(stem(pair[0]).lower() for pair in parts)
    stored = []
    for folder in ("left", "right"):
        (target / folder).mkdir()
    for pair in sorted(parts):
        one, other = (PurePosixPath(name) for name in pair)
        own = one.stem if called[one.stem.lower()] == 1 else "_".join([*one.parts[:-1], one.stem])
        names = f"left/{own}{one.suffix}", f"right/{own}{'.png' if classes else other.suffix}"
        put_right(pair, target / names[1])
        (upload / pair[0]).rename(target / names[0])
        stored.append(Pair(*names, parts[pair], *sizes[pair]))
    shutil.rmtree(upload)
    write_pairs(target, sorted(stored, key=lambda pair: pair.left), classes)
