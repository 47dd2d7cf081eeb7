"""How good a language model is: loss per token over the validation part, and beside it what n-grams make of the same tokens."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from worker.context import Context
from worker.families.text.data import TextData
from worker.families.text.ngrams import ORDER, ngram_losses
from worker.recipe import Baseline, Report
from worker.verdict import Judge

COUNTED = 2_000_000  # tokens that n-grams are counted from: 290 MB and 2 s of one core (measured)
COMPARED = 500_000  # tokens of the validation part that models are compared on
BLOCKS = 200  # stretches of them that the comparison draws from: neighbouring windows speak of the same thing


def text_report(model: Any, data: TextData, context: Context) -> Report:
    """Loss and perplexity per token over the whole validation part; bits per character where a token is a character."""
    sums, counts = _window_losses(model, data, context)
    loss = float(sums.sum() / counts.sum())
    borders = _borders(data)
    compared, tokens = _block_sums(sums, borders), _block_sums(counts, borders)
    judge = Judge("loss per token", "min", lambda nats, rows: float(nats[rows].sum() / tokens[rows].sum()))
    return Report(_figures(loss, data), predictions=compared, judge=judge, rows=len(tokens))


def text_baselines(data: TextData, context: Context) -> list[Baseline]:
    """How often each token is, and an n-gram model. Predictions: nats per block of the validation part."""
    learnt = min(data.cut, COUNTED)
    predicted = _compared_tokens(data)
    found = ngram_losses(
        data.tokens.read(data.cut - learnt, learnt),
        data.tokens.read(data.cut, predicted + 1),
        data.params.context,
        data.vocabulary.size,
        context.check,
    )
    said = [f"counted on {learnt:,} of {data.cut:,} tokens"] if learnt < data.cut else []
    said += [f"judged on {predicted:,}"] if predicted < data.split["val"] - 1 else []
    bounded = f" ({', '.join(said)})" if said else ""
    names = {1: f"how often each token is{bounded}", ORDER: f"a {ORDER}-gram model{bounded}"}
    windows = np.arange(0, predicted, data.params.context)
    borders = _borders(data)
    return [
        Baseline(
            names[order],
            _figures(float(nats.mean()), data),
            _block_sums(np.add.reduceat(nats, windows), borders),
        )
        for order, nats in found.items()
    ]


def _figures(loss: float, data: TextData) -> dict[str, float]:
    figures = {"val_loss": loss, "val_perplexity": math.exp(min(loss, 700.0))}
    if data.params.vocabulary == "char":
        figures["val_bits_per_character"] = loss / math.log(2)
    return figures


def _window_losses(model: Any, data: TextData, context: Context) -> tuple[np.ndarray, np.ndarray]:
    """Nats and tokens of every window of the validation part: float64 (windows,) each."""

    @tf.function(autograph=False)
    def losses(x: Any, y: Any, there: Any) -> Any:
        return tf.reduce_sum(
            tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(x, training=False)) * there, axis=1
        )

    whole = -(-(data.split["val"] - 1) // data.params.context)  # the last batch is filled up with empty windows
    sums, counts = [], []
    for x, y, weight in data.validation():
        context.look(min(sum(map(len, sums)), whole), whole)
        there = tf.cast(weight > 0, tf.float32)
        sums.append(losses(x, y, there).numpy())
        counts.append(there.numpy().sum(1))
    return np.concatenate(sums).astype(np.float64)[:whole], np.concatenate(counts).astype(np.float64)[:whole]


def _compared_tokens(data: TextData) -> int:
    """How many tokens of the validation part are compared on: all, or whole windows of COMPARED."""
    predicted, length = data.split["val"] - 1, data.params.context
    return predicted if predicted <= COMPARED else max(COMPARED // length, 1) * length


def _borders(data: TextData) -> np.ndarray:
    """First windows of the blocks, and where the last one ends: int (blocks + 1,)."""
    windows = -(-_compared_tokens(data) // data.params.context)
    return np.linspace(0, windows, min(BLOCKS, windows) + 1).astype(np.int64)


def _block_sums(of_windows: np.ndarray, borders: np.ndarray) -> np.ndarray:
    """float64 (blocks,)."""
    return np.add.reduceat(of_windows[: borders[-1]], borders[:-1])
