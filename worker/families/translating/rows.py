"""Reads the pairs of a table once: what cannot be used is left out and counted, equal sources are found."""

import hashlib
from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shared.datasets.tables.reading import open_table
from shared.datasets.tables.splits import part_of
from shared.errors import DatasetInvalid, Problem
from worker.context import Context
from worker.families.going import Going
from worker.families.scripts import script_of
from worker.families.text_labels.rows import AT_ONCE, PARTS, joined_texts
from worker.families.translating.pieces import clean
from worker.recipe import OpenInput

_NAMED = 10  # rows that a note names
_MOST_SHARE = 0.8  # of the texts of a side that are of its script: below, nothing can be said of single rows
_FEWEST = 4  # different sources: two to learn from, one for each other part
_LONG = 4  # times as long as targets: then a source is a text of which the target is the gist


@dataclass
class PairRows:
    """The pairs of a table that can be used; a place is a number among them.

    rows: int64 (n,), their numbers in the table. groups: int64 (n,), equal for equal sources. parts: int8 (n,), index into
    PARTS, as the table tells them. scripts: of source and target, "" for none that most are written in. gist: whether sources
    are much longer than targets.
    """

    rows: np.ndarray
    groups: np.ndarray
    parts: np.ndarray
    scripts: tuple[str, str]
    gist: bool
    notes: list[str] = field(default_factory=list)


class _Read:
    """What the first look at a table gathers, row by row: some 30 bytes of each."""

    def __init__(self) -> None:
        self.rows, self.parts, self.equal = array("q"), array("b"), array("b")
        self.sources, self.targets = array("Q"), array("Q")  # a hash of each
        self.written: tuple[array[int], array[int]] = array("h"), array("h")  # number of the script of each
        self.scripts: dict[str, int] = {"": 0}
        self.empty: tuple[list[int], list[int]] = [], []
        self.characters = [0, 0]

    def add(self, row: int, sides: tuple[str, str], part: str) -> None:
        missing = [side for side, text in enumerate(sides) if not text]
        for side in missing:
            self.empty[side].append(row)
        if missing:
            return
        self.rows.append(row)
        self.parts.append(PARTS.index(part_of(part)))
        self.equal.append(sides[0] == sides[1])
        self.sources.append(_digest(sides[0]))
        self.targets.append(_digest(sides[1]))
        for side, text in enumerate(sides):
            self.written[side].append(self.scripts.setdefault(script_of(text), len(self.scripts)))
            self.characters[side] += len(text)


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def read_pairs(opened: OpenInput, params: Any, context: Context) -> PairRows:
    """Read the columns of sources and targets. Raises DatasetInvalid for what cannot be learnt from."""
    part_column = opened.dataset.report.facts.get("part_column")
    found = _Read()
    with open_table(opened.folder) as table:
        wanted = [params.source, params.target, *([part_column] if part_column else [])]
        going = Going(context, "loading", table.num_rows)
        for start in range(0, table.num_rows, AT_ONCE):
            stop = min(start + AT_ONCE, table.num_rows)
            columns = table.arrays(start, stop, wanted)
            sides = zip(*(map(clean, joined_texts(columns, [name])) for name in wanted[:2]), strict=True)
            parts = columns[part_column].to_pylist() if part_column else [""] * (stop - start)
            for offset, (pair, part) in enumerate(zip(sides, parts, strict=True)):
                found.add(start + offset, pair, str(part or ""))
            going.done(stop - start)
        going.end()
    return _cleaned(found, params)


