"""What a recommender knows besides its vectors: people and items by id and title, who has what, what answers are narrowed by."""

import difflib
from collections.abc import Sequence

import numpy as np

from shared.errors import RecipeFailed, cut
from worker.families.evaluation.ranking import Taken
from worker.families.recommending.catalogue import Catalogue
from worker.families.recommending.names import as_id, unpacked
from worker.families.recommending.people import Described
from worker.recipe import Assets

CODE = "not_known"
_MOST_COMPARED = 50_000  # names that a wrong one is compared with
_TOLD = 10
_SUCH = 3  # items named where none of a list is known


class Known:
    """Made of assets. goal: "ratings" or "ranking". columns: names of user, item, value, time in the training's table.

    values: float32, of taken.items, ratings only. liked_value: the value that counts as liked, of a newcomer's list. described:
    what was learnt of people's columns, None for nothing.
    """

    def __init__(self, assets: Assets):
        arrays = assets.arrays
        self.goal: str = assets["goal"]
        self.columns: dict[str, str] = assets["columns"]
        self.user_ids = unpacked(arrays, "user_ids")
        self.catalogue = Catalogue.of(assets)
        self.taken = Taken(arrays["taken_items"], arrays["taken_starts"])
        self.values = arrays.get("taken_values")
        self.liked_value = liked_value(assets)
        self.popularity = arrays["popularity"]
        self.described = Described.of(assets)
        self._people = {name: place for place, name in enumerate(self.user_ids)}
        self._items = {name: place for place, name in enumerate(self.catalogue.ids)}
        self._titles: dict[str, int] = {}
        for place, title in enumerate(self.catalogue.titles):
            self._titles.setdefault(title.casefold(), place)

    def person(self, name: str) -> int | None:
        return self._people.get(as_id(name))

    def item(self, name: str) -> int | None:
        """By id, else by title."""
        place = self._items.get(as_id(name))
        return self._titles.get(name.strip().casefold()) if place is None else place

    def history(self, person: int) -> tuple[np.ndarray, np.ndarray | None]:
        """(items, their values) of somebody who is known."""
        span = slice(int(self.taken.starts[person]), int(self.taken.starts[person + 1]))
        return self.taken.items[span], None if self.values is None else self.values[span]

    def people_wrong(self, name: str) -> str:
        return f"there is no {self.columns['user']} {cut(name, 60)!r}{_near(name, self.user_ids)}"

    def items_of(self, names: Sequence[str], field: str) -> tuple[list[int], list[str]]:
        """(places, what is wrong with each name that is none)."""
        places, wrong = [], []
        for name in dict.fromkeys(names):
            place = self.item(name)
            if place is None:
                titled = [] if self.catalogue.titles is self.catalogue.ids else self.catalogue.titles
                wrong.append(
                    f"{field}: no item {cut(name, 60)!r}{_near(name, titled) or _near(name, self.catalogue.ids)}"
                )
            else:
                places.append(place)
        return places, wrong

    def such_items(self) -> str:
        """What would be right, with the items taken most."""
        common = np.argsort(-self.popularity, kind="stable")[:_SUCH]
        names = ", ".join(repr(self.catalogue.titles[place]) for place in common.tolist())
        return f"wanted are ids or titles of items of the training's tables, such as {names}"

    def narrowed(self, only: Sequence[str]) -> tuple[np.ndarray | None, list[str]]:
        """(bool (items,), those that fit; None for all; what is wrong). only: such as "genres=Comedy"."""
        tags, wrong = self.catalogue.tags, []
        wanted: dict[str, list[int]] = {}
        for one in only:
            column, mark, value = (part.strip() for part in one.partition("="))
            if not mark:
                wrong.append(f"only: {cut(one, 60)!r} is no column=value")
            elif column not in tags:
                there = f"; there are {', '.join(tags)}" if tags else ": train with params.item_tags to have some"
                wrong.append(f"only: answers cannot be narrowed by {cut(column, 60)!r}{there}")
            else:
                place = {name.casefold(): number for number, name in enumerate(tags[column])}.get(value.casefold())
                if place is None:
                    wrong.append(f"only: {column} is nowhere {cut(value, 60)!r}{_near(value, tags[column])}")
                else:
                    wanted.setdefault(column, []).append(place)
        if not wanted:
            return None, wrong
        return np.logical_and.reduce(
            [self.catalogue.having(column, values) for column, values in wanted.items()]
        ), wrong


def liked_value(assets: Assets) -> float:
    """What an item of a newcomer's list is taken to be rated: as good as the best tenth of all values."""
    values = assets.arrays.get("taken_values")
    return 0.0 if values is None else float(np.quantile(values, 0.9))


def refuse(wrong: Sequence[str]) -> None:
    """Raise RecipeFailed with everything that is wrong with a question, if anything is."""
    if wrong:
        more = f"; and {len(wrong) - _TOLD:,} more" if len(wrong) > _TOLD else ""
        raise RecipeFailed("; ".join(wrong[:_TOLD]) + more, code=CODE)


def _near(name: str, names: Sequence[str]) -> str:
    if len(names) > _MOST_COMPARED:
        return ""
    folded = {other.casefold(): other for other in names}
    near = difflib.get_close_matches(name.strip().casefold(), folded, 1)
    return f" (is {folded[near[0]]!r} meant?)" if near else ""
