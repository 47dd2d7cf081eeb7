"""A text as batches of windows: random ones to learn from, all of the validation part to be judged by."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from shared.errors import DatasetInvalid, Problem
from worker.families.text.vocabulary import learn_vocabulary
from worker.recipe import Data

_EVALUATION_TOKENS = 8_192  # per validation batch: large enough to keep two cores busy


class TextData(Data):
    """Training windows begin anywhere, drawn for step s from (seed, s) alone, as in nanoGPT.

    Validation windows follow one another without overlap and cover the whole part; what the last one lacks weighs nothing.
    """

    def __init__(self, text: str, params: Any):
        self.params = params
        self.vocabulary = learn_vocabulary(params.vocabulary, text, params.vocabulary_size)
        tokens = self.vocabulary.encode(text)
        cut = int(len(tokens) * (1 - params.validation_fraction))
        self.train_tokens, self.val_tokens = tokens[:cut], tokens[cut:]
        self._refuse_short(len(tokens))
        self.assets = {
            "vocabulary": self.vocabulary.to_json(),
            "tokens": {"train": len(self.train_tokens), "val": len(self.val_tokens)},
            "beginning": text[: min(20, params.context)],
        }
        self.total_steps = params.steps
        self.eval_every = min(params.eval_every, params.steps)
        self.notes = [
            f"{len(tokens):,} tokens of {self.vocabulary.size:,} kinds; the last {len(self.val_tokens):,} are for validation"
        ]

    def _refuse_short(self, count: int) -> None:
        shorter = min(len(self.train_tokens), len(self.val_tokens))
        if shorter <= self.params.context:
            message = (
                f"the text has {count} tokens, {shorter} of them in its shorter part; "
                f"context {self.params.context} needs more than that: upload more text or set params.context to "
                f"{max(shorter - 1, 2)} or less"
            )
            raise DatasetInvalid(message, problems=[Problem(field="params.context", message=message)])

    def starts(self, step: Any) -> Any:
        """Where the windows of a step begin in train_tokens: int32 (batch,). step: int64 ()."""
        seed = tf.stack([tf.cast(self.params.seed, tf.int64), tf.cast(step, tf.int64)])
        beyond = len(self.train_tokens) - self.params.context
        return tf.random.stateless_uniform([self.params.batch_size], seed, 0, beyond, tf.int32)

    def train(self, start_step: int) -> tf.data.Dataset:
        """(x, y), both int32 (batch, context); y is x shifted by one token."""
        tokens = tf.constant(self.train_tokens)
        places = tf.range(self.params.context + 1)

        @tf.autograph.experimental.do_not_convert  # nothing to convert, and it would leave files in the temporary folder
        def window(step: Any) -> Any:
            rows = tf.gather(tokens, self.starts(step)[:, None] + places)
            return rows[:, :-1], rows[:, 1:]

        return tf.data.Dataset.range(start_step, self.total_steps).map(window, num_parallel_calls=2, deterministic=True)

    def validation(self) -> tf.data.Dataset:
        """(x, y, weight), each (rows, context), all batches of one shape.

        Every token but the first is predicted once. Keras averages over all places, padding too: the weight of the true
        ones is above 1 by as much as makes the result their exact mean.
        """
        length, predicted = self.params.context, len(self.val_tokens) - 1
        windows = -(-predicted // length)
        rows = min(max(1, _EVALUATION_TOKENS // length), windows)
        windows = -(-windows // rows) * rows
        places = windows * length

        def padded(values: np.ndarray) -> np.ndarray:
            return np.pad(values, (0, places - predicted)).reshape(windows, length)

        weight = padded(np.full(predicted, places / predicted, np.float32))
        parts = (padded(self.val_tokens[:-1]), padded(self.val_tokens[1:]), weight)
        return tf.data.Dataset.from_tensor_slices(parts).batch(rows, drop_remainder=True)


def load_text(folder: Path, params: Any) -> TextData:
    """Read a dataset of format "text" from its folder."""
    return TextData((folder / "files" / "text.txt").read_text(encoding="utf-8"), params)
