"""A table encoded once per dataset and choice of columns: rows of equal size in a file, read by number.

Made without looking at any split, so that every split, fold and seed reads the same file: numbers are as they stand, categories are
codes of the commonest ones of the whole table (which of them a training knows, its own part decides: data.py).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shared.datasets.tables.reading import TableReader, open_table
from shared.datasets.tables.splits import part_of
from worker.context import Context
from worker.families.class_order import commonest, in_order
from worker.families.going import Going
from worker.families.kept import kept
from worker.families.rows import RowFile
from worker.families.tables.cells import as_numbers, counted
from worker.families.tables.features import MOST_CATEGORIES, Features
from worker.families.tables.hashing import TOKENS
from worker.recipe import OpenInput

FILE, TARGETS, PARTS = "rows.bin", "targets.f64", "parts.i8"
PART_NAMES = ("", "train", "val", "test")
_AT_ONCE = 16_384  # rows encoded
_MOST_COUNTED = 200_000  # categories of a column counted at a time; then the rarest are forgotten
_HELD_BYTES = 256 << 20  # of a file that is read into memory as a whole
_VERSION = 1  # raised when the bytes of the same table change


class Encoded:
    """Encoded rows. features: with every category that the codes know. targets: float64 (rows,), NaN where missing.

    folder: of the dataset. classes: names of the classes, [] for numbers. parts: int8 (rows,), index into PART_NAMES.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any], dataset: Path):
        self.folder = dataset
        self.features = Features.from_json(facts["features"])
        self.classes: list[str] = facts["classes"]
        self.wrong: int = facts["wrong"]
        self.dtype = row_dtype(self.features)
        file = RowFile(folder / FILE, np.dtype(np.uint8), (self.dtype.itemsize,))
        self._file: RowFile | np.ndarray = file
        if len(file) * self.dtype.itemsize <= _HELD_BYTES:
            self._file = file.read(0, len(file))
        self.targets = np.fromfile(folder / TARGETS, np.float64)
        self.parts = np.fromfile(folder / PARTS, np.int8)

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Rows by number, as Features.encode gives them. rows: int (n,)."""
        read = self._file[rows] if isinstance(self._file, np.ndarray) else self._file.take(rows)
        cells = read.reshape(-1).view(self.dtype)
        return {name: np.ascontiguousarray(cells[name]) for name in self.dtype.names or ()}


def row_dtype(features: Features) -> np.dtype:
    """One row in the file."""
    fields: list[Any] = []
    if features.numbers:
        fields.append(("numbers", "<f4", (len(features.numbers),)))
    if features.categories:
        fields.append(("categories", "<i4", (len(features.categories),)))
    if features.texts:
        fields.append(("texts", "<u2", (len(features.texts), TOKENS)))
    return np.dtype(fields)


def encode_table(opened: OpenInput, kinds: dict[str, str], target: str, task: str, context: Context) -> Encoded:
    """Encode the columns kinds names, or find them encoded already. task: "classes" or "numbers", of the target.

    Classes are named in the order of their numbers, no before yes, else the commonest first.
    """
    part_column = opened.dataset.report.facts.get("part_column")
    depends = {"kinds": list(kinds.items()), "target": target, "task": task, "part": part_column, "version": _VERSION}

    def make(folder: Path) -> dict[str, Any]:
        with open_table(opened.folder) as table:
            return _encode(table, folder, kinds, target, task, part_column, context)

    with kept(context, "rows", opened, depends, make) as (folder, facts):
        return Encoded(folder, facts, opened.folder)


def _encode(
    table: TableReader,
    folder: Path,
    kinds: dict[str, str],
    target: str,
    task: str,
    part_column: str | None,
    context: Context,
) -> dict[str, Any]:
    features = Features.of(kinds)
    names = [*features.categories, *([target] if task == "classes" else [])]
    counts = _counts(table, names, context)
    known = {name: commonest(counts[name], MOST_CATEGORIES) for name in features.categories}
    features = Features.from_json({**features.to_json(), "known": known})
    classes = in_order(counts[target]) if task == "classes" else []
    reader = Features(categories=[target], known={target: classes})
    dtype, wrong = row_dtype(features), 0
    going = Going(context, "loading", table.num_rows)
    with (
        (folder / FILE).open("wb") as rows,
        (folder / TARGETS).open("wb") as targets,
        (folder / PARTS).open("wb") as parts,
    ):
        for start in range(0, table.num_rows, _AT_ONCE):
            stop = min(start + _AT_ONCE, table.num_rows)
            told = {target, part_column} - {None, *features.columns}
            wanted = [*features.columns, *(name for name in table.columns if name in told)]
            columns = table.arrays(start, stop, wanted)
            arrays, bad = features.encode(columns)
            wrong += len(bad)
            packed = np.empty(stop - start, dtype)
            for name, array in arrays.items():
                packed[name] = array
            rows.write(packed.tobytes())
            if classes:
                codes = reader.encode(columns)[0]["categories"][:, 0].astype(np.float64)
                truth = np.where(codes >= 2, codes - 2, np.nan)
            else:
                truth = _finite(columns[target].combine_chunks())
            targets.write(truth.astype("<f8").tobytes())
            said = columns[part_column].to_pylist() if part_column else [""] * (stop - start)
            parts.write(np.array([PART_NAMES.index(part_of(str(one or ""))) for one in said], np.int8).tobytes())
            going.done(stop - start)
    going.end()
    return {"features": features.to_json(), "classes": classes, "wrong": wrong}


def _finite(cells: Any) -> np.ndarray:
    """float64 (rows,): a target as it stands, NaN for infinities."""
    if str(cells.type) == "double":
        found = cells.to_numpy(zero_copy_only=False).astype(np.float64)
    else:
        found = as_numbers("", cells, {}).astype(np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def _counts(table: TableReader, names: list[str], context: Context) -> dict[str, dict[str, int]]:
    """How often each category occurs, by column; of columns with very many, about."""
    found: dict[str, dict[str, int]] = {name: {} for name in names}
    for batch in table.batches():
        context.check()
        for name in names:
            counts = found[name]
            for value, count in counted(batch.column(name)).items():
                counts[value] = counts.get(value, 0) + count
            if len(counts) > _MOST_COUNTED:
                found[name] = {value: counts[value] for value in commonest(counts, _MOST_COUNTED // 2)}
    return found
