"""A forecaster to take away: a SavedModel from the last rows of a series to the steps after them, and ten lines that use it."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.families.series.data import KNOWN_CUT, VARIES
from worker.families.series.remembered import Remembered
from worker.recipe import Assets

EXAMPLE = '''\
"""Says how series go on: python example.py RECENT.csv, rows by time, no step missing. Needs tensorflow alone."""
import csv, json, sys
from datetime import datetime
from pathlib import Path

import tensorflow as tf

model = tf.saved_model.load(str(Path(__file__).with_name("saved_model")))
names = json.loads(Path(__file__).with_name("assets.json").read_text(encoding="utf-8"))["columns"]
rows = list(csv.DictReader(Path(sys.argv[1]).open(newline="", encoding="utf-8-sig")))
for name in dict.fromkeys(row.get(names["series"], "") for row in rows):
    mine = [row for row in rows if row.get(names["series"], "") == name]  # last ones without a value tell what is known beforehand
    numbers = [[[float(row[column] or "nan") for column in names[kind]] for row in mine] for kind in ("targets", "known")]
    values, known = (tf.constant(part, tf.float64) for part in numbers)
    times = [TIME for row in mine]
    said = model.answer(values, tf.constant(times, tf.float64), tf.constant(name), known)["forecast"].numpy()  # also low, high
    print(*(f"{name}\\t{target}\\t{value:.9g}" for target, row in zip(names["targets"], said) for value in row), sep="\\n")
'''
_DATE, _NUMBER = (
    '(datetime.fromisoformat(row[names["time"]]) - datetime(1970, 1, 1)).total_seconds()',
    'float(row[names["time"]])',
)


def export_forecaster(model: Any, params: Any, assets: Assets, folder: Path) -> keras.Model:
    """Write saved_model/ and example.py; returns the model. Raises OSError."""
    tf.saved_model.save(_Forecaster(model, assets, bool(params.interval)), str(folder / "saved_model"))
    time = _DATE if assets["columns"]["dated"] else _NUMBER
    (folder / "example.py").write_text(EXAMPLE.replace("TIME", time), encoding="utf-8")
    return model


class _Forecaster(tf.Module):
    """Recent rows to the steps after them."""

    def __init__(self, model: Any, assets: Assets, interval: bool):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved
        of = Remembered(assets)
        targets, known_columns = len(of.columns.targets), len(of.columns.known)
        keys = [f"{name}\n{target}" for name, target in of.places]
        places = tf.lookup.KeyValueTensorInitializer(keys, list(of.places.values()), tf.string, tf.int64)
        self._places: Any = tf.lookup.StaticHashTable(places, -1)
        mean, std = (tf.constant(assets.arrays[name], tf.float64) for name in ("mean", "std"))

        @tf.function(
            input_signature=[
                tf.TensorSpec((None, targets), tf.float64, "values"),
                tf.TensorSpec((None,), tf.float64, "times"),
                tf.TensorSpec((), tf.string, "series"),
                tf.TensorSpec((None, known_columns), tf.float64, "known"),
            ],
            autograph=False,
        )
        def answer(values: Any, times: Any, series: Any, known: Any) -> Any:
            """Rows of one series by time, `context` with values at least; each target is forecast from its last value on.

            values: float64 (rows, targets), NaN after the last one. times: float64 (rows,), seconds since 1970, or the numbers of a
            table without dates. series: its name, "" where there is one. known: float64 (rows, known columns).
            Returns forecast, and low and high of a model with an interval: float64 (targets, horizon).
            """
            ends = [tf.reduce_max(tf.where(tf.math.is_finite(values[:, target]))) + 1 for target in range(targets)]
            past = tf.stack([values[end - of.context : end, target] for target, end in enumerate(ends)])
            names = tf.strings.join([series, tf.constant([str(target) for target in range(targets)])], "\n")
            place = self._places.lookup(names)
            middle = tf.where(place < 0, tf.reduce_mean(past, 1), tf.gather(mean, tf.maximum(place, 0)))[:, None]
            spread = tf.where(place < 0, _deviation(past), tf.gather(std, tf.maximum(place, 0)))[:, None]
            x = {"past": tf.ensure_shape(tf.cast((past - middle) / spread, tf.float32), (targets, of.context))}
            if of.features:
                x["ahead"] = tf.stack([_ahead(of, times[end - 1], known, end, assets) for end in ends])
            said = tf.cast(model(x, training=False), tf.float64)
            found = {"forecast": said[..., 0] * spread + middle}
            if interval:
                low = tf.minimum(tf.reduce_min(said[..., 1:], -1), said[..., 0])
                high = tf.maximum(tf.reduce_max(said[..., 1:], -1), said[..., 0])
                found |= {"low": low * spread + middle, "high": high * spread + middle}
            return found

        self.answer = answer


def _deviation(past: Any) -> Any:
    """As remembered.deviation() has it, of each row."""
    spread = tf.math.reduce_std(past, 1)
    return tf.where(spread > VARIES * tf.maximum(tf.abs(tf.reduce_mean(past, 1)), 1.0), spread, 1.0)


def _ahead(of: Remembered, time: Any, known: Any, end: Any, assets: Assets) -> Any:
    """float32 (context + horizon, features): the calendar's, and what is known, which goes on as it was at last."""
    parts, length = [], of.context + of.horizon
    if of.calendar.parts:
        step = of.frequency.index(tf.cast(tf.round(time * 1e6), tf.int64), tf) + 1
        steps = step + tf.constant(np.arange(-of.context, of.horizon), tf.int64)
        parts.append(of.calendar.features(of.frequency.at(steps, tf), tf))
    if of.columns.known:
        scale = assets.arrays["known_scale"]
        rows = known[end - of.context : end + of.horizon]
        rows = tf.concat([rows, tf.repeat(rows[-1:], length - tf.shape(rows)[0], axis=0)], 0)
        parts.append(tf.cast(tf.clip_by_value((rows - scale[0]) / scale[1], -KNOWN_CUT, KNOWN_CUT), tf.float32))
    return tf.ensure_shape(tf.concat(parts, 1), (length, of.features))
