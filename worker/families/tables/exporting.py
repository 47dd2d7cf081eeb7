"""A table's network to take away: a SavedModel that takes cells as they stand in a file, and ten lines that use it."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from worker.families.tables.features import Features
from worker.families.tables.reading_graph import encode_cells, places_of
from worker.recipe import Assets

EXAMPLE = '''\
"""Predicts every row of a CSV file: python example.py FILE. Needs tensorflow alone; numbers like 1.5, dates like 2020-01-31."""
import csv
import sys
from pathlib import Path

import tensorflow as tf

model = tf.saved_model.load(str(Path(__file__).with_name("saved_model")))
names = [name.decode() for name in model.columns().numpy()]  # what it is told from; what a row lacks counts as missing
with open(sys.argv[1], encoding="utf-8-sig", newline="") as file:
    cells = [[row.get(name) or "" for name in names] for row in csv.DictReader(file)]
answer = model.answer(tf.constant(cells))
'''
_CLASSES = """\
for label, shares in zip(answer["labels"].numpy(), answer["probabilities"].numpy()):  # shares: of model.classes()
    print(label.decode(), f"{shares.max():.6f}", sep="\\t")
"""
_NUMBERS = """\
for value, low, high in zip(*(answer[name].numpy() for name in ("value", "low", "high"))):
    print(f"{value:.9g}", f"{low:.9g}", f"{high:.9g}", sep="\\t")
"""


def export_table(model: Any, assets: Assets, folder: Path) -> None:
    """Write saved_model/ and example.py. Raises OSError."""
    tf.saved_model.save(_Table(model, assets), str(folder / "saved_model"))
    (folder / "example.py").write_text(EXAMPLE + (_CLASSES if assets["classes"] else _NUMBERS), encoding="utf-8")


class _Table(tf.Module):
    """Cells to answers, the members' together as Answering has them."""

    def __init__(self, model: Any, assets: Assets):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved
        features, classes = Features.from_json(assets["features"]), assets["classes"]
        mean, std = (float(number) for number in assets.arrays["target"])
        self._places = places = places_of(features)
        names, columns = tf.constant(classes or [""]), tf.constant(features.columns)

        @tf.function(input_signature=[], autograph=False)
        def known_columns() -> Any:
            """string (columns,): the columns of cells, in order."""
            return tf.identity(columns)

        @tf.function(input_signature=[], autograph=False)
        def known_classes() -> Any:
            """string (classes,): what the probabilities are of, in order."""
            return tf.identity(names)

        @tf.function(
            input_signature=[tf.TensorSpec((None, len(features.columns)), tf.string, "cells")], autograph=False
        )
        def answer(cells: Any) -> Any:
            """cells: string (rows, columns)."""
            said = tf.cast(model(encode_cells(features, cells, places), training=False), tf.float64)
            if classes:
                shares = tf.reduce_mean(tf.nn.softmax(said), axis=1)
                shares /= tf.reduce_sum(shares, axis=-1, keepdims=True)
                return {"labels": tf.gather(names, tf.argmax(shares, -1)), "probabilities": shares}
            middle, one, other = tf.unstack(tf.reduce_mean(said, axis=1) * std + mean, axis=1)
            low, high = tf.minimum(one, other), tf.maximum(one, other)
            return {"value": middle, "low": tf.minimum(low, middle), "high": tf.maximum(high, middle)}

        self.columns, self.classes, self.answer = known_columns, known_classes, answer
