"""Makes a table ready for a training: split, learnt from its training part, turned into batches by seed and step."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from shared.errors import DatasetInvalid, Problem
from shared.recipes.privacy import is_private
from shared.recipes.tabular import FEATURE_KINDS, check, features_of, target_problem, task_of
from worker.context import Context
from worker.families.classification import balanced_class_weights
from worker.families.private_rows import PrivateRows, private_notes
from worker.families.splitting import Split, fold_rows, split_rows
from worker.families.tables.encoded import PART_NAMES, Encoded, encode_table
from worker.families.tables.features import Features, edge_table
from worker.families.tables.hashing import TOKENS
from worker.families.tables.leaking import MOST_ROWS, columns_giving_away
from worker.privacy import planned
from worker.recipe import Assets, Data, Inputs, Lazily

AUTO_STEPS, AUTO_EPOCHS = 1_800, (5, 100)  # measured on Adult (16 epochs); the ends are a guess
STEPS_AN_EPOCH = 16  # at least, where there are rows enough for batches of 8
MOST_LEARNT_FROM = 200_000  # rows of the training part that borders of bins, categories and means are taken from
SHOWN = 8  # validation rows kept in the assets to show answers on


class TableData(Data):
    """Batches are ({kind: array}, target (batch, 1)[, weights (batch,)]); of a private training as Data.privacy says.

    encoded: the rows. folder: of the dataset. rows: numbers of the rows of each part. features: what is known of the columns,
    from the training part alone; of a private training from the validation part alone. For classes targets are int32, for numbers
    float32, standardised.
    """

    def __init__(
        self,
        encoded: Encoded,
        split: Split,
        params: Any,
        task: str,
        kinds: dict[str, str],
        context: Context,
        fold: bool = False,
    ):
        self.encoded, self.params, self.task, self.kinds, self.is_fold = encoded, params, task, kinds, fold
        self.context = context
        self.folder = encoded.folder
        self.rows = {"train": split.train, "val": split.val, "test": split.test}
        self.split = {part: len(rows) for part, rows in self.rows.items()}
        self.notes = list(split.notes)
        self.classes = encoded.classes
        size = len(split.train)
        self.batch_size = max(1, min(params.batch_size, max(size // STEPS_AN_EPOCH, min(size, 8))))
        self.steps_per_epoch = max(1, size // self.batch_size)  # what is left over differs from epoch to epoch
        low, high = AUTO_EPOCHS
        epochs = params.epochs or min(max(round(AUTO_STEPS / self.steps_per_epoch), low), high)
        self.total_steps = epochs * self.steps_per_epoch
        self.learnt_part = "train"
        if is_private(params):
            self.learnt_part = "val"
            others = self.split["val"] + self.split["test"]
            self.privacy = planned(params, self.batch_size, self.total_steps, size, others, context.check)
            self._private = PrivateRows(context.secret(), self.privacy.rate)
        self._learn()
        self._weights, self._drawn = self._weighing()

    def _learn(self) -> None:
        """Learn from the training part, or a sample of it; where that is private, from the validation part."""
        train, seed = self.rows[self.learnt_part], self.params.seed
        rng = np.random.default_rng([seed, 2])
        sample = (
            train if len(train) <= MOST_LEARNT_FROM else np.sort(rng.choice(train, MOST_LEARNT_FROM, replace=False))
        )
        cells, wide = self.encoded.take(sample), self.encoded.features
        known: dict[str, list[str]] = {}
        self._codes: list[np.ndarray] = []
        for place, name in enumerate(wide.categories):
            counts = np.bincount(cells["categories"][:, place], minlength=len(wide.known[name]) + 2)[2:]
            if self.privacy is None:
                order = [int(code) for code in np.argsort(-counts, kind="stable") if counts[code] > 1]
            else:  # the codes' own order is of all rows
                order = sorted(np.flatnonzero(counts > 1).tolist(), key=lambda c: (-counts[c], wide.known[name][c]))
            codes = np.ones(len(counts) + 2, np.int32)  # of those seen once it learns what never seen ones are like
            codes[0] = 0
            codes[np.array(order, int) + 2] = np.arange(len(order)) + 2
            known[name] = [wide.known[name][code] for code in order]
            self._codes.append(codes)
        self.features = Features.from_json({**wide.to_json(), "known": known})
        arrays: dict[str, np.ndarray] = {}
        if wide.numbers:
            arrays["edges"] = edge_table(cells["numbers"])
            arrays["typical_numbers"] = _medians(cells["numbers"])
        if wide.categories:
            columns = [codes[cells["categories"][:, i]] for i, codes in enumerate(self._codes)]
            arrays["typical_categories"] = np.array([np.bincount(column).argmax() for column in columns], np.int32)
        truth = self.encoded.targets[train]
        self.mean, self.std = (0.0, 1.0) if self.classes else (float(truth.mean()), float(truth.std()) or 1.0)
        arrays["target"] = np.array([self.mean, self.std], np.float64)
        shown = np.sort(rng.permutation(self.rows["val"] if len(self.rows["val"]) else train)[:SHOWN])
        arrays |= {f"shown_{kind}": array for kind, array in self.take(shown).items()}
        arrays["shown_truth"] = self.encoded.targets[shown]
        json = {"features": self.features.to_json(), "kinds": self.kinds, "classes": self.classes, "task": self.task}
        if self.privacy is not None:
            json["privacy"] = self.privacy.to_json()
        self.assets = Assets(
            {**json, "target": self.params.target, "shown_rows": [int(row) + 1 for row in shown]}, arrays
        )

    def _weighing(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        """(weight by class, probability by class that a row of it is drawn), each None where it is not asked for."""
        if not self.classes or self.params.class_weights == "none":
            return None, None
        counts = np.bincount(self.labels(self.learnt_part), minlength=len(self.classes))
        weights = np.array(balanced_class_weights(np.maximum(counts, 1).tolist()), np.float32)
        return (weights, None) if self.params.class_weights == "balanced" else (None, weights)

    def labels(self, part: str) -> np.ndarray:
        """int64 (n,) of the rows of a part."""
        return self.encoded.targets[self.rows[part]].astype(np.int64)

    def take(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Rows by number as the network takes them: categories that the training part does not know are never seen ones."""
        arrays = self.encoded.take(rows)
        if "categories" in arrays:
            coded = [codes[arrays["categories"][:, i]] for i, codes in enumerate(self._codes)]
            arrays["categories"] = np.stack(coded, axis=1)
        return arrays

    def targets(self, rows: np.ndarray) -> np.ndarray:
        """(n, 1): int32 classes, or float32 standardised numbers."""
        truth = self.encoded.targets[rows][:, None]
        return truth.astype(np.int32) if self.classes else ((truth - self.mean) / self.std).astype(np.float32)

    def train(self, start_step: int) -> tf.data.Dataset:
        batch, steps = None if self.privacy else self.batch_size, self.steps_per_epoch
        kinds = [name for name in ("numbers", "categories", "texts") if name in (self.encoded.dtype.names or ())]
        types = {"numbers": tf.float32, "categories": tf.int32, "texts": tf.int32}
        weighed = self._weights is not None
        kept: dict[int, np.ndarray] = {}  # the order of the epoch that is read

        def rows_of(step: int) -> np.ndarray:
            if self.privacy is not None:
                return self._private.drawn(self.rows["train"], step)
            epoch, place = divmod(step, steps)
            if epoch not in kept:
                kept.clear()
                kept[epoch] = self._order(epoch)
            return kept[epoch][place * self.batch_size : (place + 1) * self.batch_size]

        def read(step: np.int64) -> list[np.ndarray]:
            rows = rows_of(int(step))
            arrays = self.take(rows)
            found = [arrays[name].astype(types[name].as_numpy_dtype) for name in kinds] + [self.targets(rows)]
            if self._weights is not None:
                found.append(self._weights[self.encoded.targets[rows].astype(np.int64)])
            return found if self.privacy is None else [*found, self._private.noise_seed(int(step))]

        shapes: dict[str, tuple[int | None, ...]] = {
            "numbers": (batch, len(self.features.numbers)),
            "categories": (batch, len(self.features.categories)),
        }
        shapes["texts"] = (batch, len(self.features.texts), TOKENS)
        target_type = tf.int32 if self.classes else tf.float32
        out = [types[name] for name in kinds] + [target_type] + ([tf.float32] if weighed else [])
        out += [tf.int64] if self.privacy else []

        @tf.autograph.experimental.do_not_convert
        def make(step: Any) -> Any:
            parts = tf.numpy_function(read, [step], out)
            x = {name: tf.ensure_shape(part, shapes[name]) for name, part in zip(kinds, parts, strict=False)}
            y = tf.ensure_shape(parts[len(kinds)], (batch, 1))
            made = (x, y, tf.ensure_shape(parts[len(kinds) + 1], (batch,))) if weighed else (x, y)
            return (made, tf.ensure_shape(parts[-1], (2,))) if self.privacy else made

        return tf.data.Dataset.range(start_step, self.total_steps).map(make).prefetch(4)

    def _order(self, epoch: int) -> np.ndarray:
        """The row numbers of an epoch's batches, one after the other."""
        rng = np.random.default_rng([self.params.seed, 3, epoch])
        train = self.rows["train"]
        if self._drawn is None:
            return rng.permutation(train)
        chance = self._drawn[self.labels("train")].astype(np.float64)
        return rng.choice(train, len(train), p=chance / chance.sum())

    def validation(self) -> None:
        return None  # evaluate() of the recipe does it


