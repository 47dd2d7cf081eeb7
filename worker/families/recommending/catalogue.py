"""The tables of items and of people: what they are called, values that answers are narrowed by, what is learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shared.datasets.tables.reading import open_table
from shared.errors import DatasetInvalid, Problem
from shared.recipes.recommending import KEYS, key_of
from worker.context import Context
from worker.families.recommending.features import Cells, Coding, Features, features_of
from worker.families.recommending.names import as_id, packed, unpacked
from worker.families.tables.cells import as_array, as_category, as_floats
from worker.recipe import Assets, OpenInput

_AT_ONCE = 65_536
_MOST_VALUES = 10_000  # of a column that answers are narrowed by
_MARKS = "|;"  # between the parts of a cell
_AS_ONE = str.maketrans(_MARKS, _MARKS[0] * len(_MARKS))


@dataclass
class Catalogue:
    """ids: of items, in the order of their vectors. titles: the same, or their ids. tags: by column its values; of_item: by column
    (values int32, ends int64): those of item i are values[ends[i - 1] : ends[i]], numbers in tags. features: for recipes that
    learn from them. Where the table has been read, too: cells: what features were made of; coding: how; rows: int64 (items,), of
    each its row in the table, from 0 on, -1 for none.

    Of a table of people the same, with people for items.
    """

    ids: list[str]
    titles: list[str]
    tags: dict[str, list[str]] = field(default_factory=dict)
    of_item: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    features: Features | None = None
    coding: Coding | None = None
    cells: Cells | None = None
    rows: np.ndarray | None = None

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


@dataclass(frozen=True)
class Side:
    """What is read of the table of items, or of people. role: of which. same: what interactions call their ids. key: the column of
    ids; title, tags, texts, numbers, picture: others. learnt_from: its rows that no interaction is of are taken, too, after the
    others; and features of all. words: whether those of texts are features. forgotten: ids whose rows are passed over.
    """

    role: str
    same: str
    key: str
    title: str = ""
    tags: Sequence[str] = ()
    texts: Sequence[str] = ()
    numbers: Sequence[str] = ()
    learnt_from: bool = False
    picture: str = ""
    words: bool = True
    forgotten: frozenset[str] = frozenset()

    @classmethod
    def items(cls, params: Any, report: Any, *, learnt_from: bool = False, words: bool = True) -> "Side":
        """What is learnt from is of recipes alone that do."""
        key = key_of(params, "items", report)
        if not learnt_from:
            return cls("items", params.item, key, params.item_title, params.item_tags)
        return cls(
            "items", params.item, key, params.item_title, params.item_tags, params.item_texts, params.item_numbers,
            learnt_from=True, picture=params.item_picture, words=words,
        )  # fmt: skip

    @classmethod
    def people(cls, params: Any, report: Any) -> "Side":
        """What is learnt from is of recipes alone that do."""
        tags, texts, numbers = (list(getattr(params, f"user_{name}", ())) for name in ("tags", "texts", "numbers"))
        return cls(
            "people", params.user, key_of(params, "people", report), tags=tags, texts=texts, numbers=numbers,
            learnt_from=bool(tags or texts or numbers), forgotten=frozenset(as_id(name) for name in params.forget),
        )  # fmt: skip

    def said_of(self, untouched: int, lacking: int) -> list[str]:
        """Notes on so many rows that no interaction is of, and on so many ids without a row."""
        alone, without = _SAID[self.role, self.learnt_from]
        notes = []
        if untouched:
            notes.append(
                f"{untouched:,} {self.role} of the table of {self.role} have no interaction that counts: {alone}"
            )
        if lacking:
            notes.append(f"{lacking:,} {self.role} are not in the table of {self.role}: {without}")
        return notes


_SAID = {  # by role and whether its columns are learnt from: of rows that no interaction is of, of ids without a row
    ("items", True): ("they may be recommended by their columns", "they go by their id"),
    ("items", False): ("they are never recommended", "they go by their id"),
    ("people", True): ("they are recommended to by their columns", "they go by what they took alone"),
    ("people", False): ("nothing is measured on them", "as a group they are called missing"),
}
_ONE = {"items": "item", "people": "person"}


def read_catalogue(opened: OpenInput, side: Side, ids: list[str], context: Context) -> tuple[Catalogue, list[str]]:
    """What a table tells of those whom or what interactions are about, and notes. ids: of these, in order.

    Raises DatasetInvalid where none of them stands in it, and for numbers that are none.
    """
    found = _Reading(side, ids)
    with open_table(opened.folder) as table:
        for start in range(0, table.num_rows, _AT_ONCE):
            context.check()
            stop = min(start + _AT_ONCE, table.num_rows)
            found.add(table.arrays(start, stop, found.columns), start)
    return found.made(context)


class _Reading:
    """One pass over the table of items, or of people."""

    def __init__(self, side: Side, ids: list[str]):
        self._side = side
        self._ids, self._titles = list(ids), list(ids)
        self._places = {name: place for place, name in enumerate(ids)}
        self._taken = len(ids)
        self._rows = np.full(len(ids), -1, np.int64)
        self._more: list[int] = []  # rows of those that no interaction is of
        self._untouched = self._repeated = 0
        self._cells: dict[str, dict[int, Any]] = {
            name: {} for name in dict.fromkeys([*side.tags, *side.texts, side.picture]) if name
        }
        self._values: dict[str, dict[int, float]] = {name: {} for name in side.numbers}
        self._wrong: dict[int, str] = {}
        named = (side.key, side.title, *self._cells, *side.numbers)
        self.columns = list(dict.fromkeys(name for name in named if name))

    def add(self, cells: Any, start: int) -> None:
        rows = {name: as_array(cells[name]).to_pylist() for name in self.columns if name not in self._values}
        keys = rows[self._side.key] if self._side.key in rows else as_array(cells[self._side.key]).to_pylist()
        wrong: dict[int, str] = {}
        numbers = {name: as_floats(name, cells[name], wrong) for name in self._values}
        self._wrong |= {start + row + 1: why for row, why in wrong.items()}
        title = self._side.title
        for number, value in enumerate(keys):
            place = None if value is None else self._place(as_id(value), start + number)
            if place is None:
                continue
            if title and rows[title][number] is not None:
                self._titles[place] = as_category(rows[title][number])
            for name, mine in self._cells.items():
                if rows[name][number] is not None:
                    mine[place] = as_category(rows[name][number])
            for name, found in numbers.items():
                self._values[name][place] = float(found[number])

    def _place(self, name: str, row: int) -> int | None:
        """Where the row's cells belong, None for nowhere; the last of several rows is noted as its own."""
        place = self._places.get(name)
        if name in self._side.forgotten:
            return None
        if place is None:
            self._untouched += 1
            if not (self._side.learnt_from and name):
                return None
            place = self._places[name] = len(self._ids)
            self._ids.append(name)
            self._titles.append(name)
            self._more.append(row)
        elif place < self._taken:
            self._repeated += bool(self._rows[place] >= 0)
            self._rows[place] = row
        else:
            self._repeated += 1
            self._more[place - self._taken] = row
        return place

    def made(self, context: Context) -> tuple[Catalogue, list[str]]:
        side = self._side
        if self._wrong:
            problems = [
                Problem(field=f"inputs.{side.role}", message=why, line=row)
                for row, why in sorted(self._wrong.items())[:20]
            ]
            raise DatasetInvalid("; ".join(problem.message for problem in problems), problems=problems)
        if not (self._rows >= 0).any():
            who = f"no {_ONE[side.role]} of {side.same!r}, such as {self._ids[0]!r}"
            message = f"{who}, stands in column {side.key!r} of the table of {side.role}"
            raise DatasetInvalid(message, problems=[Problem(field=f"params.{KEYS[side.role][0]}", message=message)])
        notes = side.said_of(self._untouched, int((self._rows < 0).sum()))
        if self._repeated:
            notes.append(
                f"{self._repeated:,} rows of the table of {side.role} have an id that stood there before: what is said last counts"
            )
        made = Catalogue(self._ids, self._titles if side.title else self._ids)
        made.rows = np.concatenate([self._rows, np.array(self._more, np.int64)])
        for name in side.tags:
            made.tags[name], made.of_item[name] = _coded(name, self._cells[name], len(self._ids), side.role)
        if side.learnt_from:
            count = len(self._ids)
            texts = {name: self._column(name) for name in side.texts}
            numbers = {
                name: np.array([found.get(place, np.nan) for place in range(count)])
                for name, found in self._values.items()
            }
            made.cells = Cells(texts, numbers, self._column(side.picture))
            told = made.cells if side.words else Cells({}, numbers)
            made.features, made.coding, more = features_of(
                told, list(made.of_item.values()), count, context.check, side.role
            )
            notes += more
        return made, notes

    def _column(self, name: str) -> list[str]:
        """The cell of each, "" where there is none."""
        cells = self._cells.get(name, {})
        return [cells.get(place, "") for place in range(len(self._ids))]


def _coded(
    column: str, cells: dict[int, str], count: int, role: str
) -> tuple[list[str], tuple[np.ndarray, np.ndarray]]:
    places: dict[str, int] = {}
    values: list[int] = []
    ends = np.zeros(count, np.int64)
    for item in range(count):
        values += [places.setdefault(part, len(places)) for part in parts_of(cells.get(item, ""))]
        ends[item] = len(values)
        if len(places) > _MOST_VALUES:
            what = "nothing to narrow answers by" if role == "items" else "nothing that people have in common"
            message = f"column {column!r} of the table of {role} has more than {_MOST_VALUES:,} values: {what}"
            field = {"items": "item_tags", "people": "user_tags"}[role]
            raise DatasetInvalid(message, problems=[Problem(field=f"params.{field}", message=message)])
    return list(places), (np.array(values, np.int32), ends)


def parts_of(cell: str) -> list[str]:
    """The values of a cell such as Action|Comedy."""
    parts = (part.strip() for part in cell.translate(_AS_ONE).split(_MARKS[0]))
    return list(dict.fromkeys(part for part in parts if part))
