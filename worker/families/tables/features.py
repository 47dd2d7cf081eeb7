"""Turns the columns of a table into what a network takes, the same for training and for every later use.

Four kinds of features, in this order: numbers (dates taken apart are numbers too), categories, texts. What was learnt from the
training part (borders of bins, known categories) is kept as JSON in the model's assets; a later row is read by that alone.

    numbers     float32 (rows, numbers), NaN where missing
    categories  int32 (rows, categories): 0 missing, 1 never seen in training, from 2 on the known ones, commonest first
    texts       int32 (rows, texts, TOKENS): hashed words and pairs of words (of Chinese: characters and pairs), 0 beyond the end
"""

import itertools
import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

MOST_CATEGORIES = 5_000  # of one column; rarer ones count as never seen
TOKENS = 64  # of a text: what comes later is cut
BUCKETS = 8_192  # of hashed tokens
_DATE_PARTS = ("year", "month", "weekday", "day", "hour")
_WORD = re.compile(r"[0-9a-zA-Z\u00c0-\u024f\u0370-\u05ff]+|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

Columns = Mapping[str, Sequence[Any]]  # by name: float | str | bool | datetime | None a row


@dataclass
class Features:
    """What was learnt of the columns. numbers, categories, texts: names in order; a date's parts are "<name>.<part>".

    known: categories by column, commonest first.
    """

    numbers: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    known: dict[str, list[str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("numbers", "categories", "texts", "dates", "known")}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Features":
        return cls(**stored)

    @property
    def columns(self) -> list[str]:
        """Every column of the table that is read, each once."""
        plain = [name for name in self.numbers if name.rpartition(".")[0] not in self.dates]
        return [*plain, *self.dates, *self.categories, *self.texts]

    def encode(self, columns: Columns) -> dict[str, np.ndarray]:
        """Turn rows into arrays by kind, leaving out kinds without features. Raises ValueError naming column, row and value."""
        rows = len(next(iter(columns.values()))) if columns else 0
        found: dict[str, np.ndarray] = {}
        if self.numbers:
            parts = {name: _date_parts(name, columns[name]) for name in self.dates}
            stacked = []
            for name in self.numbers:
                base, _, part = name.rpartition(".")
                stacked.append(parts[base][part] if base in parts else _numbers(name, columns[name]))
            found["numbers"] = np.stack(stacked, axis=1)
        if self.categories:
            found["categories"] = np.stack([self._category(name, columns[name]) for name in self.categories], axis=1)
        if self.texts:
            found["texts"] = np.stack([_texts(columns[name]) for name in self.texts], axis=1)
        assert all(len(array) == rows for array in found.values())
        return found

    def _category(self, name: str, values: Sequence[Any]) -> np.ndarray:
        places = {value: i + 2 for i, value in enumerate(self.known[name])}
        return np.fromiter(
            (0 if value is None else places.get(as_category(value), 1) for value in values), np.int32, len(values)
        )


def learn_features(kinds: Mapping[str, str], columns: Columns) -> Features:
    """Learn from the training part, or a sample of it.

    kinds: of each column used (shared/datasets/report.py): number and date become numbers, category and boolean categories, text
    texts; id, constant and empty ones are not for this.
    """
    found = Features()
    for name, kind in kinds.items():
        match kind:
            case "number":
                found.numbers.append(name)
            case "date":
                found.dates.append(name)
                found.numbers += [f"{name}.{part}" for part in _DATE_PARTS]
            case "category" | "boolean":
                found.categories.append(name)
                found.known[name] = _common(columns[name])
            case "text":
                found.texts.append(name)
            case _:
                raise ValueError(f"column {name!r} is {kind}: nothing to learn from")
    return found


def as_category(value: Any) -> str:
    """A category as it is kept: numbers without a needless point, booleans as true and false, text without outer spaces."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).strip()


def _common(values: Iterable[Any]) -> list[str]:
    counts: dict[str, int] = {}
    for value in values:
        if value is not None:
            key = as_category(value)
            counts[key] = counts.get(key, 0) + 1
    return sorted(counts, key=lambda key: (-counts[key], key))[:MOST_CATEGORIES]


def _numbers(name: str, values: Sequence[Any]) -> np.ndarray:
    found = np.empty(len(values), np.float32)
    for row, value in enumerate(values):
        if value is None:
            found[row] = np.nan
            continue
        try:
            number = float(value)
        except (TypeError, ValueError) as err:
            raise ValueError(f"column {name!r}, row {row + 1}: {value!r:.60} is no number") from err
        found[row] = number if math.isfinite(number) else np.nan
    return found


def _date_parts(name: str, values: Sequence[Any]) -> dict[str, np.ndarray]:
    """Year as it is, the others as numbers within their round."""
    found = {part: np.full(len(values), np.nan, np.float32) for part in _DATE_PARTS}
    for row, value in enumerate(values):
        if value is None:
            continue
        if not isinstance(value, datetime):
            raise ValueError(f"column {name!r}, row {row + 1}: {value!r:.60} is no date")
        for part, number in zip(
            _DATE_PARTS,
            (value.year + value.timetuple().tm_yday / 366, value.month, value.weekday(), value.day, value.hour),
            strict=True,
        ):
            found[part][row] = number
    return found


def _texts(values: Sequence[Any]) -> np.ndarray:
    found = np.zeros((len(values), TOKENS), np.int32)
    for row, value in enumerate(values):
        if value:
            tokens = hashed_tokens(str(value))[:TOKENS]
            found[row, : len(tokens)] = tokens
    return found


def hashed_tokens(text: str) -> list[int]:
    """Words (characters, where words are not parted) and pairs of neighbours, as numbers 1 to BUCKETS - 1."""
    words = [word.lower() for word in _WORD.findall(text)]
    pairs = [f"{a} {b}" for a, b in itertools.pairwise(words)]
    return [1 + zlib.crc32(token.encode()) % (BUCKETS - 1) for token in (*words, *pairs)]


def bin_edges(values: np.ndarray, most: int) -> np.ndarray:
    """Borders of bins that hold about as many values each; a value that is very common gets borders of its own.

    values: float (rows,), NaN left out. Returns float32 (2 to about 1.5 * most,), rising.
    """
    known = values[np.isfinite(values)].astype(np.float64)
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
    return edges if len(edges) > 1 else np.array([edges[0], edges[0] + 1], np.float32)
