"""A restorer to take away: a SavedModel from a picture of any size to a better one, and ten lines that use it."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from worker.families.images.exporting import colours_of
from worker.families.images.tiles import tiled
from worker.families.restoring.networks import HOLE
from worker.families.restoring.using import whole_numbers
from worker.recipe import Assets

EXAMPLE = '''\
"""Makes pictures better, writes PICTURE.restored.png: python example.py PICTURE ... Needs tensorflow alone; pictures of 8 bits."""
import sys
from pathlib import Path

import tensorflow as tf

model = tf.saved_model.load(str(Path(__file__).with_name("saved_model")))
for path in sys.argv[1:]:
    picture = tf.io.decode_image(tf.io.read_file(path), expand_animations=False)  # uint8 (height, width, channels)
    restored = model.answer(picture)  # uint8 (height, width, channels), larger where the model was trained to make it so
    tf.io.write_file(path + ".restored.png", tf.io.encode_png(restored))
    print(path, *restored.shape, sep="\\t")
'''
HOLES = '''\
"""Fills holes, writes PICTURE.restored.png: python example.py PICTURE MASK ... A mask is white where something is missing. Needs
tensorflow alone; pictures of 8 bits."""
import sys
from pathlib import Path

import tensorflow as tf

model = tf.saved_model.load(str(Path(__file__).with_name("saved_model")))
for path, mask in zip(sys.argv[1::2], sys.argv[2::2]):
    both = [tf.io.decode_image(tf.io.read_file(one), expand_animations=False) for one in (path, mask)]
    restored = model.answer(*both)  # uint8 (height, width, channels)
    tf.io.write_file(path + ".restored.png", tf.io.encode_png(restored))
    print(path, *restored.shape, sep="\\t")
'''


def export_restorer(model: Any, assets: Assets, folder: Path) -> keras.Model:
    """Write saved_model/ and example.py; returns the model, of Keras' own layers alone. Raises OSError."""
    holes = assets["task"] == "inpaint"
    tf.saved_model.save(_Restorer(model, assets, holes), str(folder / "saved_model"))
    (folder / "example.py").write_text(HOLES if holes else EXAMPLE, encoding="utf-8")
    return model


class _Restorer(tf.Module):
    """A picture to a better one."""

    def __init__(self, model: Any, assets: Assets, holes: bool):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved
        channels, tile = assets["channels"], (assets["tile"],) * 2

        def restored(given: Any) -> Any:
            given = tf.ensure_shape(given, (None, None, channels + holes))
            return tiled(
                lambda tiles: model(tiles, training=False),
                given,
                tile,
                channels,
                whole_numbers,
                finished=(tf.uint8, channels),
                scale=assets["scale"],
            )

        def colours(picture: Any) -> Any:
            return tf.cast(colours_of(picture[None], channels)[0], tf.uint8)

        picture = tf.TensorSpec((None, None, None), tf.uint8, "picture")
        mask = tf.TensorSpec((None, None, None), tf.uint8, "mask")

        def fill(picture: Any, mask: Any) -> Any:
            """picture: uint8 (height, width, 1 or 3). mask: uint8 (height, width, any), from 128 on missing."""
            pixels, missing = colours(picture), colours_of(mask[None], 1)[0] >= 128
            hole = tf.where(missing, tf.constant(255, tf.uint8), tf.constant(0, tf.uint8))
            said = restored(tf.concat([tf.where(missing, tf.constant(HOLE, tf.uint8), pixels), hole], -1))
            return tf.where(missing, said, pixels)

        def better(picture: Any) -> Any:
            """picture: uint8 (height, width, 1 or 3)."""
            return restored(colours(picture))

        if holes:
            self.answer = tf.function(fill, input_signature=[picture, mask], autograph=False)
        else:
            self.answer = tf.function(better, input_signature=[picture], autograph=False)
