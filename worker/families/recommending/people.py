"""The table of people: who is of which group of a column, and what columns of their own tell of them, newcomers too."""

import difflib
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from shared.errors import cut
from shared.outputs import Output
from worker.context import Context
from worker.families.evaluation.groups import Figure, compare_groups
from worker.families.recommending.catalogue import Catalogue, Side, parts_of, read_catalogue
from worker.families.recommending.features import Coding, Features, counted_words
from worker.families.recommending.names import packed, unpacked
from worker.recipe import Assets, OpenInput

_PREFIX = "people_"


@dataclass(frozen=True)
class Described:
    """What is learnt from of people's columns. texts, numbers: names of columns. tags: by column its values. coding: of all."""

    texts: Sequence[str]
    tags: dict[str, list[str]]
    numbers: Sequence[str]
    coding: Coding

    @property
    def columns(self) -> list[str]:
        return [*self.texts, *self.tags, *self.numbers]

    def json(self) -> dict[str, Any]:
        """values: a digest of all words and values in their order."""
        values = json.dumps([list(self.coding.words), list(self.tags.values())]).encode()
        return {
            "texts": list(self.texts), "tags": list(self.tags), "numbers": list(self.numbers),
            "values": hashlib.sha256(values).hexdigest()[:32],
        }  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        found = self.coding.arrays(_PREFIX)
        for number, names in enumerate(self.tags.values()):
            found |= packed(names, f"{_PREFIX}tags{number}")
        return found

    @classmethod
    def of(cls, assets: Assets) -> "Described | None":
        """None of a model that has learnt nothing of people's columns."""
        if (about := assets.json.get("people_columns")) is None:
            return None
        tags = {name: unpacked(assets.arrays, f"{_PREFIX}tags{number}") for number, name in enumerate(about["tags"])}
        return cls(about["texts"], tags, about["numbers"], Coding.of(assets.arrays, _PREFIX))

    def features(self, cells: dict[str, str]) -> tuple[Features, list[str]]:
        """Features of one row, float32 and int32 (1, ...), from its cells by column, and what in them the table has nowhere.

        Raises ValueError for a number that is none.
        """
        unknown, values = [], []
        for column, names in self.tags.items():
            places = {name.casefold(): place for place, name in enumerate(names)}
            parts = parts_of(cells.get(column, ""))
            unknown += [f"{column} {cut(part, 60)!r}" for part in parts if part.casefold() not in places]
            values.append(np.array([places[p.casefold()] for p in parts if p.casefold() in places], np.int64))
        numbers = []
        for column in self.numbers:
            cell = cells.get(column, "").strip()
            try:
                number = float(cell) if cell else None
            except ValueError:
                number = math.inf
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{column}: {cut(cell, 60)!r} is no number")
            numbers.append(np.array([np.nan if number is None else number]))
        row = self.coding.parts([counted_words(cells.get(column, "")) for column in self.texts], values)
        return self.coding.features([row], numbers)[0], unknown

    def typed(self, about: Sequence[str]) -> tuple[Features | None, list[str], list[str]]:
        """(features of what is said as column=value, what is unknown in it, what is wrong with it)."""
        cells: dict[str, str] = {}
        wrong = []
        for one in about:
            column, mark, value = (part.strip() for part in one.partition("="))
            if not mark:
                wrong.append(f"about: {cut(one, 60)!r} is no column=value")
            elif column not in self.columns:
                near = difflib.get_close_matches(column, self.columns, 1)
                told = f"is {near[0]!r} meant?" if near else f"there are {', '.join(self.columns):.300}"
                wrong.append(f"about: {cut(column, 60)!r} is no column that was learnt from ({told})")
            elif not value:
                wrong.append(f"about: {column!r} has no value")
            else:
                cells[column] = f"{cells[column]}|{value}" if column in cells else value
        if wrong:
            return None, [], wrong
        try:
            found, unknown = self.features(cells)
        except ValueError as err:
            return None, [], [f"about: {err}"]
        return found, unknown, []


@dataclass(frozen=True)
class People:
    """opened: the table. catalogue: what it tells of each, in the order of the interactions' people; where described is set those
    that no interaction is of come after them.
    """

    opened: OpenInput
    catalogue: Catalogue
    described: Described | None = None

    def json(self) -> dict[str, Any]:
        return {"people_columns": self.described.json()} if self.described is not None else {}

    def arrays(self) -> dict[str, np.ndarray]:
        if self.described is None or self.catalogue.features is None:
            return {}
        return self.described.arrays() | self.catalogue.features.arrays(_PREFIX)

    def compare(
        self, people: np.ndarray, figures: Sequence[Figure], part: str, params: Any, context: Context
    ) -> tuple[dict[str, float], list[Output]]:
        """(metrics, outputs) of the groups that params.groups makes of people, int (n,), each with its figures."""
        rows = self.catalogue.rows
        assert rows is not None
        return compare_groups(
            self.opened.folder, params.groups, rows[people], figures, part, params.seed, context, of="people"
        )


def features_of_people(assets: Assets) -> Features | None:
    """What the network is made with, None of one that learns nothing of people's columns."""
    described = Described.of(assets)
    if described is None:
        return None
    return replace(Features.of(assets.arrays, _PREFIX), kinds=described.coding.kinds)


def read_people(
    opened: OpenInput | None, params: Any, ids: list[str], context: Context
) -> tuple[People | None, list[str]]:
    """The table of people, if one is given, and notes. ids: of the interactions. Raises DatasetInvalid as read_catalogue()."""
    if opened is None:
        return None, []
    side = Side.people(params, opened.dataset.report)
    found, notes = read_catalogue(opened, side, ids, context)
    if found.coding is not None:
        return People(opened, found, Described(side.texts, found.tags, side.numbers, found.coding)), notes
    if not params.groups:
        notes.append("the table of people changes nothing: name a column of it in params.groups")
    return People(opened, found), notes
