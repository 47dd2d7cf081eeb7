"""How rows and columns of a table stand to each other: equal rows, what leaks between parts, columns that give others away."""

from array import array
from collections.abc import Iterator
from itertools import combinations

import pyarrow as pa

from shared.datasets.tables.kernels import pc
from shared.datasets.tables.reading import TableReader
from shared.datasets.tables.splits import is_part_column, part_of
from shared.datasets.tables.values import hashables

_MOST_CELLS = 50_000_000  # looked at to find equal rows: about half a minute
_MOST_ROWS = 5_000_000  # whose hashes are held
_COLUMNS, _SAMPLE = 60, 2_000  # compared with each other, in so many rows
_DECIMALS = 12


class Rows:
    """Equal rows. duplicate: rows that stood there before. leakage: rows of one part that stand in another. seen: of how many."""

    def __init__(self, table: TableReader, part_column: str | None):
        self.seen = min(table.num_rows, _MOST_ROWS, max(1, _MOST_CELLS // max(1, len(table.columns))))
        self.duplicate = 0
        self.leakage: dict[str, int] = {}
        hashes: dict[str, array[int]] = {}
        for part, found in self._hashed(table, part_column):
            hashes.setdefault(part, array("q")).extend(found)
        arrays = {part: _as_arrow(found) for part, found in hashes.items()}
        self.duplicate = sum(_repeated(found) for found in arrays.values())
        for one, other in combinations([part for part in ("train", "val", "test") if part in arrays], 2):
            few = arrays[one].filter(
                pc.is_in(arrays[one], value_set=arrays[other])
            )  # a table of the smaller part's rows
            shared = pc.sum(pc.is_in(arrays[other], value_set=few)).as_py() or 0
            if shared:
                self.leakage[f"{one} and {other}"] = shared

    def _hashed(self, table: TableReader, part_column: str | None) -> Iterator[tuple[str, list[int]]]:
        """The hashes of rows without their part, by part."""
        left = self.seen
        for batch in table.batches():
            batch = batch.slice(0, left)
            names = [name for name in batch.schema.names if name != part_column]
            columns = [hashables(batch.column(name)) for name in names]
            hashes = list(map(hash, zip(*columns, strict=True)))
            if part_column is None:
                yield "", hashes
            else:
                labels = [part_of(value or "") for value in batch.column(part_column).to_pylist()]
                for part in set(labels):
                    yield part, [number for number, label in zip(hashes, labels, strict=True) if label == part]
            left -= len(batch)
            if left <= 0:
                return


def _as_arrow(numbers: "array[int]") -> pa.Array:
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])


def _repeated(numbers: pa.Array) -> int:
    """How many have an equal one before them. Sorted, which takes 24 bytes a number; counted in a hash table it took 240."""
    ordered = numbers.take(pc.array_sort_indices(numbers))
    return pc.sum(pc.equal(ordered.slice(1), ordered.slice(0, max(0, len(ordered) - 1)))).as_py() or 0


def part_column_of(table: TableReader, values: dict[str, list[str]]) -> str | None:
    """The column that says which part each row is of. values: the distinct texts of columns that have few."""
    return next((name for name in table.columns if name in values and is_part_column(name, values[name])), None)


def give_away(table: TableReader, skip: set[str]) -> list[tuple[str, str, bool]]:
    """Pairs of columns of which one tells the other: (one, other, whether they are equal cell by cell).

    Looked for in a sample of rows. skip: columns in which every pair is found (constant, empty, ids).
    """
    names = [name for name in table.columns if name not in skip][:_COLUMNS]
    step = max(1, table.num_rows // _SAMPLE)
    rows = list(range(0, table.num_rows, step))[:_SAMPLE] if step > 1 else list(range(table.num_rows))[:_SAMPLE]
    taken = table.take(rows, names)
    cells = {
        name: [round(v, _DECIMALS) if isinstance(v, float) else v for v in taken[name].to_pylist()] for name in names
    }
    distinct = {name: len(set(values)) for name, values in cells.items()}
    found = []
    for one, other in combinations(names, 2):
        if distinct[one] != distinct[other] or distinct[one] < 2 or len(rows) < 20:
            continue
        if cells[one] == cells[other]:
            found.append((one, other, True))
        elif 3 * distinct[one] <= len(rows) and len(set(zip(cells[one], cells[other], strict=True))) == distinct[one]:
            found.append((one, other, False))
    return found