def _medians(numbers: np.ndarray) -> np.ndarray:
    """float32 (numbers,): the middle of what is finite, 0 where nothing is."""
    found = [np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else 0.0 for column in numbers.T]
    return np.array(found, np.float32)


def load_table(inputs: Inputs, params: Any, context: Context) -> TableData:
    """Encode and split the dataset in the role "data". Raises DatasetInvalid with every problem found."""
    opened = inputs["data"]
    report = opened.dataset.report
    column = report.column(params.target)
    problems = check(params, {"data": opened.dataset})
    if column is None and not problems:
        problems = [Problem(field="params.target", message=f"there is no column {params.target!r}")]
    elif column is not None and not problems and (message := target_problem(params, column, report.rows)):
        problems = [Problem(field="params.target", message=message)]
    used, notes = features_of(params, report)
    kinds = {name: found.kind for name in used if (found := report.column(name)) is not None}
    for name in [
        *sorted(set(params.features) - set(kinds)),
        *(name for name, kind in kinds.items() if kind not in FEATURE_KINDS),
    ]:
        message = f"nothing can be learnt from column {name!r}: {kinds.get(name, 'it is not there')}"
        problems = [*problems, Problem(field="params.features", message=message)]
    if problems or column is None:
        raise DatasetInvalid("; ".join(problem.message for problem in problems), problems=problems)
    task = task_of(params, column)
    encoded = encode_table(opened, kinds, params.target, task, context)
    data = split_table(encoded, params, task, kinds, context)
    how = "classes of" if task == "classes" else "numbers of"
    data.notes[:0] = [f"predicts {how} {params.target!r} from {len(kinds)} columns", *notes]
    data.notes += _given_away(data, report, params.target)
    return data


