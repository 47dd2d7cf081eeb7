"""Reads the texts and labels of a table once: what cannot be used is left out and counted, equal texts are found."""

import hashlib
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shared.datasets.tables.reading import TableReader, open_table
from shared.datasets.tables.splits import part_of
from shared.errors import DatasetInvalid, Problem
from shared.recipes.targets import MOST_CLASSES
from shared.recipes.text_columns import has_many
from worker.context import Context
from worker.families.going import Going
from worker.families.scripts import UNPARTED
from worker.families.tables.cells import as_category
from worker.families.text_labels.labels import Labels, Told, ordered_names, read_labels
from worker.recipe import OpenInput

PARTS = ("", "train", "val", "test")
AT_ONCE = 4_096  # rows of a table
_LOOKED_AT = 1_000_000  # characters from which the script is told
_FEWEST = 2  # texts of a label: one to learn from, one to measure on
_UNPARTED = re.compile(f"[{UNPARTED}]")
_LETTER = re.compile(r"\w")


@dataclass
class TextRows:
    """The texts of a table that can be used; a place is a number among them.

    rows: int64 (n,), their numbers in the table. groups: int64 (n,), equal for equal texts. parts: int8 (n,), index into PARTS, as
    the table tells them. unparted: share of their letters that are of scripts without spaces.
    """

    rows: np.ndarray
    labels: Labels
    groups: np.ndarray
    parts: np.ndarray
    unparted: float
    notes: list[str] = field(default_factory=list)


