"""The table of items: what they are called, and the values that answers are narrowed by."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shared.datasets.tables.reading import open_table
from shared.errors import DatasetInvalid, Problem
from shared.recipes.recommending import key_of
from worker.context import Context
from worker.families.recommending.names import as_id, packed, unpacked
from worker.families.tables.cells import as_array, as_category
from worker.recipe import Assets, OpenInput

_AT_ONCE = 65_536
_MOST_VALUES = 10_000  # of a column that answers are narrowed by
_MARKS = "|;"  # between the parts of a cell


@dataclass
class Catalogue:
    """ids: of items, in the order of their vectors. titles: the same, or their ids. tags: by column its values; of_item: by column
    (values int32, ends int64): those of item i are values[ends[i - 1] : ends[i]], numbers in tags.
    """

    ids: list[str]
    titles: list[str]
    tags: dict[str, list[str]] = field(default_factory=dict)
    of_item: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

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
        return {"tag_columns": list(self.tags), "titled": self.titles is not self.ids}

    def arrays(self) -> dict[str, np.ndarray]:
        found = packed(self.ids, "item_ids")
        if self.titles is not self.ids:
            found |= packed(self.titles, "item_titles")
        for number, (column, names) in enumerate(self.tags.items()):
            found |= packed(names, f"tags{number}")
            found[f"tags{number}_values"], found[f"tags{number}_until"] = self.of_item[column]
        return found

    @classmethod
    def of(cls, assets: Assets) -> "Catalogue":
        arrays = assets.arrays
        ids = unpacked(arrays, "item_ids")
        made = cls(ids, unpacked(arrays, "item_titles") if assets["titled"] else ids)
        for number, column in enumerate(assets["tag_columns"]):
            made.tags[column] = unpacked(arrays, f"tags{number}")
            made.of_item[column] = (arrays[f"tags{number}_values"], arrays[f"tags{number}_until"])
        return made


def read_catalogue(
    opened: OpenInput | None, params: Any, ids: list[str], context: Context
) -> tuple[Catalogue, list[str]]:
    """Titles and values of the items that interactions are about, and notes. opened: the table of items, if one is given.

    Raises DatasetInvalid where no item of the interactions stands in it.
    """
    if opened is None:
        return Catalogue(ids, ids), []
    key = key_of(params, opened.dataset.report)
    wanted = {name: place for place, name in enumerate(ids)}
    titles: list[str] = list(ids)
    cells: dict[str, dict[int, str]] = {name: {} for name in params.item_tags}
    there, untouched = np.zeros(len(ids), bool), 0
    with open_table(opened.folder) as table:
        columns = list(dict.fromkeys(name for name in (key, params.item_title, *params.item_tags) if name))
        for start in range(0, table.num_rows, _AT_ONCE):
            context.check()
            stop = min(start + _AT_ONCE, table.num_rows)
            rows = {name: as_array(array).to_pylist() for name, array in table.arrays(start, stop, columns).items()}
            for number, value in enumerate(rows[key]):
                place = None if value is None else wanted.get(as_id(value))
                if place is None:
                    untouched += value is not None
                    continue
                there[place] = True
                if params.item_title and rows[params.item_title][number] is not None:
                    titles[place] = as_category(rows[params.item_title][number])
                for name in params.item_tags:
                    if rows[name][number] is not None:
                        cells[name][place] = as_category(rows[name][number])
    if not there.any():
        message = f"no item of {params.item!r}, such as {ids[0]!r}, stands in column {key!r} of the table of items"
        raise DatasetInvalid(message, problems=[Problem(field="params.item_key", message=message)])
    notes = []
    if untouched:
        notes.append(
            f"{untouched:,} items of the table of items have no interaction that counts: they are never recommended"
        )
    if lacking := int((~there).sum()):
        notes.append(f"{lacking:,} items are not in the table of items: they go by their id")
    made = Catalogue(ids, titles if params.item_title else ids)
    for name, mine in cells.items():
        made.tags[name], made.of_item[name] = _coded(name, mine, len(ids))
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
