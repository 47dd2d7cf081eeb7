"""A network for one style to take away: a SavedModel from a picture of any size to a stylised one, and ten lines that use it."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from worker.families.images.exporting import colours_of
from worker.families.styling.losses import LEVELS
from worker.families.styling.network import Styler
from worker.families.styling.pictures import LEAST_SIDE

EXAMPLE = '''\
"""Stylises pictures, writes PICTURE.stylised.png: python example.py PICTURE ... Needs tensorflow alone; pictures of 8 bits. They
are not made smaller: a picture of some thousand pixels needs some GB of memory, and has fine strokes."""
import sys
from pathlib import Path

import tensorflow as tf

model = tf.saved_model.load(str(Path(__file__).with_name("saved_model")))
for path in sys.argv[1:]:
    picture = tf.io.decode_image(tf.io.read_file(path), expand_animations=False)  # uint8 (height, width, channels)
    stylised = model.answer(picture)  # uint8 (height, width, 3)
    tf.io.write_file(path + ".stylised.png", tf.io.encode_png(stylised))
    print(path, *stylised.shape, sep="\\t")
'''


def export_styler(model: Styler, folder: Path) -> keras.Model:
    """Write saved_model/ and example.py; returns the network alone, of Keras' own layers. Raises OSError."""
    tf.saved_model.save(_Exported(model.network), str(folder / "saved_model"))
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")
    return model.network


class _Exported(tf.Module):
    """A picture to a stylised one, sides as they are."""

    def __init__(self, network: Any):
        super().__init__()
        self._held = [variable.value for variable in network.variables]  # what is not held is not saved

        def answer(picture: Any) -> Any:
            """picture: uint8 (height, width, 1 or 3)."""
            pixels = tf.cast(colours_of(picture[None], 3)[0], tf.float32)
            size = tf.shape(pixels)[:2]
            room = tf.maximum((size + 3) // 4 * 4, LEAST_SIDE) - size
            wide = tf.gather(tf.gather(pixels, _mirrored(size[0], room[0])), _mirrored(size[1], room[1]), axis=1)
            made = tf.clip_by_value(tf.round(network(wide[None], training=False)[0]), 0.0, LEVELS)
            top, left = room[0] // 2, room[1] // 2
            return tf.ensure_shape(tf.cast(made, tf.uint8)[top : top + size[0], left : left + size[1]], (None, None, 3))

        spec = tf.TensorSpec((None, None, None), tf.uint8, "picture")
        self.answer = tf.function(answer, input_signature=[spec], autograph=False)


def _mirrored(size: Any, room: Any) -> Any:
    """Which of `size` rows stands in each of size + room, as NumPy's padding "symmetric" has it, the smaller half before."""
    at = tf.math.floormod(tf.range(size + room) - room // 2, 2 * size)
    return tf.minimum(at, 2 * size - 1 - at)
