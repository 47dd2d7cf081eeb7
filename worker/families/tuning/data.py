"""Rows of tokens as the batches of a training: split, packed into windows, in another order each epoch.

Tokens are read from their file as they are needed; memory holds a few numbers of each row, and a few batches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from shared.bases.manifest import TEMPLATE, TOKENIZER
from shared.chats.template import TemplateRefused
from shared.chats.tokens import Reader, Vocabulary, template_of
from shared.errors import DatasetInvalid, Problem
from worker.context import Context
from worker.families.tuning.packing import Windows, pack
from worker.families.tuning.rows import PARTS, TokenRows, token_rows
from worker.recipe import Assets, Data, Inputs, OpenInput

SHOWN = 3  # prompts of the validation part that samples answer
_SHOWN_TOKENS = 16  # of a text, which has no prompts
_FEWEST = 2  # rows: one to learn from, one to measure on
plain = tf.autograph.experimental.do_not_convert  # AutoGraph leaves files behind in a process that is killed


@dataclass(frozen=True)
class Batch:
    """Windows as arrays (windows, context): tokens, segments, places, y int32; weight float32. See TunedDecoder.

    segments: 1, 2, ... for the rows of a window, 0 where there is none.
    """

    tokens: np.ndarray
    segments: np.ndarray
    places: np.ndarray
    y: np.ndarray
    weight: np.ndarray

    @property
    def parts(self) -> tuple[np.ndarray, ...]:
        return self.tokens, self.segments, self.places, self.y, self.weight


class TunedData(Data):
    """What a fine-tuning learns from. train_rows, val_rows: numbers of rows, int64. base: the base, opened."""

    def __init__(self, rows: TokenRows, reader: Reader, base: OpenInput, params: Any):
        self.rows, self.reader, self.base, self.params = rows, reader, base, params
        self.pairs = rows.pairs
        self.train_rows, self.val_rows = self._split()
        together = params.packing and not self.pairs
        self.windows = self._packed(self.train_rows, together=together)
        self.val_windows = self._packed(self.val_rows, together=together)
        self.batch_size = params.batch_size * (2 if self.pairs else 1)
        self.steps_per_epoch = -(-len(self.windows) // self.batch_size)
        self.total_steps = params.steps or params.epochs * self.steps_per_epoch
        self.eval_every = min(params.eval_every, self.total_steps)
        each = 2 if self.pairs else 1
        self.split = {"train": len(self.train_rows) // each, "val": len(self.val_rows) // each}
        self.notes = [*rows.notes, self._said()]
        self.assets = self._assets()

    def _split(self) -> tuple[np.ndarray, np.ndarray]:
        """(rows to learn from, rows to measure on). Pairs stay together; rows of a test part are measured on, too."""
        each = 2 if self.pairs else 1
        units = np.arange(len(self.rows) // each)
        part = self.rows.parts[::each]
        val = np.flatnonzero((part == PARTS.index("val")) | (part == PARTS.index("test")))
        if not len(val):
            if len(units) < _FEWEST:
                message = "one row is left that can be learnt from: there must be another to measure on"
                raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])
            count = min(max(round(len(units) * self.params.validation_fraction), 1), len(units) - 1)
            val = np.sort(np.random.default_rng([self.params.seed, 1]).permutation(units)[:count])
        train = np.setdiff1d(units, val)
        if not len(train):
            message = "every row is of a part to measure on: there is none to learn from"
            raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])
        return self._rows_of(train), self._rows_of(val)

    def _rows_of(self, units: np.ndarray) -> np.ndarray:
        return np.stack([2 * units, 2 * units + 1], 1).reshape(-1) if self.pairs else units

    def _packed(self, rows: np.ndarray, *, together: bool) -> Windows:
        if together:
            rows = np.random.default_rng([self.params.seed, 2]).permutation(rows)
        return pack(rows, self.rows.lengths[rows], self.params.context, together=together)

    def _said(self) -> str:
        tokens = int(self.rows.lengths[self.train_rows].sum())
        filled = tokens / (len(self.windows) * self.params.context)
        learnt = int(self.rows.learnt[self.train_rows].sum())
        return (
            f"{len(self.windows):,} windows of {self.params.context:,} tokens, filled to {filled:.0%}; the loss is taken on "
            f"{learnt:,} of {tokens:,} tokens"
        )

    def _assets(self) -> Assets:
        prompts = [self._prompt(int(row)).tolist() for row in self._shown()]
        return assets_of(self.base, self.reader.template.source, pairs=self.pairs, prompts=prompts)

    def _shown(self) -> np.ndarray:
        rows = self.val_rows[:: 2 if self.pairs else 1]
        return rows[np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).astype(np.int64)]

    def _prompt(self, row: int) -> np.ndarray:
        """The tokens before the first that is learnt; of a text how it begins."""
        tokens, learnt = self.rows.row(row)
        count = int(learnt.argmax()) or min(_SHOWN_TOKENS, len(tokens))
        return tokens[:count]

    # --- batches ------------------------------------------------------------------------------------------------------------

    def batch(self, windows: Windows, numbers: np.ndarray) -> Batch:
        """Windows by number; a number below 0 is an empty window."""
        shape = (len(numbers), self.params.context)
        tokens, segments, places, y = (np.zeros(shape, np.int32) for _ in range(4))
        weight = np.zeros(shape, np.float32)
        for place, window in enumerate(numbers.tolist()):
            at = 0
            for segment, row in enumerate(windows.of(window).tolist() if window >= 0 else (), 1):
                found, learnt = self.rows.row(row)
                end = at + len(found)
                tokens[place, at:end], segments[place, at:end] = found, segment
                places[place, at:end] = np.arange(len(found))
                y[place, at : end - 1], weight[place, at : end - 1] = found[1:], learnt[1:]
                at = end
        return Batch(tokens, segments, places, y, weight)

    def order(self, epoch: int) -> np.ndarray:
        """The windows of an epoch, filled up with empty ones (-1) to whole batches: int64 (steps, batch). Pairs stay together."""
        rng = np.random.default_rng([self.params.seed, 3, epoch])
        count = len(self.windows)
        drawn = self._rows_of(rng.permutation(count // 2)) if self.pairs else rng.permutation(count)
        size = self.batch_size
        filled = np.full(self.steps_per_epoch * size, -1, np.int64)
        filled[:count] = drawn
        return filled.reshape(self.steps_per_epoch, size)

    def train(self, start_step: int) -> tf.data.Dataset:
        """(x, y, weight) as TunedDecoder takes them."""
        shape = (self.batch_size, self.params.context)
        orders: dict[int, np.ndarray] = {}

        def read(step: np.int64) -> tuple[np.ndarray, ...]:
            epoch, within = divmod(int(step), self.steps_per_epoch)
            if epoch not in orders:
                orders.clear()
                orders[epoch] = self.order(epoch)
            return self.batch(self.windows, orders[epoch][within]).parts

        return self._dataset(tf.data.Dataset.range(start_step, self.total_steps), read, shape)

    @property
    def eval_size(self) -> int:
        """Windows of a validation batch."""
        each = 2 if self.pairs else 1
        return min(each * (self.params.at_once or self.params.batch_size), len(self.val_windows))

    def validation_numbers(self) -> Iterator[np.ndarray]:
        """Numbers of the windows of each validation batch, the last filled up with -1."""
        count, size = len(self.val_windows), self.eval_size
        for start in range(0, count, size):
            numbers = np.arange(start, start + size)
            yield np.where(numbers < count, numbers, -1)

    def validation(self) -> tf.data.Dataset:
        size = self.eval_size
        batches = list(self.validation_numbers())

        def read(number: np.int64) -> tuple[np.ndarray, ...]:
            return self.batch(self.val_windows, batches[int(number)]).parts

        return self._dataset(tf.data.Dataset.range(len(batches)), read, (size, self.params.context))

    @staticmethod
    def _dataset(numbers: tf.data.Dataset, read: Any, shape: tuple[int, int]) -> tf.data.Dataset:
        kinds = (tf.int32, tf.int32, tf.int32, tf.int32, tf.float32)

        @plain
        def batch(number: Any) -> Any:
            parts = [tf.ensure_shape(part, shape) for part in tf.numpy_function(read, [number], kinds)]
            return dict(zip(("tokens", "segments", "places"), parts, strict=False)), parts[3], parts[4]

        return numbers.map(batch)


def assets_of(
    opened: OpenInput, template: str, *, pairs: bool = False, prompts: Sequence[Sequence[int]] = ()
) -> Assets:
    """All that a model upon a base needs besides weights. prompts: tokens that samples go on from."""
    base = opened.base
    return Assets(
        {
            "base": {"id": base.id, "name": base.name, "family": base.family},
            "config": base.config.model_dump(mode="json"),
            "special": base.special.model_dump(mode="json"),
            "template": template,
            "pairs": pairs,
            "prompts": [list(prompt) for prompt in prompts],
        },
        {"tokenizer": np.frombuffer((opened.folder / TOKENIZER).read_bytes(), np.uint8).copy()},
    )


def template_source(opened: OpenInput) -> str:
    """The chat template that a base came with; "" for none."""
    return (opened.folder / TEMPLATE).read_text(encoding="utf-8") if opened.base.has_template else ""


def reader_of(base: OpenInput, params: Any) -> Reader:
    """How a base reads chats. Raises DatasetInvalid for a template that cannot be used."""
    vocabulary = Vocabulary.of(base.folder / TOKENIZER, base.base.special)
    try:
        template = template_of(params.chat_template, template_source(base), vocabulary.special)
    except TemplateRefused as err:
        message = f"the chat template {err}"
        raise DatasetInvalid(message, problems=[Problem(field="params.chat_template", message=message)]) from err
    return Reader(vocabulary, template, everything=params.learn == "everything")


def load_tuned(inputs: Inputs, params: Any, context: Context) -> TunedData:
    """Read the dataset in the role "data" as the base in the role "base" reads it. Raises DatasetInvalid."""
    base = inputs["base"]
    reader = reader_of(base, params)
    return TunedData(token_rows(inputs["data"], base.hash, reader, params, context), reader, base, params)
