"""A text as batches of windows: random ones to learn from, all of the validation part to be judged by.

Tokens are read from their file as they are needed; memory holds a few batches.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from shared.errors import DatasetInvalid
from shared.recipes.text_params import too_short
from worker.context import Context
from worker.families.text.tokens import TokenText, token_text
from worker.recipe import Assets, Data, Inputs

_EVALUATION_TOKENS = 8_192  # per validation batch: large enough to keep two cores busy
plain = tf.autograph.experimental.do_not_convert  # nothing to convert, and it would leave files in the temporary folder


class TextData(Data):
    """Training windows begin anywhere, drawn for step s from (seed, s) alone, as in nanoGPT.

    Validation windows follow one another without overlap and cover the whole part; what the last one lacks weighs nothing.
    """

    def __init__(self, text: TokenText, params: Any):
        self.params, self.vocabulary, self.tokens = params, text.vocabulary, text.tokens
        count = len(text.tokens)
        self.cut = int(count * (1 - params.validation_fraction))  # the first token of the validation part
        self.split = {"train": self.cut, "val": count - self.cut}
        if problem := too_short(count, "tokens", params):
            raise DatasetInvalid(problem.message, problems=[problem])
        self.assets = Assets({"vocabulary": self.vocabulary.to_json(), "beginning": text.beginning[: params.context]})
        self.total_steps = params.steps
        self.eval_every = min(params.eval_every, params.steps)
        self.notes = [
            f"{count:,} tokens of {self.vocabulary.size:,} kinds; the last {self.split['val']:,} are for validation"
        ]

    def starts(self, step: Any) -> Any:
        """Where the windows of a step begin: int32 (batch,), int64 for a text beyond its reach. step: int64 ()."""
        seed = tf.stack([tf.cast(self.params.seed, tf.int64), tf.cast(step, tf.int64)])
        beyond = self.cut - self.params.context
        kind = tf.int32 if beyond < 2**31 else tf.int64
        return tf.random.stateless_uniform([self.params.batch_size], seed, 0, beyond, kind)

    def train(self, start_step: int) -> tf.data.Dataset:
        """(x, y), both int32 (batch, context); y is x shifted by one token."""
        length = self.params.context + 1

        def read(starts: np.ndarray) -> np.ndarray:
            return self.tokens.windows(starts, length).astype(np.int32)

        @plain
        def window(step: Any) -> Any:
            rows = tf.numpy_function(read, [self.starts(step)], tf.int32)
            rows = tf.ensure_shape(rows, (self.params.batch_size, length))
            return rows[:, :-1], rows[:, 1:]

        return tf.data.Dataset.range(start_step, self.total_steps).map(window, num_parallel_calls=2, deterministic=True)

    def validation(self) -> tf.data.Dataset:
        """(x, y, weight), each (rows, context), all batches of one shape.

        Every token but the first is predicted once. Keras averages over all places, padding too: the weight of the true
        ones is above 1 by as much as makes the result their exact mean.
        """
        length, predicted = self.params.context, self.split["val"] - 1
        windows = -(-predicted // length)
        rows = min(max(1, _EVALUATION_TOKENS // length), windows)
        windows = -(-windows // rows) * rows
        weight = np.float32(windows * length / predicted)

        def read(number: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            first = int(number) * rows * length
            there = min(max(predicted - first, 0), rows * length)  # places that are no padding
            tokens = self.tokens.read(self.cut + first, there + 1 if there else 0).astype(np.int32)
            x, y = np.zeros((2, rows * length), np.int32)
            x[:there], y[:there] = tokens[:-1], tokens[1:]
            weights = np.where(np.arange(rows * length) < there, weight, np.float32(0))
            shape = (rows, length)
            return x.reshape(shape), y.reshape(shape), weights.reshape(shape)

        @plain
        def batch(number: Any) -> Any:
            parts = tf.numpy_function(read, [number], (tf.int32, tf.int32, tf.float32))
            return tuple(tf.ensure_shape(part, (rows, length)) for part in parts)

        return tf.data.Dataset.range(windows // rows).map(batch, num_parallel_calls=2, deterministic=True)


def load_text(inputs: Inputs, params: Any, context: Context) -> TextData:
    """Read the dataset of format "text" in the role "data"."""
    return TextData(token_text(inputs["data"], params, context), params)
