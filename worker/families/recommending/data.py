"""Makes interactions ready for a training: cleaned, split, turned into batches by seed and step."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from shared.errors import DatasetInvalid, Problem
from shared.recipes.recommending import check, goal_of, split_of
from worker.context import Context
from worker.families.evaluation.ranking import taken_of
from worker.families.recommending.catalogue import Catalogue, read_catalogue
from worker.families.recommending.cleaning import clean
from worker.families.recommending.interactions import Interactions, read_interactions
from worker.families.recommending.names import packed
from worker.families.recommending.splitting import TEST, TRAIN, VAL, fold_parts, split_interactions
from worker.recipe import Assets, Data, Inputs, Lazily

AUTO_STEPS, AUTO_EPOCHS = 6_000, (3, 40)  # guesses
STEPS_AN_EPOCH = 16  # at least, where there are rows enough for batches of 8
MOST_EVALUATIONS = 40
MOST_ORDERED = 2_000_000  # rows whose order of an epoch is held in memory; of more they are drawn
SHOWN = 3  # people kept to show answers for while it trains
_NAMES = {TRAIN: "train", VAL: "val", TEST: "test"}


class InteractionData(Data):
    """Batches are (int32 (batch, 2 + drawn): a person, an item, items drawn; float32 (batch, 1): the standardised value).

    goal: "ratings" or "ranking". found: all interactions. parts: int8 (n,), of each. rows: places of each part. users, items:
    how many there are. popularity: int64 (items,), people of each in the training part. mean, std: of the training part's
    values.
    """

    def __init__(
        self, found: Interactions, catalogue: Catalogue, parts: np.ndarray, params: Any, drawn: int, fold: bool = False
    ):
        self.found, self.catalogue, self.parts, self.params, self.is_fold = found, catalogue, parts, params, fold
        self.goal, self.drawn = goal_of(params), drawn
        self.users, self.items = len(found.user_ids), len(found.item_ids)
        self.rows = {name: np.flatnonzero(parts == part) for part, name in _NAMES.items()}
        self.split = {name: len(rows) for name, rows in self.rows.items()}
        self.notes: list[str] = []
        train = self.rows["train"]
        self.popularity = np.bincount(found.items[train], minlength=self.items)
        values = found.values[train].astype(np.float64)
        self.mean, self.std = (
            (float(values.mean()), float(values.std()) or 1.0) if self.goal == "ratings" else (0.0, 1.0)
        )
        size = len(train)
        self.batch_size = max(1, min(params.batch_size, max(size // STEPS_AN_EPOCH, min(size, 8))))
        self.steps_per_epoch = max(1, size // self.batch_size)
        low, high = AUTO_EPOCHS
        epochs = params.epochs or min(max(round(AUTO_STEPS / self.steps_per_epoch), low), high)
        self.total_steps = epochs * self.steps_per_epoch
        self.eval_every = self.steps_per_epoch * -(-epochs // MOST_EVALUATIONS)
        self.known = taken_of(found.users[train], found.items[train], self.users)
        self._keys = np.zeros(0, np.int64)  # pairs of person and item of the training part as one number, for bpr
        if drawn and params.loss == "bpr":
            self._keys = np.sort(found.users[train].astype(np.int64) * self.items + found.items[train])
        self.assets = self._assets()

    def _assets(self) -> Assets:
        found, every = self.found, taken_of(self.found.users, self.found.items, self.users)
        arrays = {
            **packed(found.user_ids, "user_ids"),
            **self.catalogue.arrays(),
            "taken_items": every.items,
            "taken_starts": every.starts,
            "popularity": self.popularity.astype(np.int64),
            "people": self.known.counts.astype(np.int64),
            "scale": np.array([self.mean, self.std, *self._ends()], np.float64),
        }
        if self.goal == "ratings":
            arrays["taken_values"] = found.values  # by person already
        names = {name: getattr(self.params, name) for name in ("user", "item", "value", "time")}
        shown = np.random.default_rng([self.params.seed, 6]).permutation(np.flatnonzero(self.known.counts))[:SHOWN]
        json = {
            "goal": self.goal, "columns": names, "batch_size": self.batch_size, "shown": [int(user) for user in np.sort(shown)],
            **self.catalogue.json(),
        }  # fmt: skip
        return Assets(json, arrays)

    def _ends(self) -> tuple[float, float]:
        """The scale of values."""
        if self.params.scale:
            return self.params.scale[0], self.params.scale[1]
        return float(self.found.values.min()), float(self.found.values.max())

    def targets(self, rows: np.ndarray) -> np.ndarray:
        """float32 (n, 1): standardised."""
        return ((self.found.values[rows] - self.mean) / self.std).astype(np.float32)[:, None]

    def train(self, start_step: int) -> tf.data.Dataset:
        batch, steps, train = self.batch_size, self.steps_per_epoch, self.rows["train"]
        kept: dict[int, np.ndarray] = {}  # the order of the epoch that is read

        def numbers(step: int) -> np.ndarray:
            epoch, place = divmod(step, steps)
            if len(train) > MOST_ORDERED:
                return train[np.random.default_rng([self.params.seed, 4, step]).integers(len(train), size=batch)]
            if epoch not in kept:
                kept.clear()
                kept[epoch] = np.random.default_rng([self.params.seed, 3, epoch]).permutation(train)
            return kept[epoch][place * batch : (place + 1) * batch]

        def read(step: np.int64) -> list[np.ndarray]:
            rows = numbers(int(step))
            users, items = self.found.users[rows], self.found.items[rows]
            drawn = self._others(int(step), users, items)
            return [np.concatenate([users[:, None], items[:, None], drawn], 1), self.targets(rows)]

        @tf.autograph.experimental.do_not_convert
        def make(step: Any) -> Any:
            x, y = tf.numpy_function(read, [step], [tf.int32, tf.float32])
            return tf.ensure_shape(x, (batch, 2 + self.drawn)), tf.ensure_shape(y, (batch, 1))

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


def load_interactions(inputs: Inputs, params: Any, context: Context, drawn: int) -> InteractionData:
    """Read, clean and split. drawn: items drawn for each row of a ranking. Raises DatasetInvalid with every problem found."""
    problems = check(params, {role: opened.dataset for role, opened in inputs.items() if opened.dataset is not None})
    columns = [(field, getattr(params, field), "data") for field in ("user", "item", "value", "time")]
    columns += [
        ("item_title", params.item_title, "items"),
        *(("item_tags", name, "items") for name in params.item_tags),
    ]
    for field, name, role in columns:
        if name and role in inputs and inputs[role].dataset.report.column(name) is None:
            problems.append(Problem(field=f"params.{field}", message=f"there is no column {name!r}"))
    if problems:
        raise DatasetInvalid("; ".join(problem.message for problem in problems), problems=problems)
    goal = goal_of(params)
    found, notes = clean(read_interactions(inputs["data"], params, context), params, goal)
    context.check()
    catalogue, more = read_catalogue(inputs.get("items"), params, found.item_ids, context)
    how = split_of(params)
    parts, said = split_interactions(found, how, params.validation_fraction, params.test_fraction, params.seed)
    data = InteractionData(found, catalogue, parts, params, drawn if goal == "ranking" else 0)
    data.notes += [_told(data, how), *notes, *more, *said, *_cold(data)]
    _refuse(data)
    return data


def _told(data: InteractionData, how: str) -> str:
    what = f"values of {data.params.value!r}" if data.goal == "ratings" else "what is taken next"
    by = {"time": "by time", "last": "each person's last", "random": "at random"}[how]
    density = len(data.found) / (data.users * data.items)
    return (
        f"predicts {what}: {len(data.found):,} interactions of {data.users:,} people and {data.items:,} items "
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
        partial(InteractionData, data.found, data.catalogue, parts, params, data.drawn, fold=True) for parts in folds
    ]
    return Lazily([*made, lambda: data])
