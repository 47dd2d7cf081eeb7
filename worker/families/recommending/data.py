"""Makes interactions ready for a training: cleaned, split, turned into batches by seed and step."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from shared.errors import DatasetInvalid, Problem
from shared.recipes.recommending import KEYS, check, columns_of, goal_of, split_of
from worker.context import Context
from worker.families.evaluation.ranking import taken_of
from worker.families.recommending.catalogue import Catalogue, Side, read_catalogue
from worker.families.recommending.cleaning import clean
from worker.families.recommending.interactions import Interactions, read_interactions
from worker.families.recommending.item_vectors import add_vectors
from worker.families.recommending.names import packed
from worker.families.recommending.people import People, read_people
from worker.families.recommending.splitting import (
    NEW,
    TEST,
    TRAIN,
    UNHEARD,
    VAL,
    fold_parts,
    new_items,
    split_interactions,
    unheard_people,
)
from worker.recipe import Assets, Data, Inputs, Lazily

AUTO_STEPS, AUTO_EPOCHS = 6_000, (3, 40)  # guesses
STEPS_AN_EPOCH = 16  # at least, where there are rows enough for batches of 8
MOST_EVALUATIONS = 40
MOST_ORDERED = 2_000_000  # rows whose order of an epoch is held in memory; of more they are drawn
SHOWN = 3  # people kept to show answers for while it trains
_NAMES = {TRAIN: "train", VAL: "val", TEST: "test", NEW: "new", UNHEARD: "unheard"}
_ALWAYS = ("train", "val", "test")  # parts that are told of though they are empty


class InteractionData(Data):
    """Batches are (int32 (batch, 2 + drawn): a person, an item, items drawn; float32 (batch, 1): the standardised value).

    Subclasses make others: an epoch goes over units(), row_width numbers are made of each by read().

    goal: "ratings" or "ranking". found: all interactions. parts: int8 (n,), of each. rows: places of each part. users, items:
    how many there are. popularity: int64 (items,), people of each in the training part. mean, std: of the training part's
    values.
    """

    def __init__(
        self,
        found: Interactions,
        catalogue: Catalogue,
        parts: np.ndarray,
        params: Any,
        drawn: int,
        people: People | None = None,
        fold: bool = False,
    ):
        self.found, self.catalogue, self.parts, self.params, self.is_fold = found, catalogue, parts, params, fold
        self.table_of_people = people
        self.goal, self.drawn = goal_of(params), drawn
        self.user_ids = found.user_ids if people is None or people.described is None else people.catalogue.ids
        self.users, self.items = len(self.user_ids), len(catalogue.ids)
        self.rows = {name: np.flatnonzero(parts == part) for part, name in _NAMES.items()}
        self.split = {name: len(rows) for name, rows in self.rows.items() if name in _ALWAYS or len(rows)}
        self.notes: list[str] = []
        train = self.rows["train"]
        self.popularity = np.bincount(found.items[train], minlength=self.items)
        values = found.values[train].astype(np.float64)
        self.mean, self.std = (
            (float(values.mean()), float(values.std()) or 1.0) if self.goal == "ratings" else (0.0, 1.0)
        )
        self._units = self.units()
        size = len(self._units)
        self.batch_size = max(1, min(params.batch_size, max(size // STEPS_AN_EPOCH, min(size, 8))))
        self.steps_per_epoch = max(1, size // self.batch_size)
        low, high = AUTO_EPOCHS
        epochs = params.epochs or min(max(round(AUTO_STEPS / self.steps_per_epoch), low), high)
        self.total_steps = epochs * self.steps_per_epoch
        self.eval_every = self.steps_per_epoch * -(-epochs // MOST_EVALUATIONS)
        self.known = taken_of(found.users[train], found.items[train], self.users)
        self._keys = np.zeros(0, np.int64)  # pairs of person and item of the training part as one number, for bpr
        if drawn and getattr(params, "loss", "") == "bpr":
            self._keys = np.sort(found.users[train].astype(np.int64) * self.items + found.items[train])
        self.assets = self._assets()

    def _assets(self) -> Assets:
        found, every = self.found, taken_of(self.found.users, self.found.items, self.users)
        arrays = {
            **packed(self.user_ids, "user_ids"),
            **self.catalogue.arrays(),
            "taken_items": every.items,
            "taken_starts": every.starts,
            "popularity": self.popularity.astype(np.int64),
            "people": self.known.counts.astype(np.int64),
            "scale": np.array([self.mean, self.std, *self._ends()], np.float64),
            "learnt": self.parts == TRAIN,  # of what is taken
        }
        if self.goal == "ratings":
            arrays["taken_values"] = found.values  # by person already
        names = {name: getattr(self.params, name) for name in ("user", "item", "value", "time")}
        shown = np.random.default_rng([self.params.seed, 6]).permutation(np.flatnonzero(self.known.counts))[:SHOWN]
        json = {
            "goal": self.goal, "columns": names, "batch_size": self.batch_size, "shown": [int(user) for user in np.sort(shown)],
            **self.catalogue.json(),
        }  # fmt: skip
        if self.table_of_people is not None:
            json, arrays = json | self.table_of_people.json(), arrays | self.table_of_people.arrays()
        return Assets(json, arrays)

    def _ends(self) -> tuple[float, float]:
        """The scale of values."""
        if self.params.scale:
            return self.params.scale[0], self.params.scale[1]
        return float(self.found.values.min()), float(self.found.values.max())

    def units(self) -> np.ndarray:
        """int (n, ...): what an epoch goes over, here rows of the training part."""
        return self.rows["train"]

    @property
    def row_width(self) -> int:
        return 2 + self.drawn

    def read(self, step: int, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(int32 (batch, row_width), float32 (batch, 1)), by the seed and the step."""
        users, items = self.found.users[units], self.found.items[units]
        drawn = self._others(step, users, items)
        values = ((self.found.values[units] - self.mean) / self.std).astype(np.float32)
        return np.concatenate([users[:, None], items[:, None], drawn], 1), values[:, None]

    def train(self, start_step: int) -> tf.data.Dataset:
        batch, steps, units = self.batch_size, self.steps_per_epoch, self._units
        kept: dict[int, np.ndarray] = {}  # the order of the epoch that is read

        def numbers(step: int) -> np.ndarray:
            epoch, place = divmod(step, steps)
            if len(units) > MOST_ORDERED:
                return units[np.random.default_rng([self.params.seed, 4, step]).integers(len(units), size=batch)]
            if epoch not in kept:
                kept.clear()
                kept[epoch] = np.random.default_rng([self.params.seed, 3, epoch]).permutation(units)
            return kept[epoch][place * batch : (place + 1) * batch]

        def read(step: np.int64) -> list[np.ndarray]:
            return list(self.read(int(step), numbers(int(step))))

        @tf.autograph.experimental.do_not_convert
        def make(step: Any) -> Any:
            x, y = tf.numpy_function(read, [step], [tf.int32, tf.float32])
            return tf.ensure_shape(x, (batch, self.row_width)), tf.ensure_shape(y, (batch, 1))

        return tf.data.Dataset.range(start_step, self.total_steps).map(make).prefetch(4)

    def _others(self, step: int, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """int32 (batch, drawn): items drawn alike; where a person has one, the row's own stands, which counts nowhere."""
        rng = np.random.default_rng([self.params.seed, 5, step])
        drawn = rng.integers(self.items, size=(len(users), self.drawn)).astype(np.int32)
        if len(self._keys):
            keys = users[:, None].astype(np.int64) * self.items + drawn
            places = np.searchsorted(self._keys, keys)
            has = self._keys[np.minimum(places, len(self._keys) - 1)] == keys
            drawn = np.where(has, items[:, None], drawn)
        return drawn

    def validation(self) -> None:
        return None  # evaluate() of the recipe does it


def load_interactions(
    inputs: Inputs,
    params: Any,
    context: Context,
    drawn: int,
    *,
    kind: type[InteractionData] | None = None,
    learnt_from: bool = False,
) -> Any:
    """Read, clean and split. drawn: items drawn for each row of a ranking. Raises DatasetInvalid with every problem found.

    kind: of data that is made. learnt_from: of the table of items too, as read_catalogue() has it.
    """
    problems = check(params, {role: opened.dataset for role, opened in inputs.items() if opened.dataset is not None})
    for role in ("data", *KEYS):
        for field in columns_of(params, role):
            named = getattr(params, field)
            problems += [
                Problem(field=f"params.{field}", message=f"there is no column {name!r}")
                for name in ([named] if isinstance(named, str) else named)
                if role in inputs and inputs[role].dataset.report.column(name) is None
            ]
    if problems:
        raise DatasetInvalid("; ".join(problem.message for problem in problems), problems=problems)
    goal = goal_of(params)
    found, notes = clean(read_interactions(inputs["data"], params, context), params, goal)
    context.check()
    catalogue, more = Catalogue(found.item_ids, found.item_ids), list[str]()
    if (items := inputs.get("items")) is not None:
        words = "base" not in inputs or params.words
        side = Side.items(params, items.dataset.report, learnt_from=learnt_from, words=words)
        catalogue, more = read_catalogue(items, side, found.item_ids, context)
        more += add_vectors(catalogue, inputs, params, context)
    people, told = read_people(inputs.get("people"), params, found.user_ids, context)
    how = split_of(params)
    new = new_items(found, getattr(params, "new_items", 0.0), params.seed)
    learnt = ~new
    parts = np.full(len(found), NEW, np.int8)
    if people is not None and people.described is not None:
        unheard = unheard_people(found, params.new_people, params.seed)
        parts[unheard], learnt = UNHEARD, learnt & ~unheard
    parts[learnt], said = split_interactions(
        found.take(learnt), how, params.validation_fraction, params.test_fraction, params.seed
    )
    data = (kind or InteractionData)(found, catalogue, parts, params, drawn if goal == "ranking" else 0, people)
    data.notes += [_told(data, how), *notes, *more, *told, *said, *_cold(data)]
    _refuse(data)
    return data


def _told(data: InteractionData, how: str) -> str:
    what = f"values of {data.params.value!r}" if data.goal == "ratings" else "what is taken next"
    by = {"time": "by time", "last": "each person's last", "random": "at random"}[how]
    people = len(data.found.user_ids)
    density = len(data.found) / (people * data.items)
    return (
        f"predicts {what}: {len(data.found):,} interactions of {people:,} people and {data.items:,} items "
        f"({density:.2%} of all "
        f"pairs), split {by}"
    )


def _cold(data: InteractionData) -> list[str]:
    """What is to be said of people and items that only the parts measured on hold."""
    measured = np.concatenate([data.rows["val"], data.rows["test"]])
    people = np.unique(data.found.users[measured])
    items = np.unique(data.found.items[measured])
    notes = []
    if cold := int((data.known.counts[people] == 0).sum()):
        how = "foreseen by the item alone" if data.goal == "ratings" else "they are not measured on"
        notes.append(f"{cold:,} people have nothing in the training part: {how}")
    if cold := int((data.popularity[items] == 0).sum()):
        how = "foreseen by the person alone" if data.goal == "ratings" else "not found counts as wrong"
        notes.append(f"{cold:,} items are taken in the parts measured on only: {how}")
    return notes


def _refuse(data: InteractionData) -> None:
    wrong = []
    train = data.rows["train"]
    if data.users < 2 or data.items < 2:
        wrong.append(f"{data.users:,} people and {data.items:,} items are left: two of each are needed at least")
    elif len(train) < 4:
        wrong.append(f"{len(train)} interactions are left to learn from: four are needed at least")
    elif data.goal == "ratings" and np.ptp(data.found.values[train]) == 0:
        wrong.append(f"every value of {data.params.value!r} in the training part is the same: take params.goal ranking")
    if wrong:
        raise DatasetInvalid(wrong[0], problems=[Problem(field="inputs.data", message=wrong[0])])
    if data.params.keep == "best" and not len(data.rows["val"]):
        message = (
            "nobody has three items, so there is nothing to choose the best state by: keep the last, or split otherwise"
        )
        raise DatasetInvalid(message, problems=[Problem(field="params.keep", message=message)])


def fold_stages(data: InteractionData) -> Sequence[Data]:
    """k folds of everything that is not the test part, each made when its turn comes, and the training as a whole."""
    params = data.params
    if not params.folds:
        return [data]
    folds = fold_parts(data.parts, params.folds, params.validation_fraction, params.seed)
    made = [
        partial(type(data), data.found, data.catalogue, parts, params, data.drawn, data.table_of_people, fold=True)
        for parts in folds
    ]
    return Lazily([*made, lambda: data])
