"""Batches of what people took one after the other, for networks that tell the next item from those before it.

A person's items of the training part, by time, are cut into histories of so many: at each place the items up to it are known, and
the next one is wanted. Nothing later is looked at.
"""

from typing import Any

import numpy as np

from worker.families.evaluation.ranking import Taken
from worker.families.recommending.data import InteractionData
from worker.recipe import Assets

NOTHING = -1  # where a history has no more items


class HistoryData(InteractionData):
    """Batches are (int32 (batch, length + 1 + drawn): items one after the other, items drawn; float32 (batch, 1): zeros).

    Where people have columns that are learnt from, rows end with the place of a person.

    An epoch goes over every row of the training part but the first of each person once, as what is wanted.
    """

    def units(self) -> np.ndarray:
        """int64 (histories, 2): places in the training part, from and up to."""
        length, starts = self.params.length, self.known_starts
        found = []
        for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            found += [(place, min(place + length + 1, end)) for place in range(begin, end - 1, length)]
        return np.array(found, np.int64).reshape(-1, 2)

    @property
    def known_starts(self) -> np.ndarray:
        """int64 (users + 1,): where each person's rows of the training part begin."""
        counts = np.bincount(self.found.users[self.rows["train"]], minlength=self.users)
        return np.concatenate([[0], np.cumsum(counts)])

    @property
    def row_width(self) -> int:
        return self.params.length + 1 + self.drawn + self.with_person

    @property
    def with_person(self) -> bool:
        return self.table_of_people is not None and self.table_of_people.described is not None

    def read(self, step: int, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        places = units[:, :1] + np.arange(self.params.length + 1)
        there = places < units[:, 1:]
        items = self.found.items[self.rows["train"][np.where(there, places, 0)]]
        drawn = np.random.default_rng([self.params.seed, 5, step]).integers(self.items, size=(len(units), self.drawn))
        parts = [np.where(there, items, NOTHING), drawn]
        if self.with_person:
            parts.append(self.found.users[self.rows["train"][units[:, :1]]])
        rows = np.concatenate(parts, 1).astype(np.int32)
        return rows, np.zeros((len(units), 1), np.float32)


def wanted_of_each(assets: Assets, length: int) -> float:
    """How many items are wanted in a history of the training part, in the mean."""
    after = np.maximum(assets.arrays["people"] - 1, 0)
    return float(after.sum() / max(1, (-(-after // length)).sum()))


def learnt_histories(assets: Assets) -> Taken:
    """What people took in the training part, by time: what a person is told by while a model is measured."""
    arrays = assets.arrays
    learnt, starts = arrays["learnt"], arrays["taken_starts"]
    ends = np.concatenate([[0], np.cumsum(learnt)])
    return Taken(arrays["taken_items"][learnt], ends[starts].astype(np.int64))


def whole_histories(assets: Assets) -> Taken:
    """All that people took, by time: what a person is told by when a model is used."""
    return Taken(assets.arrays["taken_items"], assets.arrays["taken_starts"])


def padded(histories: list[np.ndarray], length: int) -> tuple[np.ndarray, np.ndarray]:
    """(int32 (n, length): the last so many items of each, -1 behind them; int32 (n,): how many)."""
    rows, counts = np.full((len(histories), length), NOTHING, np.int32), np.zeros(len(histories), np.int32)
    for row, items in enumerate(histories):
        last: Any = items[-length:]
        rows[row, : len(last)], counts[row] = last, len(last)
    return rows, counts