def _cleaned(found: _Read, params: Any) -> PairRows:
    """What is left when odd rows are left out and equal pairs are taken once."""
    notes: list[str] = []
    for side, name in enumerate((params.source, params.target)):
        if rows := found.empty[side]:
            notes.append(f"{len(rows):,} rows have nothing in {name!r}, and are left out: {_named(np.array(rows))}")
    rows, parts = np.array(found.rows, np.int64), np.array(found.parts, np.int8)
    sources, targets = np.array(found.sources, np.uint64), np.array(found.targets, np.uint64)
    kept = np.ones(len(rows), bool)
    equal = np.array(found.equal, bool)
    if equal.any():
        what = "left out" if params.equal_rows == "leave_out" else "kept"
        notes.append(f"{int(equal.sum()):,} rows say the same on both sides, and are {what}: {_named(rows[equal])}")
        kept &= ~equal | (params.equal_rows == "keep")
    scripts, swapped = _directions(found, rows, kept, params, notes)
    if params.swapped_rows == "leave_out":
        kept &= ~swapped
    places = np.flatnonzero(kept)
    # Of equal pairs the one in the part that is measured on stays, and the first of them.
    order = places[np.lexsort((places, -parts[places].astype(int)))]
    pairs = np.stack([sources[order], targets[order]], 1)
    firsts = np.sort(order[np.unique(pairs, axis=0, return_index=True)[1]])
    if doubled := len(places) - len(firsts):
        notes.append(f"{doubled:,} rows are equal to another on both sides, and are left out")
    groups = np.unique(sources[firsts], return_inverse=True)[1].astype(np.int64)
    firsts, groups = _apart(firsts, groups, parts, notes)
    kinds = len(np.unique(groups))
    if kinds < _FEWEST:
        told = "; ".join(notes)
        message = f"{kinds} different sources are left: at least {_FEWEST} are needed" + (f" ({told})" if told else "")
        raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])
    if several := len(groups) - kinds:
        notes.append(
            f"{several:,} further targets belong to a source that has one already: each is learnt, any counts as right"
        )
    gist = found.characters[0] >= _LONG * found.characters[1]
    return PairRows(rows[firsts], groups, parts[firsts], scripts, gist, notes)


def _directions(
    found: _Read, rows: np.ndarray, kept: np.ndarray, params: Any, notes: list[str]
) -> tuple[tuple[str, str], np.ndarray]:
    """The scripts of both sides, and which rows have them the other way round: bool (n,). Notes what is odd among those kept."""
    names = list(found.scripts)
    written = [np.array(side, np.int64) for side in found.written]
    mostly = []
    for side in written:
        counts = np.bincount(side[side > 0], minlength=len(names))
        top = int(counts.argmax())
        mostly.append(top if counts.sum() and counts[top] >= _MOST_SHARE * counts.sum() else 0)
    source, target = mostly
    none = np.zeros(len(rows), bool)
    scripts = names[source], names[target]
    if not source or not target or source == target:
        return scripts, none
    swapped = (written[0] == target) & (written[1] == source)
    if swapped.any():
        what = "left out" if params.swapped_rows == "leave_out" else "kept as they are"
        notes.append(
            f"{int(swapped.sum()):,} rows have the sides the other way round ({names[target]} to {names[source]}), and are {what}: "
            f"{_named(rows[swapped])}"
        )
    for side, own, other, name in ((0, source, target, params.source), (1, target, source, params.target)):
        odd = (written[side] == other) & ~swapped & kept
        if odd.any():
            notes.append(
                f"{int(odd.sum()):,} rows have {names[other]} instead of {names[own]} in {name!r}, and are kept: "
                f"{_named(rows[odd])}"
            )
    return scripts, swapped


def _apart(
    places: np.ndarray, groups: np.ndarray, parts: np.ndarray, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Where a table tells the parts: of a source in two of them the rows of the part that is measured on alone."""
    highest = np.zeros(int(groups.max(initial=-1)) + 1, np.int8)
    np.maximum.at(highest, groups, parts[places])
    lower = parts[places] < highest[groups]
    if lower.any():
        notes.append(
            f"{int(lower.sum()):,} rows have a source of another part, and stay in the one that is measured on"
        )
    return places[~lower], groups[~lower]


def _named(rows: np.ndarray) -> str:
    """Rows as people count them."""
    shown = ", ".join(f"{row + 1:,}" for row in rows[:_NAMED].tolist())
    return f"row{'s' if len(rows) > 1 else ''} {shown}" + (" ..." if len(rows) > _NAMED else "")
