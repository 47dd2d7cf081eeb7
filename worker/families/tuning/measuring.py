"""How good a tuned model is: nats per learnt token beside those of its base, and what it has forgotten of everything else.

A base is measured once in a process: with the adapters set aside, or, where everything learns, built a second time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from worker.families.tuning.adapters import adapted, aside
from worker.families.tuning.data import TunedData
from worker.families.tuning.network import TunedDecoder, build_base
from worker.families.tuning.rows import cut_rows

GENERAL = Path(__file__).with_name("general.txt")  # a page of prose, talk, code, German and Chinese, written for this
_FORGOTTEN = 0.05  # nats per token; a guess: what a reader begins to notice


@dataclass(frozen=True)
class Measured:
    """nats, counts: float64 (rows,), of each row of the validation part the sum over its learnt tokens, and how many these are.

    general: nats per token of the general page.
    """

    nats: np.ndarray
    counts: np.ndarray
    general: float

    @property
    def loss(self) -> float:
        return float(self.nats.sum() / max(self.counts.sum(), 1.0))

    def right(self) -> np.ndarray:
        """Of pairs: 1 where the chosen answer is likelier than the rejected one: float64 (pairs,)."""
        return (self.nats[::2] < self.nats[1::2]).astype(np.float64)


def measure(model: TunedDecoder, data: TunedData, look: Callable[[int], None] = lambda batches: None) -> Measured:
    """Read the validation part through. look(batches done) may raise."""
    run = _nats_run(model, any(layer.aside for _, layer in adapted(model)))
    size = len(data.rows)
    nats, counts = np.zeros(size), np.zeros(size)
    done = 0
    for numbers in data.validation_numbers():
        batch = data.batch(data.val_windows, numbers)
        found = np.asarray(run(*map(tf.constant, batch.parts)), np.float64)
        for place, window in enumerate(numbers.tolist()):
            if window < 0:
                continue
            rows = data.val_windows.of(window)
            for into, values in ((nats, found[place]), (counts, batch.weight[place])):
                into[rows] += np.bincount(batch.segments[place], values, len(rows) + 1)[1:]
        done += 1
        look(done)
    return Measured(nats[data.val_rows], counts[data.val_rows], _general(run, data, look, done))


def _general(run: Any, data: TunedData, look: Callable[[int], None], done: int) -> float:
    """Nats per token of the general page, read in windows of the training's length."""
    width = data.params.context
    total = count = 0.0
    rows = list(cut_rows(data.reader.vocabulary, GENERAL.read_text(encoding="utf-8"), width))
    for start in range(0, len(rows), data.eval_size):
        shape = (data.eval_size, width)
        tokens, segments, y = (np.zeros(shape, np.int32) for _ in range(3))
        weight = np.zeros(shape, np.float32)
        places = np.broadcast_to(np.arange(width, dtype=np.int32), shape)
        for place, row in enumerate(rows[start : start + data.eval_size]):
            tokens[place, : len(row)], segments[place, : len(row)] = row, 1
            y[place, : len(row) - 1], weight[place, : len(row) - 1] = row[1:], 1
        found = run(*map(tf.constant, (tokens, segments, places, y, weight)))
        total, count = total + float(tf.reduce_sum(found)), count + float(weight.sum())
        look(done)
    return total / max(count, 1.0)


def _nats_run(model: TunedDecoder, aside: bool) -> Any:
    """Nats of a batch, compiled once for a model, and once for it with its adapters set aside."""
    made = model.__dict__.setdefault("_nats_runs", {})
    if aside not in made:

        def nats(tokens: Any, segments: Any, places: Any, y: Any, weight: Any) -> Any:
            x = {"tokens": tokens, "segments": segments, "places": places}
            return model.nats(x, y, weight) * weight

        made[aside] = tf.function(nats, autograph=False, jit_compile=model.jit_compile)
    return made[aside]


def base_measured(model: TunedDecoder, data: TunedData, look: Callable[[int], None] = lambda batches: None) -> Measured:
    """The base alone on the same rows. Measured once for a training's data."""
    found = data.__dict__.get("base_measured")
    if found is None:
        if adapted(model):
            with aside(model):
                found = measure(model, data, look)
        else:
            found = measure(build_base(data.params.precision, data.base, at_once=data.params.at_once), data, look)
        data.__dict__["base_measured"] = found
    return found


def forgotten(own: Measured, base: Measured) -> str:
    """What the general page says of what was known before, a sentence."""
    worse = own.general - base.general
    if worse > _FORGOTTEN:
        return (
            f"It has forgotten some of what its base knows: on a page of general text {own.general:.3f} nats per token, the base "
            f"{base.general:.3f}. Fewer epochs, a lower rate or fewer adapters keep more."
        )
    return f"On a page of general text it is as good as its base: {own.general:.3f} nats per token, the base {base.general:.3f}."
