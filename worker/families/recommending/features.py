"""What the columns of a table of items or of people say of each, as numbers: words of texts, values of categories, numbers.

Words and values have one row each of a table that is learnt; an item has some of them, each with a weight. So an item that nobody
took has a vector too, and a person who took nothing.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from worker.families.recommending.names import packed, unpacked
from worker.families.scripts import UNPARTED

MOST_PARTS = 48  # words and values of an item: those of the largest weights
MOST_WORDS = 30_000
_LEAST_ITEMS = 2  # that a word stands in, to be known
_FARTHEST = 10.0  # deviations from the mean that a number tells: a mistyped one drowns nothing else
_LARGEST = 1e100  # so that squares stay finite
_WORD = re.compile(rf"[{UNPARTED}]|[^\W_{UNPARTED}]+")


@dataclass(frozen=True)
class Features:
    """parts: int32 (items, at most 48), numbers of words and values from 1 on, 0 for none; weights: float32 of the same shape.
    numbers: float32 (items, 2 * columns): standardised, 0 where missing; 1 where it is there. kinds: how many words and values.
    vectors: float16 (items, n), what bases tell; None without any.
    """

    parts: np.ndarray
    weights: np.ndarray
    numbers: np.ndarray
    kinds: int
    vectors: np.ndarray | None = None

    def arrays(self, prefix: str = "") -> dict[str, np.ndarray]:
        """prefix: before their names."""
        found = {"parts": self.parts, "part_weights": self.weights, "numbers": self.numbers}
        found |= {"vectors": self.vectors} if self.vectors is not None else {}
        return {prefix + name: array for name, array in found.items()}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], prefix: str = "") -> "Features":
        parts, weights, numbers = (arrays[prefix + name] for name in ("parts", "part_weights", "numbers"))
        return cls(parts, weights, numbers, int(parts.max(initial=0)), arrays.get(f"{prefix}vectors"))

    @property
    def told(self) -> np.ndarray:
        """bool (items,): those of which anything is said."""
        return (self.weights != 0).any(1) | (self.numbers != 0).any(1)


@dataclass
class Cells:
    """Columns of a table by name, of each item its cell: what features are made of. pictures: their files, "" for none."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    pictures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Coding:
    """Which number words and values have and how numbers are scaled, learnt of a whole table: reads one more row the same way.

    words: from number 1 on. rarity: float64 (words,), the logarithm of one by the share of items that hold each. sizes: how many
    values each column of categories has; their numbers follow those of the words. moments: float64 (columns of numbers, 2), mean
    and deviation.
    """

    words: dict[str, int]
    rarity: np.ndarray
    sizes: Sequence[int]
    moments: np.ndarray

    @property
    def kinds(self) -> int:
        return len(self.words) + sum(self.sizes)

    def parts(self, counted: Sequence[Mapping[str, int]], values: Sequence[np.ndarray]) -> list[tuple[int, float]]:
        """(number, weight) of the words of each text, TF-IDF of length 1 for each column, and of the values of each column."""
        found: list[tuple[int, float]] = []
        for counts in counted:
            known = {self.words[word]: count for word, count in counts.items() if word in self.words}
            weights = {word: (1 + np.log(count)) * self.rarity[word - 1] for word, count in known.items()}
            length = float(np.sqrt(sum(weight**2 for weight in weights.values()))) or 1.0
            found += [(word, float(weight) / length) for word, weight in weights.items()]
        first = 1 + len(self.words)
        for mine, size in zip(values, self.sizes, strict=True):
            found += [(first + int(value), len(mine) ** -0.5) for value in mine]
            first += size
        return found

    def numbers(self, columns: Sequence[np.ndarray], items: int) -> np.ndarray:
        """float32 (items, 2 * columns): deviations from the mean, cut at _FARTHEST, and whether one is there. columns: float64
        (items,) each, NaN where missing.
        """
        found = []
        for values, (mean, std) in zip(columns, self.moments.tolist(), strict=True):
            there = np.isfinite(values)
            with np.errstate(over="ignore", invalid="ignore"):  # what is not there, and what is cut anyway
                scaled = np.clip((values - mean) / (std or 1.0), -_FARTHEST, _FARTHEST)
            found += [np.where(there, scaled, 0.0), there.astype(float)]
        return np.stack(found, 1).astype(np.float32) if found else np.zeros((items, 0), np.float32)

    def features(
        self, rows: Sequence[Sequence[tuple[int, float]]], columns: Sequence[np.ndarray]
    ) -> tuple[Features, int]:
        """(of rows as parts() gives them and columns as numbers() takes them, how many rows have more than are taken)."""
        width = min(MOST_PARTS, max((len(row) for row in rows), default=0)) or 1
        parts, weights = np.zeros((len(rows), width), np.int32), np.zeros((len(rows), width), np.float32)
        for item, row in enumerate(rows):
            for place, (part, weight) in enumerate(sorted(row, key=lambda one: -one[1])[:width]):
                parts[item, place], weights[item, place] = part, weight
        cut = sum(len(row) > width for row in rows)
        return Features(parts, weights, self.numbers(columns, len(rows)), self.kinds), cut

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        found = {"rarity": self.rarity, "sizes": np.array(self.sizes, np.int64), "moments": self.moments}
        return packed(list(self.words), f"{prefix}words") | {prefix + name: array for name, array in found.items()}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> "Coding":
        words = {word: number for number, word in enumerate(unpacked(arrays, f"{prefix}words"), 1)}
        return cls(words, arrays[f"{prefix}rarity"], arrays[f"{prefix}sizes"].tolist(), arrays[f"{prefix}moments"])


