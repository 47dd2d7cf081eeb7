"""A forecaster to take away: a SavedModel from raw values and a moment to the steps after it, and ten lines that use it."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.families.series.data import KNOWN_CUT
from worker.families.series.remembered import VARIES, Remembered
from worker.recipe import Assets

EXAMPLE = '''\
"""Says how series go on: python example.py RECENT.csv, rows by time, none missing; needs tensorflow alone."""
import csv, json, sys
from datetime import datetime
from pathlib import Path

import tensorflow as tf

here = Path(__file__).parent
model, about = tf.saved_model.load(str(here / "saved_model")), json.loads((here / "assets.json").read_text())
columns, context, steps = about["columns"], about["context"], about["context"] + about["horizon"]
rows = list(csv.DictReader(Path(sys.argv[1]).open(newline="", encoding="utf-8-sig")))
for name in dict.fromkeys(row.get(columns["series"], "") for row in rows):
    mine = [row for row in rows if row.get(columns["series"], "") == name]
    for target in columns["targets"]:
        last = max(number for number, row in enumerate(mine) if row[target])  # rows after it tell what is known beforehand
        around = (mine[last + 1 - context : last + 1 - context + steps] + mine[-1:] * steps)[:steps]
        time = mine[last][columns["time"]]
        time = (datetime.fromisoformat(time) - datetime(1970, 1, 1)).total_seconds() if columns["dated"] else float(time)
        values = [float(row[target]) for row in around[:context]]
        known = [[float(row[column]) for column in columns["known"]] for row in around]
        said = model.answer(values=[values], time=[time], series=[name], target=[target], known=tf.reshape(known, (1, steps, -1)))
        print(*(f"{name}\\t{target}\\t{value:.9g}" for value in said["forecast"][0].numpy()), sep="\\n")
'''


def export_forecaster(model: Any, params: Any, assets: Assets, folder: Path) -> keras.Model:
    """Write saved_model/ and example.py; returns the model. Raises OSError."""
    tf.saved_model.save(_Forecaster(model, assets, bool(params.interval)), str(folder / "saved_model"))
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")
    return model


class _Forecaster(tf.Module):
    """Recent values to those after them."""

    def __init__(self, model: Any, assets: Assets, interval: bool):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved
        of = Remembered(assets)
        keys = [f"{name}\n{of.columns.targets[target]}" for name, target in of.places]
        places = tf.lookup.KeyValueTensorInitializer(keys, list(of.places.values()), tf.string, tf.int64)
        self._places: Any = tf.lookup.StaticHashTable(places, -1)
        mean, std = (tf.constant(assets.arrays[name], tf.float64) for name in ("mean", "std"))

        @tf.function(
            input_signature=[
                tf.TensorSpec((None, None), tf.float64, "values"),
                tf.TensorSpec((None,), tf.float64, "time"),
                tf.TensorSpec((None,), tf.string, "series"),
                tf.TensorSpec((None,), tf.string, "target"),
                tf.TensorSpec((None, None, None), tf.float64, "known"),
            ],
            autograph=False,
        )
        def answer(values: Any, time: Any, series: Any, target: Any, known: Any) -> Any:
            """values: float64 (n, context or more). time: of the last one, float64 (n,): seconds since 1970, or the number.

            series, target: names (n,). known: float64 (n, context + horizon, known columns). Returns float64 (n, horizon) each.
            """
            past = values[:, -of.context :]
            place = self._places.lookup(tf.strings.join([series, target], "\n"))
            own = tf.reduce_mean(past, 1), _deviation(past)
            middle = tf.where(place < 0, own[0], tf.gather(mean, tf.maximum(place, 0)))[:, None]
            spread = tf.where(place < 0, own[1], tf.gather(std, tf.maximum(place, 0)))[:, None]
            x = {"past": tf.cast((tf.ensure_shape(past, (None, of.context)) - middle) / spread, tf.float32)}
            if of.features:
                x["ahead"] = tf.ensure_shape(
                    _ahead(of, time, known, assets), (None, of.context + of.horizon, of.features)
                )
            said = tf.cast(model(x, training=False), tf.float64)
            found = {"forecast": said[..., 0] * spread + middle}
            if interval:
                low = tf.minimum(tf.reduce_min(said[..., 1:], -1), said[..., 0])
                high = tf.maximum(tf.reduce_max(said[..., 1:], -1), said[..., 0])
                found |= {"low": low * spread + middle, "high": high * spread + middle}
            return found

        self.answer = answer


def _deviation(past: Any) -> Any:
    spread = tf.math.reduce_std(past, 1)
    return tf.where(spread > VARIES * tf.maximum(tf.abs(tf.reduce_mean(past, 1)), 1.0), spread, 1.0)


def _ahead(of: Remembered, time: Any, known: Any, assets: Assets) -> Any:
    """float32 (n, context + horizon, features): the calendar's, and what is known."""
    parts = []
    if of.calendar.parts:
        moment = tf.cast(tf.round(time * 1e6), tf.int64)
        end = of.frequency.index(moment, tf) + 1
        steps = end[:, None] + tf.constant(np.arange(-of.context, of.horizon), tf.int64)
        parts.append(of.calendar.features(of.frequency.at(steps, tf), tf))
    if of.columns.known:
        scale = assets.arrays["known_scale"]
        parts.append(tf.cast(tf.clip_by_value((known - scale[0]) / scale[1], -KNOWN_CUT, KNOWN_CUT), tf.float32))
    return tf.concat(parts, 2)
