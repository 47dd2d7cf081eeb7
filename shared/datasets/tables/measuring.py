"""Measures the columns of a table: what they hold, how often, what is missing. Memory is bounded whatever the table."""

from collections import Counter
from datetime import datetime
from typing import Any

import pyarrow as pa

from shared.datasets.report import ColumnKind, ColumnReport
from shared.datasets.tables.kernels import pc
from shared.datasets.tables.shown import shown_cell
from shared.datasets.tables.values import hashables

MOST_DISTINCT = 1_000_000  # values remembered of all columns together, as hashes: some 80 MB
_FEWEST_DISTINCT, _MOST_OF_ONE = 1_000, 100_000
_MOST_COUNTED = 1_000  # values of a column whose numbers are kept
_ID_LENGTH = 64  # characters, at most, of what may be an id
_WORDS = (
    r"\s|[\x{3000}-\x{30ff}\x{3400}-\x{9fff}\x{ac00}-\x{d7af}\x{ff01}-\x{ff5e}]{8}"  # no spaces part East Asian words
)
YES_AND_NO = (
    ("yes", "no"),
    ("y", "n"),
    ("true", "false"),
    ("t", "f"),
    ("ja", "nein"),
    ("oui", "non"),
    ("on", "off"),
    ("是", "否"),
)
_BOOLEAN = tuple(set(pair) for pair in YES_AND_NO)
_ID_NAMES = ("id", "ids", "uuid", "guid", "index", "key", "nr", "no", "number", "code", "row", "rowid", "编号", "序号")


class Measured:
    """A column as far as it was read. counts: how often each value occurs, None once they are too many."""

    def __init__(self, name: str, kind: pa.DataType, columns: int):
        self.name, self.type = name, kind
        self.rows = self.missing = 0
        self.counts: Counter[Any] | None = Counter()
        self._most = min(_MOST_OF_ONE, max(_FEWEST_DISTINCT, MOST_DISTINCT // columns))
        self._hashes: set[int] = set()
        self._full_at = 0  # rows after which there were too many distinct values to count
        self._sum = 0.0
        self.low: Any = None
        self.high: Any = None
        self._whole = True
        self._spaces = 0
        self._length = 0
        self._examples: list[str] = []

    @property
    def known(self) -> int:
        return self.rows - self.missing

    @property
    def distinct(self) -> int:
        return len(self._hashes)

    def add(self, cells: pa.Array) -> None:
        """Look at more rows."""
        self.rows += len(cells)
        self.missing += cells.null_count
        values = cells.drop_null()
        if not len(values):
            return
        self._count(values)
        if pa.types.is_floating(self.type):
            self._sum += pc.sum(values).as_py()
            self._whole = self._whole and pc.all(pc.equal(values, pc.floor(values))).as_py()
        measured = values
        if pa.types.is_string(self.type):
            measured = pc.utf8_length(values)
            self._length += pc.sum(measured).as_py()
            self._spaces += pc.sum(pc.match_substring_regex(values, _WORDS)).as_py()
        if not pa.types.is_boolean(self.type):
            ends = pc.min_max(measured).as_py()
            self.low = ends["min"] if self.low is None else min(self.low, ends["min"])
            self.high = ends["max"] if self.high is None else max(self.high, ends["max"])

    def _count(self, values: pa.Array) -> None:
        if self._full_at:
            return
        found = pc.value_counts(values)
        distinct = found.field("values")
        self._hashes.update(map(hash, hashables(distinct)))
        if self.counts is not None and len(distinct) <= _MOST_COUNTED:
            for value, count in zip(distinct.to_pylist(), found.field("counts").to_pylist(), strict=True):
                self.counts[value] += count
        if len(self._hashes) > _MOST_COUNTED:
            self.counts = None
        for value in distinct.slice(0, 3).to_pylist():
            if len(self._examples) < 3 and (shown := shown_cell(value)) not in self._examples:
                self._examples.append(shown)
        if len(self._hashes) > self._most:
            self._full_at = self.known

    def kind(self) -> ColumnKind:
        """What the column is for a training (shared/datasets/report.py, ColumnKind)."""
        if not self.known:
            return "empty"
        if self.distinct == 1:
            return "constant"
        if pa.types.is_timestamp(self.type):
            return "date"
        if self._is_boolean():
            return "boolean"
        if pa.types.is_floating(self.type):
            return "number"
        if self.is_id_like():
            return "id"
        few = self.distinct <= 50 or self.distinct <= 0.2 * self.known
        repeats = 2 * self.distinct <= self.known
        return "category" if few and repeats and self._length <= 100 * self.known and not self._full_at else "text"

    def _is_boolean(self) -> bool:
        if pa.types.is_boolean(self.type):
            return True
        if self.counts is None or self.distinct != 2:
            return False
        if pa.types.is_floating(self.type):
            return set(self.counts) == {0.0, 1.0}
        return {value.casefold() for value in self.counts} in _BOOLEAN

    def is_id_like(self) -> bool:
        """Another value in nearly every row that is no measure: texts without words; whole numbers called so, or counted up."""
        if pa.types.is_timestamp(self.type) or pa.types.is_boolean(self.type):
            return False
        seen = self._full_at or self.known
        if self.distinct < 0.99 * seen or self.known < 10:
            return False
        if pa.types.is_string(self.type):
            return self._spaces == 0 and self.high <= _ID_LENGTH
        if not self._whole:
            return False
        counted = self.low in (0.0, 1.0) and self.high - self.low == self.rows - 1
        return (
            counted
            or self.name.casefold().replace("-", "_").rpartition("_")[2] in _ID_NAMES
            or self.name.endswith(("Id", "ID"))
        )

    def report(self, most_values: int) -> ColumnReport:
        """most_values: of how many values the numbers are told, for categories and booleans."""
        kind = self.kind()
        found = ColumnReport(
            name=self.name,
            kind=kind,
            distinct=self.distinct,
            distinct_exact=not self._full_at,
            missing=self.missing,
            low=_end(self.low),
            high=_end(self.high),
            id_like=self.is_id_like(),
            mean=self._sum / self.known if self.known and pa.types.is_floating(self.type) else None,
            examples=self._examples,
        )
        if kind in ("category", "boolean") and self.counts is not None:
            found.values = {shown_cell(value): count for value, count in self.counts.most_common(most_values)}
        return found


def _end(value: Any) -> float | str | None:
    return value.isoformat() + "Z" if isinstance(value, datetime) else value
