"""The labels of texts, one each or any number, as numbers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from worker.families.class_order import commonest, in_order
from worker.families.tables.cells import as_category

Told = tuple[str, ...]  # the labels of one text
_YES = ("1", "true", "yes")


def read_labels(columns: Mapping[str, Any], names: Sequence[str], mark: str) -> list[Told | None]:
    """The labels of each row as the table tells them; None where it tells none although every text has one.

    columns: Arrow arrays. names: of the columns of labels; several hold yes or no each, and no row may lack one. mark: between
    the labels of a cell, "" where a cell is one.
    """
    cells = [columns[name].to_pylist() for name in names]
    if len(names) > 1:
        rows = zip(*cells, strict=True)
        return [
            None
            if None in row
            else tuple(name for name, cell in zip(names, row, strict=True) if as_category(cell).casefold() in _YES)
            for row in rows
        ]
    if mark:
        return [() if cell is None else _parted(as_category(cell), mark) for cell in cells[0]]
    return [None if cell is None else (as_category(cell),) for cell in cells[0]]


def _parted(cell: str, mark: str) -> Told:
    parts = (part.strip() for part in cell.split(mark))
    return tuple(sorted({part for part in parts if part}))


def ordered_names(counts: Counter[str], columns: Sequence[str], mark: str) -> list[str]:
    """The labels in the order of their numbers: as the columns stand, or by what they mean, or the commonest first."""
    if len(columns) > 1:
        return [name for name in columns if counts[name]]
    return commonest(counts, len(counts)) if mark else in_order(counts)


class Labels:
    """Labels of texts by place. names: of all labels. many: a text may have several, or none.

    flat: int32, the numbers of the labels of one text after the other. ends: int64 (n,), where each text's end in it.
    """

    def __init__(self, names: list[str], many: bool, flat: np.ndarray, ends: np.ndarray):
        self.names, self.many, self._flat, self._ends = names, many, flat, ends

    @classmethod
    def of(cls, told: Sequence[Told], which: np.ndarray, names: list[str], many: bool) -> "Labels":
        """told: what is told of texts, each once; which: int (n,), which of them of each text. Names beside `names` go."""
        places = {name: number for number, name in enumerate(names)}
        kinds = [np.array([places[name] for name in row if name in places], np.int32) for row in told]
        sizes = np.array([len(kind) for kind in kinds], np.int64)
        flat = np.concatenate([*kinds, np.zeros(0, np.int32)])
        found = flat[ranges((np.cumsum(sizes) - sizes)[which], sizes[which])]
        return cls(names, many, found, np.cumsum(sizes[which]))

    def __len__(self) -> int:
        return len(self._ends)

    def numbers(self, place: int) -> list[int]:
        """The numbers of one text's labels."""
        begin = int(self._ends[place - 1]) if place else 0
        return self._flat[begin : int(self._ends[place])].tolist()

    def take(self, places: np.ndarray) -> np.ndarray:
        """int32 (n,) of one label each, float32 (n, labels) of many, 1 for those it has."""
        if not self.many:
            return self._flat[places]
        found = np.zeros((len(places), len(self.names)), np.float32)
        for row, place in enumerate(places.tolist()):
            found[row, self.numbers(place)] = 1
        return found

    def counts(self, places: np.ndarray) -> np.ndarray:
        """How many of these texts have each label: int64 (labels,)."""
        sizes = np.diff(self._ends, prepend=0)[places]
        return np.bincount(self._flat[ranges(self._ends[places] - sizes, sizes)], minlength=len(self.names))


def ranges(begins: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """begins[0], begins[0] + 1, ... of sizes[0] numbers, then those from begins[1] on, and so on: int64 (sum of sizes,)."""
    return np.repeat(begins - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