def joined_texts(columns: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """The text of each row, the cells of several columns one under the other; "" where there is none."""
    cells = [columns[name].to_pylist() for name in names]
    return ["\n".join(as_category(cell) for cell in row if cell is not None) for row in zip(*cells, strict=True)]


def each_text(table: TableReader, names: Sequence[str], rows: np.ndarray) -> Iterator[tuple[int, str]]:
    """(index into rows, text) of rows by number, rising, read some thousand at a time."""
    at = 0
    for start in range(0, table.num_rows, AT_ONCE):
        stop = min(start + AT_ONCE, table.num_rows)
        last = int(np.searchsorted(rows, stop))
        if last > at:
            texts = joined_texts(table.arrays(start, stop, list(names)), names)
            for index in range(at, last):
                yield index, texts[int(rows[index]) - start]
        at = last


class _Read:
    """What the first look at a table gathers, row by row: some 25 bytes of each."""

    def __init__(self) -> None:
        self.rows, self.texts, self.parts = array("q"), array("Q"), array("b")  # texts: a hash of each
        self.kinds: dict[Told, int] = {}  # what is told of texts, each once
        self.told = array("q")
        self.empty = self.unlabelled = 0
        self.letters = self.unparted = self.looked_at = 0

    def add(self, row: int, text: str, told: Told | None, part: str) -> None:
        if not text:
            self.empty += 1
            return
        if told is None:
            self.unlabelled += 1
            return
        if self.looked_at < _LOOKED_AT:
            self.looked_at += len(text)
            self.letters += len(_LETTER.findall(text))
            self.unparted += len(_UNPARTED.findall(text))
        self.rows.append(row)
        self.told.append(self.kinds.setdefault(told, len(self.kinds)))
        digest = hashlib.blake2b(" ".join(text.split()).encode(), digest_size=8).digest()
        self.texts.append(int.from_bytes(digest, "little"))
        self.parts.append(PARTS.index(part_of(part)))


def read_rows(opened: OpenInput, texts: Sequence[str], params: Any, context: Context) -> TextRows:
    """Read the columns of texts and labels. Raises DatasetInvalid for what cannot be learnt from."""
    part_column = opened.dataset.report.facts.get("part_column")
    found = _Read()
    with open_table(opened.folder) as table:
        wanted: list[str] = list(dict.fromkeys([*texts, *params.labels, *([part_column] if part_column else [])]))
        going = Going(context, "loading", table.num_rows)
        for start in range(0, table.num_rows, AT_ONCE):
            stop = min(start + AT_ONCE, table.num_rows)
            columns = table.arrays(start, stop, wanted)
            told = read_labels(columns, params.labels, params.label_mark)
            parts = columns[part_column].to_pylist() if part_column else [""] * (stop - start)
            for i, text in enumerate(joined_texts(columns, texts)):
                found.add(start + i, text, told[i], str(parts[i] or ""))
            going.done(stop - start)
        going.end()
    return _cleaned(found, params)


def _cleaned(found: _Read, params: Any) -> TextRows:
    """What is left when equal texts of equal labels are taken once, and none stands in two parts."""
    notes = []
    if found.empty:
        notes.append(f"{found.empty:,} rows without any text are left out")
    if found.unlabelled:
        notes.append(f"{found.unlabelled:,} rows without a label are left out")
    if not found.rows:
        _refuse(["no row has both a text and a label"])
    parts, told = np.array(found.parts, np.int8), np.array(found.told, np.int64)
    groups = np.unique(np.array(found.texts, np.uint64), return_inverse=True)[1].astype(np.int64)
    keep, more = _without_doubles(groups, told, parts)
    counts: Counter[str] = Counter()
    for kind, count in zip(found.kinds, np.bincount(told[keep], minlength=len(found.kinds)).tolist(), strict=True):
        counts.update(dict.fromkeys(kind, count))
    names = _learnt_names(counts, params, more)
    labels = Labels.of(list(found.kinds), told[keep], names, has_many(params))
    share = found.unparted / max(1, found.letters)
    rows = np.array(found.rows, np.int64)[keep]
    return TextRows(rows, labels, groups[keep], parts[keep], share, [*notes, *more])


def _learnt_names(counts: Counter[str], params: Any, notes: list[str]) -> list[str]:
    """The labels in their order; of many those that one text alone has are left out. Raises DatasetInvalid."""
    names = ordered_names(counts, params.labels, params.label_mark)
    rare = [name for name in names if counts[name] < _FEWEST]
    wrong = []
    if not has_many(params):
        if len(names) < 2:
            wrong.append(f"every text has the label {names[0]!r}: there must be two labels at least to tell apart")
        wrong += [f"label {name!r} has one text: needs two at least; leave it out, or add more" for name in rare[:100]]
    elif rare:
        shown = ", ".join(repr(name) for name in rare[:5]) + (" ..." if len(rare) > 5 else "")
        notes.append(f"{len(rare):,} labels that one text alone has are not learnt: {shown}")
        names = [name for name in names if counts[name] >= _FEWEST]
        if not names:
            wrong.append("no label stands at two texts: there is nothing to learn")
    if len(names) > MOST_CLASSES:
        most = f"at most {MOST_CLASSES:,} can be told: put rare ones together"
        wrong.append(f"there are {len(names):,} different labels; {most}")
    _refuse(wrong)
    return names


def _without_doubles(groups: np.ndarray, told: np.ndarray, parts: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Places to keep, rising: of equal texts with equal labels one, and of equal texts those of one part, test before val."""
    order = np.argsort(-parts, kind="stable")
    pairs = (groups * (int(told.max()) + 1) + told)[order]
    kept = np.sort(order[np.unique(pairs, return_index=True)[1]])
    notes = []
    if doubled := len(groups) - len(kept):
        notes.append(f"{doubled:,} rows are equal to another in text and label, and are left out")
    highest = np.zeros(int(groups.max(initial=0)) + 1, np.int8)
    np.maximum.at(highest, groups, parts)
    apart = parts[kept] < highest[groups[kept]]
    if apart.any():
        notes.append(f"{int(apart.sum()):,} texts stand in two parts, and stay in the one that is measured on")
        kept = kept[~apart]
    sizes = np.bincount(groups[kept])
    if unsure := int((sizes > 1).sum()):
        notes.append(f"{unsure:,} texts occur with different labels: nobody can tell these")
    return kept, notes


def _refuse(wrong: list[str]) -> None:
    """Raise DatasetInvalid for what is wrong, if anything is."""
    if wrong:
        problems = [Problem(field="inputs.data", message=message) for message in wrong]
        raise DatasetInvalid("; ".join(wrong[:5]), problems=problems)
