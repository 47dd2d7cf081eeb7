"""A table of series brought to even steps once and kept for the next training: shared by all params that do not change the steps.

A channel is one target of one series: from its first known value to its last. Channels lie one after the other, as float64.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.datasets.tables.reading import open_table
from shared.errors import DatasetInvalid, Further, Problem
from worker.context import Context
from worker.families.going import Going
from worker.families.kept import kept
from worker.families.rows import RowFile
from worker.families.series.frequency import Frequency
from worker.families.series.grid import Grid, filled, make_grid
from worker.families.series.rows import Columns, Rows, read_rows
from worker.recipe import OpenInput

_VERSION = 1  # raised when the bytes of the same table change
_HELD_BYTES = 256 << 20  # of a file that is read into memory as a whole
MOST_PROBLEMS = 100


class Stretches:
    """Rows of a file, read in stretches of one length; in memory where they are few."""

    def __init__(self, path: Path, dtype: Any, shape: tuple[int, ...] = ()):
        self._file = RowFile(path, np.dtype(dtype), shape)
        row_bytes = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=np.int64))
        held = len(self._file) * row_bytes <= _HELD_BYTES
        self._array = self._file.read(0, len(self._file)) if held else None

    def read(self, starts: np.ndarray, length: int) -> np.ndarray:
        """(n, length, *shape): rows from each start on. starts: int64 (n,)."""
        if self._array is None:
            return self._file.windows(starts, length)
        return self._array[starts[:, None] + np.arange(length)]


@dataclass
class Channels:
    """Where each channel is: series and target by number, first: its first step (Frequency.at), length in steps, offset in the
    file; ahead: where its first step is among those of what is known. Each int64 (channels,).
    """

    series: np.ndarray
    target: np.ndarray
    first: np.ndarray
    length: np.ndarray
    offset: np.ndarray
    ahead: np.ndarray

    def __len__(self) -> int:
        return len(self.series)


class Prepared:
    """What prepare() made. names: of the series. counts: what was mended. ends: int64 (series,), the step after the last of each
    one's rows, which may tell what is known beforehand of steps after the last value.
    """

    def __init__(self, folder: Path, columns: Columns):
        facts = json.loads((folder / "series.json").read_text(encoding="utf-8"))
        self.columns = columns
        self.names: list[str] = facts["names"]
        self.counts: dict[str, int] = facts["counts"]
        self.frequency = Frequency.from_json(facts["frequency"])
        table = np.fromfile(folder / "channels.i64", np.int64).reshape(6, -1)
        self.channels = Channels(*table)
        self.ends = np.fromfile(folder / "ends.i64", np.int64)
        self.values = Stretches(folder / "values.f64", np.float64)
        self.there = Stretches(folder / "there.u1", np.uint8)
        self.known = Stretches(folder / "known.f64", np.float64, (len(columns.known),)) if columns.known else None

    def title(self, channel: int) -> str:
        """ "units of Köln", shorter where one of both says nothing."""
        name = self.names[self.channels.series[channel]]
        target = self.columns.targets[self.channels.target[channel]]
        return target if not self.columns.series else f"{target} of {name}"


def prepare(opened: OpenInput, columns: Columns, params: Any, context: Context) -> Prepared:
    """Bring the table to even steps, or find it brought already. Raises DatasetInvalid with every problem found."""
    depends = {
        "columns": [columns.time, columns.series, columns.targets, columns.known, columns.dated],
        "how": [params.frequency, params.doubled, params.fill],
        "version": _VERSION,
    }

    def make(folder: Path) -> dict[str, Any]:
        going = Going(context, "loading", 4)
        with open_table(opened.folder) as table:
            rows = _read(table.arrays(0, None, columns.needed), columns)
        going.done(1)
        try:
            grid = make_grid(rows, params.doubled, dated=columns.dated, ranks=params.frequency == "rows")
        except ValueError as err:
            raise DatasetInvalid(str(err), problems=[Problem(field="inputs.data", message=str(err))]) from err
        going.done(1)
        if grid.problems:
            raise refused([f"{_called(columns, name)}{why}" for name, why in grid.problems.items()], _way_out(grid))
        del rows
        _write(folder, grid, columns, params.fill, context)
        going.end()
        return {}

    with kept(context, "series", opened, depends, make) as (folder, _):
        return Prepared(folder, columns)


def refused(told: list[str], way: str = "") -> DatasetInvalid:
    """To raise: every problem, the first ones in the message. way: what would be right."""
    problems: list[Problem] = [Problem(field="inputs.data", message=message) for message in told[:MOST_PROBLEMS]]
    if len(told) > MOST_PROBLEMS:
        problems.append(Further(count=len(told) - MOST_PROBLEMS))
    more = f"; and {len(told) - 5:,} more" if len(told) > 5 else ""
    return DatasetInvalid("; ".join(told[:5]) + more + (f". {way}" if way else ""), problems=problems)


def _called(columns: Columns, name: str) -> str:
    return f"{columns.series} {name!r}: " if columns.series else ""


def _way_out(grid: Grid) -> str:
    if grid.counts.get("differing"):
        return (
            f"{grid.counts['differing']:,} rows share their time with another one: name the column that tells their series, or "
            "set params.doubled to first, last, mean or sum"
        )
    return "set params.frequency to rows where each row is the next step"


def _read(cells: Any, columns: Columns) -> Rows:
    """Raises DatasetInvalid naming every row that does not fit."""
    try:
        rows = read_rows(cells, columns)
    except ValueError as err:
        raise DatasetInvalid(str(err), problems=[Problem(field="inputs.data", message=str(err))]) from err
    if rows.wrong:
        raise refused([f"row {place:,}: {why}" for place, why in rows.wrong.items()])
    if not len(rows.times):
        raise refused(["the table has no rows"])
    return rows


def _write(folder: Path, grid: Grid, columns: Columns, fill: str, context: Context) -> None:
    found: list[tuple[int, ...]] = []
    offset = 0
    with (folder / "values.f64").open("wb") as values, (folder / "there.u1").open("wb") as there:
        for series in range(len(grid.names)):
            context.check()
            span = grid.span(series)
            for target in range(len(columns.targets)):
                cells = grid.values[span, target]
                known = np.flatnonzero(np.isfinite(cells))
                if not len(known):
                    continue
                cells = cells[known[0] : known[-1] + 1]
                is_there = np.ones(len(cells), np.uint8) if fill == "zero" else np.isfinite(cells).astype(np.uint8)
                values.write(filled(cells[:, None], fill)[:, 0].astype("<f8").tobytes())
                there.write(is_there.tobytes())
                first = int(known[0])
                found.append((series, target, int(grid.starts[series]) + first, len(cells), offset, span.start + first))
                offset += len(cells)
    np.array(found, "<i8").reshape(-1, 6).T.tofile(folder / "channels.i64")
    (grid.starts + np.diff(grid.offsets)).astype("<i8").tofile(folder / "ends.i64")
    if columns.known:
        grid.known.astype("<f8").tofile(folder / "known.f64")
    facts = {"names": grid.names, "counts": grid.counts, "frequency": grid.frequency.to_json()}
    (folder / "series.json").write_text(json.dumps(facts), encoding="utf-8")
