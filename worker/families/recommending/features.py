"""What the columns of a table of items say of each item, as numbers: words of texts, values of categories, numbers.

Words and values have one row each of a table that is learnt; an item has some of them, each with a weight. So an item that nobody
took has a vector too.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from worker.families.scripts import UNPARTED

MOST_PARTS = 48  # words and values of an item: those of the largest weights
MOST_WORDS = 30_000
_LEAST_ITEMS = 2  # that a word stands in, to be known
_WORD = re.compile(rf"[{UNPARTED}]|[^\W_{UNPARTED}]+")


@dataclass(frozen=True)
class Features:
    """parts: int32 (items, at most 48), numbers of words and values from 1 on, 0 for none; weights: float32 of the same shape.
    numbers: float32 (items, 2 * columns): standardised, 0 where missing; 1 where it is there. kinds: how many words and values.
    """

    parts: np.ndarray
    weights: np.ndarray
    numbers: np.ndarray
    kinds: int

    def arrays(self) -> dict[str, np.ndarray]:
        return {"parts": self.parts, "part_weights": self.weights, "numbers": self.numbers}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Features":
        parts = arrays["parts"]
        return cls(parts, arrays["part_weights"], arrays["numbers"], int(parts.max(initial=0)))


@dataclass
class Cells:
    """Columns of the table of items by name, of each item its cell: what features are made of."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, np.ndarray] = field(default_factory=dict)


def features_of(
    cells: Cells, values: Sequence[tuple[np.ndarray, np.ndarray]], items: int, check: Callable[[], None]
) -> tuple[Features, list[str]]:
    """Features of so many items, and notes. values: of each column of categories, as in Catalogue.of_item."""
    first, rows = _words(cells.texts, items, check)
    for numbers, ends in values:
        for item in range(items):
            if item % 10_000 == 0:
                check()
            mine = numbers[int(ends[item - 1]) if item else 0 : int(ends[item])]
            rows[item] += [(first + int(value), len(mine) ** -0.5) for value in mine]
        first += int(numbers.max(initial=-1)) + 1
    width = min(MOST_PARTS, max((len(row) for row in rows), default=0)) or 1
    parts, weights = np.zeros((len(rows), width), np.int32), np.zeros((len(rows), width), np.float32)
    cut = 0
    for item, row in enumerate(rows):
        cut += len(row) > width
        for place, (part, weight) in enumerate(sorted(row, key=lambda one: -one[1])[:width]):
            parts[item, place], weights[item, place] = part, weight
    notes = [f"of {cut:,} items only the {width} words and values that tell most are taken"] if cut else []
    if lacking := int((weights.sum(1) == 0).sum()):
        notes.append(f"{lacking:,} items have neither a word nor a value that another one has, too")
    return Features(parts, weights, _numbers(cells.numbers, len(rows)), first - 1), notes


def _words(
    texts: Mapping[str, Sequence[str]], items: int, check: Callable[[], None]
) -> tuple[int, list[list[tuple[int, float]]]]:
    """(the first number that is no word's, of each item its (number from 1 on, TF-IDF), of length 1 for each column)."""
    found: dict[str, list[Counter[str]]] = {}
    seen: Counter[str] = Counter()
    for column, cells in texts.items():
        found[column] = []
        for number, text in enumerate(cells):
            if number % 10_000 == 0:
                check()
            found[column].append(Counter(_WORD.findall(text.casefold())))
            seen.update(found[column][-1].keys())
    known = sorted(
        (word for word, count in seen.items() if count >= _LEAST_ITEMS), key=lambda word: (-seen[word], word)
    )
    numbers = {word: number for number, word in enumerate(known[:MOST_WORDS], 1)}
    rows: list[list[tuple[int, float]]] = [[] for _ in range(items)]
    for counted in found.values():
        for item, counts in enumerate(counted):
            weights = {
                numbers[word]: (1 + np.log(count)) * np.log((1 + items) / seen[word])
                for word, count in counts.items()
                if word in numbers
            }
            length = float(np.sqrt(sum(weight**2 for weight in weights.values()))) or 1.0
            rows[item] += [(word, float(weight) / length) for word, weight in weights.items()]
    return 1 + len(numbers), rows


def _numbers(columns: Mapping[str, np.ndarray], items: int) -> np.ndarray:
    found = []
    for values in columns.values():
        there = np.isfinite(values)
        mean, std = (float(values[there].mean()), float(values[there].std())) if there.any() else (0.0, 0.0)
        found += [np.where(there, (values - mean) / (std or 1.0), 0.0), there.astype(float)]
    return np.stack(found, 1).astype(np.float32) if found else np.zeros((items, 0), np.float32)
