"""Reads the columns of a table as rows of series: when, of which series, which values, what is known beforehand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from shared.datasets.tables.measuring import YES_AND_NO
from worker.families.tables.cells import as_array, as_category, as_dates, as_floats, pc

_FLAGS = {word: flag for pair in YES_AND_NO for word, flag in zip(pair, "10", strict=True)}
LARGEST = 1e100  # of a value: its square can still be told
ONE = ""  # name of the series of a table without a column of series


@dataclass(frozen=True)
class Columns:
    """Names of the columns read. series: "" for none. dated: times are dates, not numbers."""

    time: str
    targets: list[str]
    series: str = ""
    known: list[str] = field(default_factory=list)
    dated: bool = True

    @property
    def needed(self) -> list[str]:
        return [name for name in (self.time, self.series, *self.targets, *self.known) if name]


@dataclass
class Rows:
    """times: int64 microseconds, or float64 numbers (n,). series: int32 (n,), codes of names, in the order they first occur.

    values: float64 (n, targets), known: float64 (n, known), NaN where missing. places: int64 (n,), numbers of the rows in the
    table from 1 on. wrong: what is wrong with rows, by the same numbers; they are not among the n. names: of the series.
    wrong_series: names of the series that those rows are of, as far as they have one.
    """

    times: np.ndarray
    series: np.ndarray
    names: list[str]
    values: np.ndarray
    known: np.ndarray
    places: np.ndarray
    wrong: dict[int, str]
    wrong_series: dict[int, str]


def read_rows(cells: Mapping[str, Any], columns: Columns) -> Rows:
    """Read columns of any type, texts as what is wanted. Raises ValueError for a column none of whose cells can fit."""
    wrong: dict[int, str] = {}
    times = _times(cells[columns.time], columns, wrong)
    codes, names = _series(cells, columns, wrong, len(times))
    values = _numbers(cells, columns.targets, wrong, len(times))
    known = _numbers({name: _flags(cells[name]) for name in columns.known}, columns.known, wrong, len(times))
    right = np.ones(len(times), bool)
    right[list(wrong)] = False
    return Rows(
        times[right],
        codes[right],
        names,
        values[right],
        known[right],
        np.flatnonzero(right) + 1,
        {row + 1: why for row, why in sorted(wrong.items())},
        {row + 1: names[codes[row]] for row in wrong if codes[row] >= 0},
    )


def _times(cells: Any, columns: Columns, wrong: dict[int, str]) -> np.ndarray:
    name = columns.time
    if columns.dated:
        moments = as_dates(name, cells, wrong)
        missing = moments.is_null().to_numpy(zero_copy_only=False)
        found = pc.fill_null(pc.cast(moments, pa.int64()), 0).to_numpy(zero_copy_only=False)
    else:
        found = as_floats(name, cells, wrong)
        missing = ~np.isfinite(found)
    for row in np.flatnonzero(missing).tolist():
        wrong.setdefault(row, f"{name}: there is no time")
    return found


def _series(
    cells: Mapping[str, Any], columns: Columns, wrong: dict[int, str], rows: int
) -> tuple[np.ndarray, list[str]]:
    """(codes int32 (rows,), -1 where missing; names)."""
    if not columns.series:
        return np.zeros(rows, np.int32), [ONE]
    coded = as_array(cells[columns.series]).dictionary_encode()
    names = [as_category(value) for value in coded.dictionary.to_pylist()]
    codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32)
    distinct = list(dict.fromkeys(names))
    if len(distinct) < len(names):  # spellings of one name
        place = {name: number for number, name in enumerate(distinct)}
        codes = np.array([*(place[name] for name in names), -1], np.int32)[codes]
    for row in np.flatnonzero(codes < 0).tolist():
        wrong.setdefault(row, f"{columns.series}: there is no name of a series")
    return codes, distinct


def _flags(cells: Any) -> Any:
    """Yes and no, as texts, as 1 and 0; other cells as they are."""
    cells = as_array(cells)
    if not pa.types.is_string(cells.type):
        return cells
    coded = cells.dictionary_encode()
    words = [_FLAGS.get(word.strip().casefold(), word) for word in coded.dictionary.to_pylist()]
    return pa.array(words, pa.string()).take(coded.indices)


def _numbers(cells: Mapping[str, Any], names: Sequence[str], wrong: dict[int, str], rows: int) -> np.ndarray:
    found = np.empty((rows, len(names)))
    for place, name in enumerate(names):
        found[:, place] = as_floats(name, cells[name], wrong)
        for row in np.flatnonzero(np.abs(found[:, place]) > LARGEST).tolist():
            wrong.setdefault(row, f"{name}: {found[row, place]:g} is too large to calculate with")
    return found