def features_of(
    cells: Cells,
    values: Sequence[tuple[np.ndarray, np.ndarray]],
    items: int,
    check: Callable[[], None],
    what: str = "items",
) -> tuple[Features, Coding, list[str]]:
    """Features of so many items, the coding they were made with, and notes. values: of each column of categories, as in
    Catalogue.of_item. what: what notes call them."""
    counted = [_counted(texts, check) for texts in cells.texts.values()]
    sizes = [int(numbers.max(initial=-1)) + 1 for numbers, _ in values]
    moments = [_moments(column) for column in cells.numbers.values()]
    coding = Coding(*_words(counted, items), sizes, np.array(moments, np.float64).reshape(-1, 2))
    rows = []
    for item in range(items):
        if item % 10_000 == 0:
            check()
        mine = [numbers[int(ends[item - 1]) if item else 0 : int(ends[item])] for numbers, ends in values]
        rows.append(coding.parts([column[item] for column in counted], mine))
    found, cut = coding.features(rows, list(cells.numbers.values()))
    notes = [f"of {cut:,} {what} only the {MOST_PARTS} words and values that tell most are taken"] if cut else []
    if lacking := sum(not row for row in rows):
        notes.append(f"{lacking:,} {what} have neither a word nor a value that another one has, too")
    return found, coding, notes


def counted_words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.casefold()))


def _counted(texts: Sequence[str], check: Callable[[], None]) -> list[Counter[str]]:
    found = []
    for number, text in enumerate(texts):
        if number % 10_000 == 0:
            check()
        found.append(counted_words(text))
    return found


def _words(counted: Sequence[Sequence[Counter[str]]], items: int) -> tuple[dict[str, int], np.ndarray]:
    """(numbers from 1 on, the commonest first; rarity) of the words that are known."""
    seen: Counter[str] = Counter()
    for column in counted:
        for counts in column:
            seen.update(counts.keys())
    known = sorted(
        (word for word, count in seen.items() if count >= _LEAST_ITEMS), key=lambda word: (-seen[word], word)
    )[:MOST_WORDS]
    rarity = np.log((1 + items) / np.array([seen[word] for word in known], np.float64))
    return {word: number for number, word in enumerate(known, 1)}, rarity


def _moments(values: np.ndarray) -> tuple[float, float]:
    some = np.clip(values[np.isfinite(values)], -_LARGEST, _LARGEST)
    return (float(some.mean()), float(some.std())) if len(some) else (0.0, 0.0)
