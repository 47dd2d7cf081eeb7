"""Interactions read from a table once and kept as columns of numbers: who, what, how much, when."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from shared.datasets.tables.reading import TableReader, open_table
from shared.errors import DatasetInvalid, Problem
from shared.recipes.recommending import EPOCHS
from worker.context import Context
from worker.families.going import Going
from worker.families.kept import kept
from worker.families.recommending.names import Coder
from worker.families.tables.cells import as_array, as_dates, as_floats, pc
from worker.recipe import OpenInput

_AT_ONCE = 65_536  # rows
_VERSION = 1  # raised when the bytes of the same table change
_FILES = {"users": "<i4", "items": "<i4", "values": "<f4", "times": "<f8", "rows": "<i8"}
_NAMED = 20  # rows in an error


@dataclass(frozen=True)
class Interactions:
    """users, items: int32 (n,), places in user_ids and item_ids. values: float32 (n,), 1 where the table has none. times: float64
    (n,), seconds or whatever the table counts in, 0 where it has none. rows: int64 (n,), numbers in the table from 1 on.

    left: how many rows were left out, by why. mended: ids such as 12.0.
    """

    users: np.ndarray
    items: np.ndarray
    values: np.ndarray
    times: np.ndarray
    rows: np.ndarray
    user_ids: list[str]
    item_ids: list[str]
    left: Mapping[str, int]
    mended: int = 0

    def __len__(self) -> int:
        return len(self.users)

    def take(self, places: np.ndarray) -> "Interactions":
        """Some of them, in the order given: numbers of places or a mask."""
        columns = {name: getattr(self, name)[places] for name in _FILES}
        return Interactions(
            **columns, user_ids=self.user_ids, item_ids=self.item_ids, left=self.left, mended=self.mended
        )


def read_interactions(opened: OpenInput, params: Any, context: Context) -> Interactions:
    """Read the columns that params name. Raises DatasetInvalid for values and times that cannot be read."""
    names = {name: getattr(params, name) for name in ("user", "item", "value", "time")}
    depends = {**names, "mixed": params.mixed_times, "version": _VERSION}

    def make(folder: Path) -> dict[str, Any]:
        with open_table(opened.folder) as table:
            return _Reading(table, names, params.mixed_times == "convert").write(folder, context)

    with kept(context, "interactions", opened, depends, make) as (folder, facts):
        columns = {name: np.fromfile(folder / name, dtype) for name, dtype in _FILES.items()}
        ids = [json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in ("user_ids", "item_ids")]
        return Interactions(**columns, user_ids=ids[0], item_ids=ids[1], left=facts["left"], mended=facts["mended"])


class _Reading:
    """One pass over a table, some ten thousand rows in memory at a time."""

    def __init__(self, table: TableReader, names: Mapping[str, str], convert: bool):
        self._table, self._names, self._convert = table, names, convert
        self._users, self._items = Coder(), Coder()
        self._left: dict[str, int] = {}
        self._wrong: dict[int, str] = {}
        self._epochs: dict[str, tuple[int, int, float]] = {}  # unit -> (how many, first row, the number there)

    def write(self, folder: Path, context: Context) -> dict[str, Any]:
        going = Going(context, "loading", self._table.num_rows)
        files = {name: (folder / name).open("wb") for name in _FILES}
        try:
            for start in range(0, self._table.num_rows, _AT_ONCE):
                stop = min(start + _AT_ONCE, self._table.num_rows)
                for name, array in self._piece(start, stop).items():
                    files[name].write(array.astype(_FILES[name]).tobytes())
                going.done(stop - start)
        finally:
            for file in files.values():
                file.close()
        going.end()
        self._refuse()
        for name, coder in (("user_ids", self._users), ("item_ids", self._items)):
            (folder / f"{name}.json").write_text(json.dumps(coder.ids, ensure_ascii=False), encoding="utf-8")
        return {"left": self._left, "mended": self._users.mended + self._items.mended}

    def _piece(self, start: int, stop: int) -> dict[str, np.ndarray]:
        names = self._names
        cells = self._table.arrays(start, stop, [name for name in dict.fromkeys(names.values()) if name])
        users, items = self._users.codes(cells[names["user"]]), self._items.codes(cells[names["item"]])
        wrong: dict[int, str] = {}
        values, times = np.ones(stop - start), np.zeros(stop - start)
        if names["value"]:
            values = as_floats(names["value"], cells[names["value"]], wrong)
        if names["time"]:
            times = self._times(cells[names["time"]], start, wrong)
        self._wrong |= {start + row + 1: why for row, why in wrong.items() if len(self._wrong) < 1_000}
        good = np.ones(stop - start, bool)
        missing = ((names["user"], users < 0), (names["item"], items < 0), (names["value"], ~np.isfinite(values)))
        for name, lacks in (*missing, (names["time"], ~np.isfinite(times))):
            if name and (count := int((lacks & good).sum())):
                self._left[f"without {name!r}"] = self._left.get(f"without {name!r}", 0) + count
            good &= ~lacks
        rows = np.arange(start + 1, stop + 1)
        found = {"users": users, "items": items, "values": values, "times": times, "rows": rows}
        return {name: array[good] for name, array in found.items()}

    def _times(self, cells: Any, start: int, wrong: dict[int, str]) -> np.ndarray:
        """float64 (rows,), NaN where missing."""
        name, cells = self._names["time"], as_array(cells)
        if pa.types.is_timestamp(cells.type):
            moments = as_dates(name, cells, wrong)
            missing = moments.is_null().to_numpy(zero_copy_only=False)
            seconds = pc.fill_null(pc.cast(moments, pa.int64()), 0).to_numpy(zero_copy_only=False) / 1e6
            return np.where(missing, np.nan, seconds)
        found = as_floats(name, cells, wrong)
        scale = np.ones(len(found))
        for unit, low, high, seconds in EPOCHS:
            of = (np.abs(found) >= low) & (np.abs(found) < high)
            if of.any():
                first = int(of.argmax())
                count, row, moment = self._epochs.get(unit, (0, start + first + 1, float(found[first])))
                self._epochs[unit] = (count + int(of.sum()), row, moment)
                scale[of] = seconds
        return found * scale if self._convert else found

    def _refuse(self) -> None:
        """Raise DatasetInvalid for cells that are no number, and for times of several units."""
        problems = [
            Problem(field="inputs.data", message=why, line=row) for row, why in sorted(self._wrong.items())[:_NAMED]
        ]
        if len(self._epochs) > 1 and not self._convert:
            told = ", ".join(
                f"{unit} ({count:,} rows, such as {moment:.0f} in row {row:,})"
                for unit, (count, row, moment) in self._epochs.items()
            )
            message = f"column {self._names['time']!r} holds times in {told}: set params.mixed_times to convert, or mend the table"
            problems.append(Problem(field="params.time", message=message))
        if problems:
            more = f"; and {len(self._wrong) - _NAMED:,} more rows" if len(self._wrong) > _NAMED else ""
            raise DatasetInvalid("; ".join(problem.message for problem in problems) + more, problems=problems)
