"""Turns the columns of a table into what a network takes, the same for training and for every later use.

Three kinds of features: numbers (dates taken apart are numbers too), categories, texts. What was learnt from the training part
(known categories, typical values) is kept as JSON in the model's assets; a later row is read by that alone.

    numbers     float32 (rows, numbers), NaN where missing, infinities as they are
    categories  int32 (rows, categories): 0 missing, 1 never seen in training, from 2 on the known ones, commonest first
    texts       uint16 (rows, texts, TOKENS): hashed words and pairs of words (of Chinese: characters and pairs), 0 beyond the end
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from worker.families.tables.cells import DATE_PARTS, as_categories, as_dates, as_numbers, date_parts
from worker.families.tables.hashing import TOKENS, hashed_texts

MOST_CATEGORIES = 5_000  # of one column; rarer ones count as never seen
BINS = 64  # of a number, at most
ROWS_A_BIN = 40
_LARGEST = 1e30  # borders beyond it cannot be subtracted in float32

Columns = Mapping[str, pa.Array | pa.ChunkedArray]


@dataclass
class Features:
    """What was learnt of the columns. numbers, categories, texts: names in order; a date's parts are "<name>.<part>".

    known: categories by column, commonest first. sources: of each number, (column, part of a date or "").
    """

    numbers: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    known: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, kinds: Mapping[str, str]) -> "Features":
        """Features without known categories. kinds: of each column (shared/datasets/report.py), in order.

        Numbers and dates become numbers, categories and yes-or-no categories, texts texts. Raises ValueError for other kinds.
        """
        found = cls()
        for name, kind in kinds.items():
            match kind:
                case "number":
                    found.numbers.append(name)
                case "date":
                    found.dates.append(name)
                    found.numbers += [f"{name}.{part}" for part in DATE_PARTS]
                case "category" | "boolean":
                    found.categories.append(name)
                    found.known[name] = []
                case "text":
                    found.texts.append(name)
                case _:
                    raise ValueError(f"column {name!r} is {kind}: nothing to learn from")
        return cls.from_json(found.to_json())

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("numbers", "categories", "texts", "dates", "known")}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Features":
        return cls(**stored)

    def __post_init__(self) -> None:
        parts = {f"{name}.{part}": (name, part) for name in self.dates for part in DATE_PARTS}
        self.sources = [parts.get(name, (name, "")) for name in self.numbers]
        self._places = {name: {value: i + 2 for i, value in enumerate(known)} for name, known in self.known.items()}

    @property
    def columns(self) -> list[str]:
        """Every column of the table that is read, each once."""
        return list(dict.fromkeys([*(name for name, _ in self.sources), *self.dates, *self.categories, *self.texts]))

    def places(self, column: str) -> list[tuple[str, int]]:
        """Where a column's features are: (kind, index within the kind)."""
        found = [("numbers", i) for i, (name, _) in enumerate(self.sources) if name == column]
        for kind, names in (("categories", self.categories), ("texts", self.texts)):
            found += [(kind, names.index(column))] if column in names else []
        return found

    def encode(self, columns: Columns) -> tuple[dict[str, np.ndarray], dict[int, str]]:
        """Turn rows into arrays by kind, leaving out kinds without features, and say what is wrong with rows that do not fit.

        columns: cells of any type; texts are read as numbers and dates where these are wanted. A row that does not fit, by its
        number from 0, counts as missing in that cell. Raises ValueError for a column none of whose cells can fit (dates for
        numbers).
        """
        found: dict[str, np.ndarray] = {}
        wrong: dict[int, str] = {}
        if self.numbers:
            dates = {name: date_parts(as_dates(name, columns[name], wrong)) for name in self.dates}
            found["numbers"] = np.stack(
                [dates[name][part] if part else as_numbers(name, columns[name], wrong) for name, part in self.sources],
                axis=1,
            )
        if self.categories:
            read = [as_categories(columns[name], self._places[name]) for name in self.categories]
            found["categories"] = np.stack(read, axis=1)
        if self.texts:
            found["texts"] = np.stack([hashed_texts(columns[name]) for name in self.texts], axis=1)
        return found, wrong


def empty_rows(features: Features, rows: int) -> dict[str, np.ndarray]:
    """Rows in which everything is missing."""
    found: dict[str, np.ndarray] = {}
    if features.numbers:
        found["numbers"] = np.full((rows, len(features.numbers)), np.nan, np.float32)
    if features.categories:
        found["categories"] = np.zeros((rows, len(features.categories)), np.int32)
    if features.texts:
        found["texts"] = np.zeros((rows, len(features.texts), TOKENS), np.uint16)
    return found


def bin_edges(values: np.ndarray, most: int = BINS) -> np.ndarray:
    """Borders of bins that hold about as many values each; a value that is very common gets borders of its own.

    values: float (rows,), what is not finite left out. Returns float32 (2 to about 1.5 * most,), rising.
    """
    known = values[np.isfinite(values)].astype(np.float64).clip(-_LARGEST, _LARGEST)
    if not len(known):
        return np.array([0.0, 1.0], np.float32)
    distinct, counts = np.unique(known, return_counts=True)
    if len(distinct) <= most:
        edges = distinct
    else:
        edges = np.quantile(known, np.linspace(0, 1, most + 1))
        common = distinct[counts.argmax()]
        if counts.max() > 0.3 * len(known):  # else all the borders fall on it, and the rest has none
            rest = known[known != common]
            edges = np.concatenate([edges, np.quantile(rest, np.linspace(0, 1, most // 2 + 1))])
    edges = np.unique(edges.astype(np.float32))
    least = max(abs(float(edges[0])), 1.0)
    return edges if len(edges) > 1 else np.array([edges[0], edges[0] + np.float32(least)], np.float32)


def edge_table(numbers: np.ndarray) -> np.ndarray:
    """Borders of every number's bins: float32 (numbers, bins + 1), short rows filled with their last one.

    numbers: float (rows, numbers).
    """
    most = min(BINS, max(4, len(numbers) // ROWS_A_BIN))
    rows = [bin_edges(numbers[:, place], most) for place in range(numbers.shape[1])]
    longest = max(len(row) for row in rows)
    return np.stack([np.pad(row, (0, longest - len(row)), mode="edge") for row in rows])
