"""Interactions cleaned by rule: values outside their scale, repeated pairs, robots, people and items of too few."""

from dataclasses import replace
from typing import Any

import numpy as np

from shared.errors import DatasetInvalid, Problem
from worker.families.recommending.interactions import Interactions
from worker.families.recommending.names import as_id

_NAMED = 20


def clean(found: Interactions, params: Any, goal: str) -> tuple[Interactions, list[str]]:
    """Those that are learnt from, by person and time, their people and items numbered anew; and what was left out.

    Raises DatasetInvalid for values outside the scale, and where nothing is left.
    """
    notes = [f"{count:,} rows {why} are left out" for why, count in found.left.items()]
    if found.mended:
        notes.append(f"{found.mended:,} ids such as 12.0 are read as 12")
    found = _forgotten(found, params.forget, notes)
    found = _on_scale(found, params, notes)
    if goal == "ranking" and params.value:
        found = _kept(found, found.values >= params.least_value, f"rows of a value below {params.least_value:g}", notes)
    found = _once(found, params.repeated, notes)
    if params.most_per_user:
        counts = np.bincount(found.users, minlength=1)
        many = counts > params.most_per_user
        what = f"rows of {int(many.sum()):,} people with more than {params.most_per_user:,} items"
        found = _kept(found, ~many[found.users], what, notes)
    found = _enough(found, params.least_per_user, params.least_per_item, notes)
    if not len(found):
        raise DatasetInvalid(f"no interaction is left to learn from ({'; '.join(notes) or 'the table has none'})")
    return _numbered(found), notes


def _kept(found: Interactions, good: np.ndarray, what: str, notes: list[str]) -> Interactions:
    if left := len(found) - int(good.sum()):
        notes.append(f"{left:,} {what} are left out")
        return found.take(good)
    return found


def _forgotten(found: Interactions, people: list[str], notes: list[str]) -> Interactions:
    if not people:
        return found
    wanted = {as_id(name) for name in people}
    gone = np.array([name in wanted for name in found.user_ids])
    notes.append(f"{int(gone.sum()):,} of {len(wanted):,} people to forget are in the table: their rows are left out")
    return found.take(~gone[found.users])


def _on_scale(found: Interactions, params: Any, notes: list[str]) -> Interactions:
    if not params.scale or not params.value:
        return found
    low, high = params.scale
    outside = (found.values < low) | (found.values > high)
    if outside.any() and params.outside_scale == "refuse":
        rows = np.flatnonzero(outside)
        named = [
            Problem(
                field="inputs.data", message=f"{params.value} is {found.values[row]:g}, outside {low:g} to {high:g}",
                line=int(found.rows[row]),
            )
            for row in rows[:_NAMED]
        ]  # fmt: skip
        shown = ", ".join(f"{found.values[row]:g} in row {found.rows[row]:,}" for row in rows[:5])
        raise DatasetInvalid(
            f"{len(rows):,} values of {params.value!r} are outside {low:g} to {high:g}: {shown}; mend the scale, or set "
            "params.outside_scale to leave_out",
            problems=named,
        )
    return _kept(found, ~outside, f"rows of a value outside {low:g} to {high:g}", notes)


def _once(found: Interactions, repeated: str, notes: list[str]) -> Interactions:
    """Each pair of person and item once."""
    order = np.lexsort((found.rows, found.times, found.items, found.users))
    found = found.take(order)
    first = np.ones(len(found), bool)
    first[1:] = (found.users[1:] != found.users[:-1]) | (found.items[1:] != found.items[:-1])
    if first.all():
        return found
    notes.append(f"{int((~first).sum()):,} rows repeat a person's item: {_SAID[repeated]}")
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], len(found)) - 1
    stands = found.take(starts if repeated == "first" else ends)
    if repeated in ("mean", "sum"):
        sums = np.add.reduceat(found.values.astype(np.float64), starts)
        values = sums / (ends - starts + 1) if repeated == "mean" else sums
        stands = replace(stands, values=values.astype(np.float32))
    return stands


_SAID = {
    "last": "the last counts", "first": "the first counts", "mean": "their mean counts", "sum": "their sum counts",
}  # fmt: skip


def _enough(found: Interactions, per_user: int, per_item: int, notes: list[str]) -> Interactions:
    """Until every person and item that is left has enough of them."""
    before = found
    while len(found):
        users, items = np.bincount(found.users), np.bincount(found.items)
        good = (users[found.users] >= per_user) & (items[found.items] >= per_item)
        if good.all():
            break
        found = found.take(good)
    if left := len(before) - len(found):
        lost = [
            len(np.unique(getattr(before, name))) - len(np.unique(getattr(found, name))) for name in ("users", "items")
        ]
        notes.append(
            f"{left:,} rows of {lost[0]:,} people with fewer than {per_user} items and {lost[1]:,} items of fewer than {per_item} "
            "people are left out"
        )
    return found


def _numbered(found: Interactions) -> Interactions:
    """By person, time and row; people and items numbered without gaps, in the order of the table's ids."""
    users, user_codes = np.unique(found.users, return_inverse=True)
    items, item_codes = np.unique(found.items, return_inverse=True)
    order = np.lexsort((found.rows, found.times, user_codes))
    numbered = replace(
        found,
        users=user_codes.astype(np.int32),
        items=item_codes.astype(np.int32),
        user_ids=[found.user_ids[code] for code in users.tolist()],
        item_ids=[found.item_ids[code] for code in items.tolist()],
    )
    return numbered.take(order)