def split_table(encoded: Encoded, params: Any, task: str, kinds: dict[str, str], context: Context) -> TableData:
    """The training as a whole; with folds, its last stage. Raises DatasetInvalid."""
    rows = np.flatnonzero(np.isfinite(encoded.targets))
    labels = encoded.targets[rows].astype(np.int64) if encoded.classes else None
    parts = None
    if encoded.parts.any():
        parts = np.array(PART_NAMES)[encoded.parts[rows]]
    split = split_rows(rows, labels, parts, params.validation_fraction, params.test_fraction, params.seed)
    if left := len(encoded) - len(rows):
        split.notes.append(f"{left:,} rows have no value in {params.target!r} and are left out")
    if not len(split.test):
        split.notes.append(
            "no test part: the figures are of rows that the best state was chosen by, and a little too good"
        )
    _refuse(encoded, split, params.target)
    if is_private(params):
        split.notes.extend(private_notes(len(split.val)))
    return TableData(encoded, split, params, task, kinds, context)


def _refuse(encoded: Encoded, split: Split, target: str) -> None:
    """Raise DatasetInvalid for what cannot be learnt from."""
    wrong = []
    if not len(split.train):
        wrong.append("no row is left to train on")
    elif encoded.classes:
        counts = np.bincount(encoded.targets[split.train].astype(np.int64), minlength=len(encoded.classes))
        if (counts > 0).sum() < 2:
            wrong.append(
                f"the training part has one class of {target!r} only: {encoded.classes[int(counts.argmax())]!r}"
            )
        every = np.bincount(encoded.targets[np.isfinite(encoded.targets)].astype(np.int64), minlength=len(counts))
        for name, count in zip(encoded.classes, every.tolist(), strict=True):
            if count < 2:
                wrong.append(f"class {name!r} of {target!r} has one row: needs two at least; leave it out, or add more")
    elif len(np.unique(encoded.targets[split.train])) < 2:
        wrong.append(f"every number of {target!r} in the training part is the same")
    if wrong:
        problems = [Problem(field="inputs.data", message=message) for message in wrong[:100]]
        raise DatasetInvalid("; ".join(wrong[:5]), problems=problems)


def _given_away(data: TableData, report: Any, target: str) -> list[str]:
    """What is to be said of columns that give the target away: as the report found them, or in rows of the training part."""
    told = [
        warned.message for warned in report.warnings if warned.code == "gives_away" and repr(target) in warned.message
    ]
    names = [name for name in data.kinds if any(repr(name) in message for message in told)]
    rows = data.rows[data.learnt_part]
    sample = rows[:: -(-len(rows) // MOST_ROWS)]
    features = {"numbers": data.features.numbers, "categories": data.features.categories}
    found = columns_giving_away(data.take(sample), data.encoded.targets[sample], len(data.classes), features)
    return [
        f"column {name!r} gives {target!r} away: leave it out of the features unless it is known before the answer is"
        for name in dict.fromkeys([*names, *found])
    ]


def fold_stages(data: TableData) -> Sequence[Data]:
    """k folds of everything that is not the test part, each made when its turn comes, and the training as a whole."""
    params = data.params
    if not params.folds:
        return [data]
    rows = np.sort(np.concatenate([data.rows["train"], data.rows["val"]]))
    labels = data.encoded.targets[rows].astype(np.int64) if data.classes else None
    splits = fold_rows(rows, labels, params.folds, params.validation_fraction, params.seed)

    def fold(split: Split) -> TableData:
        return TableData(data.encoded, split, params, data.task, data.kinds, data.context, fold=True)

    return Lazily([*(partial(fold, split) for split in splits), lambda: data])
