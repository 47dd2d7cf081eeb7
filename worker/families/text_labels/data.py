"""Makes labelled texts ready for a training: cleaned, split, cut into tokens, turned into batches by seed and step."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from shared.bases.manifest import TOKENIZER
from shared.datasets.tables.reading import open_table
from shared.errors import DatasetInvalid, Problem
from shared.recipes.privacy import is_private, private_network_problems
from shared.recipes.targets import class_problem
from shared.recipes.text_columns import LABEL_KINDS, TEXT_KINDS, check_texts, texts_of
from worker.context import Context
from worker.families.classification import balanced_class_weights
from worker.families.private_rows import PrivateRows, private_notes
from worker.families.splitting import Split, fold_rows, split_rows
from worker.families.text_labels.evidence import token_evidence
from worker.families.text_labels.rows import PARTS, TextRows, joined_texts, read_rows
from worker.families.text_labels.tokenizer import PAD, EncoderTokenizer, TextTokenizer, chosen
from worker.families.text_labels.tokens import (
    MOST_WINDOWS,
    Tokens,
    alike_in_length,
    cut_texts,
    learn_tokens,
    trimmed,
    window_counts,
)
from worker.families.text_labels.upon_encoder import encoder_json, most_tokens
from worker.families.text_labels.window_vectors import WindowVectors, window_vectors
from worker.privacy import planned
from worker.recipe import Assets, Data, Inputs, Lazily, OpenInput

AUTO_STEPS, AUTO_EPOCHS = 1_500, (4, 40)  # a guess
ENCODER_EPOCHS = (2, 4)  # as in Devlin et al. 2018
STEPS_AN_EPOCH = 16  # at least, where there are texts enough for batches of 8
MOST_EVIDENCE = 4_000_000  # pairs of token and label
SHOWN = 8  # validation texts kept in the assets to show answers on
_SHOWN_CHARACTERS = 200
_MOST_WEIGHT = 100.0  # of the texts of a rare label
_EIGHTHS = 8  # lengths of windows are multiples of it


class LabelledTexts(Data):
    """Batches are (tokens int32 (batch, length), labels[, weights (batch,)]); labels int32 (batch,), or float32 (batch, labels).

    Of a private training they are as Data.privacy says. Of a text longer than a window each epoch draws one of its windows. rows:
    what the table holds. places: of the texts of each part. The tokenizer is learnt from the training part alone; of a private
    training from the validation part alone.
    """

    def __init__(
        self,
        opened: OpenInput,
        rows: TextRows,
        split: Split,
        params: Any,
        context: Context,
        *,
        base: OpenInput | None = None,
        fold: bool = False,
    ):
        self.base = base
        self.opened, self.table_rows, self.params, self.is_fold = opened, rows, params, fold
        self.columns, self.context = texts_of(params, opened.dataset.report), context
        self.folder = opened.folder
        self.labels, self.names, self.many = rows.labels, rows.labels.names, rows.labels.many
        self.places = {"train": split.train, "val": split.val, "test": split.test}
        self.split = {part: len(places) for part, places in self.places.items()}
        self.notes = list(split.notes)
        learnt_part = self.places["val" if is_private(params) else "train"]
        kind, why = chosen(params.tokens, rows.unparted)
        if base is None:
            learnt = learn_tokens(opened, self.columns, rows.rows[learnt_part], kind, params.vocabulary_size, context)
            self.tokenizer, room = TextTokenizer(learnt), params.max_length
        else:
            self.tokenizer = EncoderTokenizer((base.folder / TOKENIZER).read_text(encoding="utf-8"))
            room = min(params.max_length, most_tokens(base.base.config, self.tokenizer))
            why = f"tokens are those of the encoder {base.base.name!r}"
        self.tokens: Tokens = cut_texts(opened, self.columns, rows.rows, self.tokenizer, context)
        # Upon an encoder of all folds alike: see window_vectors. A private training has none.
        of_part = base is None or is_private(params)
        known = self.tokens.lengths[learnt_part] if of_part else self.tokens.lengths
        longest = int(known.max())
        self.length = min(room, max(_EIGHTHS, -(-longest // _EIGHTHS) * _EIGHTHS))
        self.read: Tokens | WindowVectors = self.tokens
        if base is not None and params.method == "frozen":
            self.read = window_vectors(opened, rows, self.tokens, self.tokenizer, base, params, self.length, context)
        self.notes += [f"{why}; {self.tokenizer.size:,} kinds", *self._long_ones()]
        size = len(split.train)
        self.batch_size = max(1, min(params.batch_size, max(size // STEPS_AN_EPOCH, min(size, 8))))
        self.steps_per_epoch = max(1, size // self.batch_size)  # what is left over differs from epoch to epoch
        low, high = AUTO_EPOCHS if base is None or params.method == "frozen" else ENCODER_EPOCHS
        epochs = params.epochs or min(max(round(AUTO_STEPS / self.steps_per_epoch), low), high)
        self.total_steps = epochs * self.steps_per_epoch
        if is_private(params):
            others = self.split["val"] + self.split["test"]
            self.privacy = planned(params, self.batch_size, self.total_steps, size, others, context.check)
            self._private = PrivateRows(context.secret(), self.privacy.rate)
        self._weights = self._weighing(learnt_part)
        self.assets = self._assets(kind)

    def _long_ones(self) -> list[str]:
        lengths = self.tokens.lengths
        longer = int((lengths > self.length).sum())
        if not longer:
            return []
        told = f"{longer:,} of {len(lengths):,} texts are longer than {self.length} tokens and are read in windows"
        gaps = int((lengths > MOST_WINDOWS * self.length).sum())
        return [told + (f"; {gaps:,} so long that {MOST_WINDOWS} windows leave gaps" if gaps else "")]

    def _weighing(self, learnt: np.ndarray) -> np.ndarray | None:
        """float32 (labels,): of one label each its weight; of many that of the texts that have it. None where not asked for."""
        if self.params.class_weights == "none":
            return None
        counts = np.maximum(self.labels.counts(learnt), 1)
        if self.many:
            return np.clip((len(learnt) - counts) / counts, 1.0, _MOST_WEIGHT).astype(np.float32)
        return np.array(balanced_class_weights(counts.tolist()), np.float32)

    def _assets(self, kind: str) -> Assets:
        pool = self.places["val"] if len(self.places["val"]) else self.places["train"]
        shown = np.sort(np.random.default_rng([self.params.seed, 2]).permutation(pool)[:SHOWN])
        tokens = [self.tokens.text(place) for place in shown.tolist()]
        json = {
            "tokens": kind,
            "kinds": self.tokenizer.size,
            "length": self.length,
            "names": self.names,
            "many": self.many,
            "texts": self.columns,
            "labels": list(self.params.labels),
            "weights": self._weights.tolist() if self.many and self._weights is not None else [],
            "shown_texts": [text[:_SHOWN_CHARACTERS] for text in self.texts(shown)],
            "shown_labels": [[self.names[number] for number in self.labels.numbers(place)] for place in shown.tolist()],
        }
        if self.privacy is not None:
            json["privacy"] = self.privacy.to_json()
        arrays: dict[str, np.ndarray] = {
            "shown_tokens": np.concatenate([*tokens, np.zeros(0, np.int32)]),
            "shown_lengths": np.array([len(one) for one in tokens], np.int64),
        }
        if self.base is not None:
            json |= encoder_json(self.base)
            arrays["tokenizer"] = np.frombuffer(self.tokenizer.definition.encode(), np.uint8).copy()
            return Assets(json, arrays)
        json["tokenizer"] = self.tokenizer.definition
        wanted = (
            self.params.token_evidence and self.privacy is None
        )  # what it begins with is counted in the training part
        if wanted and self.tokenizer.size * len(self.names) <= MOST_EVIDENCE:
            arrays["evidence"] = token_evidence(
                self.tokens, self.labels, self.places["train"], self.tokenizer.size, self.context
            )
        return Assets(json, arrays)

    def texts(self, places: np.ndarray) -> list[str]:
        """The texts themselves, a few."""
        with open_table(self.folder) as table:
            return joined_texts(table.take(self.table_rows.rows[places].tolist(), self.columns), self.columns)

    def truth(self, places: np.ndarray) -> np.ndarray:
        """int64 (n,) of one label each, float32 (n, labels) of many."""
        found = self.labels.take(places)
        return found if self.many else found.astype(np.int64)

    def train(self, start_step: int) -> tf.data.Dataset:
        batch, steps = None if self.privacy else self.batch_size, self.steps_per_epoch
        shape_of_x = self.shape
        weights = None if self.many else self._weights
        kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # order and windows of the epoch that is read

        def windows_of(step: int) -> tuple[np.ndarray, np.ndarray]:
            if self.privacy is not None:
                places = self._private.drawn(self.places["train"], step)
                counts = window_counts(self.tokens.lengths[places], self.length)
                return places, (self._private.random("windows", step).random(len(places)) * counts).astype(np.int64)
            epoch, place = divmod(step, steps)
            if epoch not in kept:
                kept.clear()
                kept[epoch] = self._order(epoch)
            some = slice(place * self.batch_size, (place + 1) * self.batch_size)
            places, numbers = (array[some] for array in kept[epoch])
            return places, numbers

        def read(step: np.int64) -> list[np.ndarray]:
            places, numbers = windows_of(int(step))
            windows = self.read.windows(places, numbers, self.length)
            if self.params.token_dropout and self.read is self.tokens and self.privacy is None:
                drawn = np.random.default_rng([self.params.seed, 4, int(step)]).random(windows.shape, np.float32)
                windows[(drawn < self.params.token_dropout) & (windows != PAD)] = self.tokenizer.unknown
            if self.any_length:
                windows = trimmed(windows)
            labels = self.labels.take(places)
            found = [windows, labels] if weights is None else [windows, labels, weights[labels]]
            return found if self.privacy is None else [*found, self._private.noise_seed(int(step))]

        kind = tf.float32 if self.many else tf.int32
        shape = (batch, len(self.names)) if self.many else (batch,)
        types = [tf.int32 if self.read is self.tokens else tf.float32, kind] + ([] if weights is None else [tf.float32])
        types += [tf.int64] if self.privacy else []

        @tf.autograph.experimental.do_not_convert
        def make(step: Any) -> Any:
            tokens, labels, *more = tf.numpy_function(read, [step], types)
            seed = [more.pop()] if self.privacy else []
            made = (tf.ensure_shape(tokens, (batch, *shape_of_x)), tf.ensure_shape(labels, shape))
            made = (*made, *(tf.ensure_shape(one, (batch,)) for one in more))
            return (made, tf.ensure_shape(seed[0], (2,))) if seed else made

        return tf.data.Dataset.range(start_step, self.total_steps).map(make).prefetch(4)

    def _order(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The places of an epoch's batches, one after the other, and the window that is read of each."""
        rng = np.random.default_rng([self.params.seed, 3, epoch])
        places = rng.permutation(self.places["train"])
        if self.any_length:
            whole = places[: self.steps_per_epoch * self.batch_size]
            places = alike_in_length(whole, self.tokens.lengths, self.batch_size, rng)
        counts = window_counts(self.tokens.lengths[places], self.length)
        return places, (rng.random(len(places)) * counts).astype(np.int64)

    @property
    def any_length(self) -> bool:
        """Batches are as long as their longest text: an encoder's; else all are `length` tokens long."""
        return self.base is not None and self.read is self.tokens

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Of what is read of a text: its tokens, or its vector."""
        if isinstance(self.read, WindowVectors):
            return (self.read.width,)
        return (None if self.any_length else self.length,)

    def validation(self) -> None:
        return None  # evaluate() of the recipe does it


def load_labelled(inputs: Inputs, params: Any, context: Context) -> LabelledTexts:
    """Read, clean and split the dataset in the role "data". Raises DatasetInvalid with every problem found."""
    opened = inputs["data"]
    _refuse_columns(opened.dataset, params)
    columns = texts_of(params, opened.dataset.report)
    rows = read_rows(opened, columns, params, context)
    split = _split(rows, params)
    if not len(split.test):
        split.notes.append(
            "no test part: the figures are of texts that the best state was chosen by, and a little too good"
        )
    if is_private(params):
        if problems := private_network_problems(params, upon_encoder="base" in inputs):
            raise DatasetInvalid("; ".join(problem.message for problem in problems), problems=problems)
        split.notes.extend(private_notes(len(split.val)))
    data = LabelledTexts(opened, rows, split, params, context, base=inputs.get("base"))
    what = (
        f"{len(data.names)} labels, of which a text may have several"
        if data.many
        else f"one of {len(data.names)} labels"
    )
    data.notes[:0] = [f"tells {what} from {', '.join(map(repr, columns))}", *rows.notes]
    return data


def _refuse_columns(dataset: Any, params: Any) -> None:
    """Raise DatasetInvalid for columns that are not there, of other kinds, or that nothing can be learnt from."""
    report = dataset.report
    problems = check_texts(params, {"data": dataset})
    for field, kinds in (("texts", TEXT_KINDS), ("labels", LABEL_KINDS)):
        for name in getattr(params, field):
            column = report.column(name)
            if column is None:
                message = f"there is no column {name!r}"
            elif column.kind in kinds:
                continue
            elif field == "labels" and (told := class_problem(column, report.rows)):
                message = told
            else:
                message = f"column {name!r} holds {column.kind} values"
            problems.append(Problem(field=f"params.{field}", message=message))
    if problems:
        raise DatasetInvalid("; ".join(problem.message for problem in problems), problems=problems)


def _split(rows: TextRows, params: Any) -> Split:
    """Split equal texts together: one stands for all of them. Raises DatasetInvalid where a part lacks what it needs."""
    first, labels = _first_of_each(rows)
    parts = np.array(PARTS)[rows.parts[first]] if rows.parts.any() else None
    split = split_rows(first, labels, parts, params.validation_fraction, params.test_fraction, params.seed)
    split = _with_their_like(split, rows)
    counts = rows.labels.counts(split.train)
    if not len(split.train) or ((counts > 0).sum() < 2 and not rows.labels.many):
        message = "the training part holds no two labels to tell apart: give it more texts, or test on fewer"
        raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])
    if missing := [name for name, count in zip(rows.labels.names, counts.tolist(), strict=True) if not count]:
        shown = ", ".join(repr(name) for name in missing[:5]) + (" ..." if len(missing) > 5 else "")
        split.notes.append(
            f"{len(missing):,} labels stand at no text of the training part and are never learnt: {shown}"
        )
    return split


def _first_of_each(rows: TextRows) -> tuple[np.ndarray, np.ndarray | None]:
    """Places of the first of equal texts, rising, and their labels; None where a text may have many."""
    first = np.sort(np.unique(rows.groups, return_index=True)[1])
    return first, None if rows.labels.many else rows.labels.take(first).astype(np.int64)


def _with_their_like(split: Split, rows: TextRows) -> Split:
    """Every text goes where the first of its like has gone."""
    if len(np.unique(rows.groups)) == len(rows.groups):
        return split
    train, val, test = (
        np.flatnonzero(np.isin(rows.groups, rows.groups[part])) for part in (split.train, split.val, split.test)
    )
    return Split(train, val, test, split.notes)


def fold_stages(data: LabelledTexts) -> Sequence[Data]:
    """k folds of everything that is not the test part, and the training as a whole; a fold is in memory while it is trained."""
    params = data.params
    if not params.folds:
        return [data]
    rows = data.table_rows
    first, labels = _first_of_each(rows)
    inside = ~np.isin(rows.groups[first], rows.groups[data.places["test"]])
    first, labels = first[inside], None if labels is None else labels[inside]
    splits = fold_rows(first, labels, params.folds, params.validation_fraction, params.seed)

    def fold(split: Split) -> LabelledTexts:
        parted = _with_their_like(split, rows)
        return LabelledTexts(data.opened, rows, parted, params, data.context, base=data.base, fold=True)

    return Lazily([*(partial(fold, split) for split in splits), lambda: data])
