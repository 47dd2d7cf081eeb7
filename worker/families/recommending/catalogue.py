"""The table of items: what they are called, and the values that answers are narrowed by."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shared.datasets.tables.reading import open_table
from shared.errors import DatasetInvalid, Problem
from shared.recipes.recommending import key_of
from worker.context import Context
from worker.families.recommending.features import Cells, Features, features_of
from worker.families.recommending.names import as_id, packed, unpacked
from worker.families.tables.cells import as_array, as_category, as_floats
from worker.recipe import Assets, OpenInput

_AT_ONCE = 65_536
_MOST_VALUES = 10_000  # of a column that answers are narrowed by
_MARKS = "|;"  # between the parts of a cell


@dataclass
class Catalogue:
    """ids: of items, in the order of their vectors. titles: the same, or their ids. tags: by column its values; of_item: by column
    (values int32, ends int64): those of item i are values[ends[i - 1] : ends[i]], numbers in tags. features: for recipes that
    learn from them.
    """

    ids: list[str]
    titles: list[str]
    tags: dict[str, list[str]] = field(default_factory=dict)
    of_item: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    features: Features | None = None

    def tags_of(self, item: int) -> list[str]:
        """The values of an item, of all columns."""
        found = []
        for column, (values, ends) in self.of_item.items():
            start = int(ends[item - 1]) if item else 0
            found += [self.tags[column][value] for value in values[start : int(ends[item])].tolist()]
        return found

    def having(self, column: str, values: Sequence[int]) -> np.ndarray:
        """bool (items,): those that have one of the values, numbers in tags."""
        all_values, ends = self.of_item[column]
        of = np.searchsorted(ends, np.arange(len(all_values)), side="right")
        found = np.zeros(len(self.ids), bool)
        found[of[np.isin(all_values, list(values))]] = True
        return found

    def json(self) -> dict[str, Any]:
        return {
            "tag_columns": list(self.tags), "titled": self.titles is not self.ids, "featured": self.features is not None,
        }  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        found = packed(self.ids, "item_ids")
        if self.titles is not self.ids:
            found |= packed(self.titles, "item_titles")
        for number, (column, names) in enumerate(self.tags.items()):
            found |= packed(names, f"tags{number}")
            found[f"tags{number}_values"], found[f"tags{number}_until"] = self.of_item[column]
        return found | (self.features.arrays() if self.features is not None else {})

    @classmethod
    def of(cls, assets: Assets) -> "Catalogue":
        arrays = assets.arrays
        ids = unpacked(arrays, "item_ids")
        made = cls(ids, unpacked(arrays, "item_titles") if assets["titled"] else ids)
        for number, column in enumerate(assets["tag_columns"]):
            made.tags[column] = unpacked(arrays, f"tags{number}")
            made.of_item[column] = (arrays[f"tags{number}_values"], arrays[f"tags{number}_until"])
        if assets.json.get("featured"):
            made.features = Features.of(arrays)
        return made


def read_catalogue(
    opened: OpenInput | None, params: Any, ids: list[str], context: Context, *, learnt_from: bool = False
) -> tuple[Catalogue, list[str]]:
    """Titles and values of the items that interactions are about, and notes. opened: the table of items, if one is given.

    learnt_from: also those of the table that nobody took, after the others; and features of all. Raises DatasetInvalid where no
    item of the interactions stands in it, and for numbers that are none.
    """
    if opened is None:
        return Catalogue(ids, ids), []
    found = _Reading(key_of(params, opened.dataset.report), params, ids, learnt_from)
    with open_table(opened.folder) as table:
        for start in range(0, table.num_rows, _AT_ONCE):
            context.check()
            stop = min(start + _AT_ONCE, table.num_rows)
            found.add(table.arrays(start, stop, found.columns), start)
    return found.made(context)


class _Reading:
    """One pass over the table of items."""

    def __init__(self, key: str, params: Any, ids: list[str], learnt_from: bool):
        self._key, self._params, self._learnt_from = key, params, learnt_from
        self._ids, self._titles = list(ids), list(ids)
        self._places = {name: place for place, name in enumerate(ids)}
        self._taken = len(ids)
        self._there: set[int] = set()
        self._untouched = 0
        self._texts: list[str] = params.item_texts if learnt_from else []
        self._numbers: list[str] = params.item_numbers if learnt_from else []
        self._cells: dict[str, dict[int, Any]] = {name: {} for name in dict.fromkeys([*params.item_tags, *self._texts])}
        self._values: dict[str, dict[int, float]] = {name: {} for name in self._numbers}
        self._wrong: dict[int, str] = {}
        named = (key, params.item_title, *self._cells, *self._numbers)
        self.columns = list(dict.fromkeys(name for name in named if name))

    def add(self, cells: Any, start: int) -> None:
        rows = {name: as_array(cells[name]).to_pylist() for name in self.columns if name not in self._numbers}
        keys = rows[self._key] if self._key in rows else as_array(cells[self._key]).to_pylist()
        wrong: dict[int, str] = {}
        numbers = {name: as_floats(name, cells[name], wrong) for name in self._numbers}
        self._wrong |= {start + row + 1: why for row, why in wrong.items()}
        title = self._params.item_title
        for number, value in enumerate(keys):
            place = None if value is None else self._place(as_id(value))
            if place is None:
                continue
            self._there.add(place)
            if title and rows[title][number] is not None:
                self._titles[place] = as_category(rows[title][number])
            for name, mine in self._cells.items():
                if rows[name][number] is not None:
                    mine[place] = as_category(rows[name][number])
            for name, found in numbers.items():
                self._values[name][place] = float(found[number])

    def _place(self, name: str) -> int | None:
        place = self._places.get(name)
        if place is None:
            self._untouched += 1
            if self._learnt_from and name:
                place = self._places[name] = len(self._ids)
                self._ids.append(name)
                self._titles.append(name)
        return place

    def made(self, context: Context) -> tuple[Catalogue, list[str]]:
        if self._wrong:
            problems = [
                Problem(field="inputs.items", message=why, line=row) for row, why in sorted(self._wrong.items())[:20]
            ]
            raise DatasetInvalid("; ".join(problem.message for problem in problems), problems=problems)
        if not any(place < self._taken for place in self._there):
            such = f"{self._params.item!r}, such as {self._ids[0]!r}"
            message = f"no item of {such}, stands in column {self._key!r} of the table of items"
            raise DatasetInvalid(message, problems=[Problem(field="params.item_key", message=message)])
        notes = []
        if self._untouched:
            what = "may be recommended by their columns" if self._learnt_from else "are never recommended"
            notes.append(
                f"{self._untouched:,} items of the table of items have no interaction that counts: they {what}"
            )
        if lacking := self._taken - sum(place < self._taken for place in self._there):
            notes.append(f"{lacking:,} items are not in the table of items: they go by their id")
        made = Catalogue(self._ids, self._titles if self._params.item_title else self._ids)
        for name in self._params.item_tags:
            made.tags[name], made.of_item[name] = _coded(name, self._cells[name], len(self._ids))
        if self._learnt_from:
            count = len(self._ids)
            texts = {name: [self._cells[name].get(place, "") for place in range(count)] for name in self._texts}
            numbers = {
                name: np.array([found.get(place, np.nan) for place in range(count)])
                for name, found in self._values.items()
            }
            made.features, more = features_of(Cells(texts, numbers), list(made.of_item.values()), count, context.check)
            notes += more
        return made, notes


def _coded(column: str, cells: dict[int, str], items: int) -> tuple[list[str], tuple[np.ndarray, np.ndarray]]:
    places: dict[str, int] = {}
    values: list[int] = []
    ends = np.zeros(items, np.int64)
    table = str.maketrans(_MARKS, _MARKS[0] * len(_MARKS))
    for item in range(items):
        parts = [part.strip() for part in cells.get(item, "").translate(table).split(_MARKS[0])]
        values += [places.setdefault(part, len(places)) for part in dict.fromkeys(parts) if part]
        ends[item] = len(values)
        if len(places) > _MOST_VALUES:
            message = f"column {column!r} of the table of items has more than {_MOST_VALUES:,} values: nothing to narrow answers by"
            raise DatasetInvalid(message, problems=[Problem(field="params.item_tags", message=message)])
    return list(places), (np.array(values, np.int32), ends)
