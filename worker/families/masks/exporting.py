"""A segmenter to take away: a SavedModel from a picture of any size to its classes, and ten lines that use it."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from worker.families.images.exporting import colours_of, own_layer, resize
from worker.families.masks.pairs import LONGEST
from worker.families.masks.tiles import classes_of
from worker.recipe import Assets

EXAMPLE = '''\
"""Says what pictures show, writes PICTURE.mask.png: python example.py PICTURE ... Needs tensorflow alone; pictures of 8 bits."""
import sys
from pathlib import Path

import tensorflow as tf

model = tf.saved_model.load(str(Path(__file__).with_name("saved_model")))
for path in sys.argv[1:]:
    picture = tf.io.decode_image(tf.io.read_file(path), expand_animations=False)  # uint8 (height, width, channels)
    answer = model.answer(picture)  # classes: uint8 (height, width), numbers into names (classes,) and colours (classes, 3)
    tf.io.write_file(path + ".mask.png", tf.io.encode_png(tf.gather(answer["colours"], tf.cast(answer["classes"], tf.int32))))
    pixels = tf.math.bincount(tf.cast(answer["classes"], tf.int32), minlength=len(answer["names"])).numpy()
    for name, count in zip(answer["names"].numpy(), pixels):
        print(path, name.decode(), count, sep="\\t")
'''


def export_segmenter(model: Any, assets: Assets, folder: Path) -> keras.Model:
    """Write saved_model/ and example.py; returns the model of Keras' own layers alone. Raises OSError."""
    plain = keras.models.clone_model(model, clone_function=own_layer)
    plain.set_weights(model.get_weights())
    tf.saved_model.save(_Segmenter(plain, assets), str(folder / "saved_model"))
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")
    return plain


class _Segmenter(tf.Module):
    """A picture to its classes."""

    def __init__(self, model: Any, assets: Assets):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved
        names, longest = tf.constant(assets["classes"]), assets["image_size"] or LONGEST
        colours = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in assets["colours"]]

        @tf.function(input_signature=[tf.TensorSpec((None, None, None), tf.uint8, "picture")], autograph=False)
        def answer(picture: Any) -> Any:
            """picture: uint8 (height, width, channels), 1 or 3 channels."""
            size = tf.shape(picture)[:2]
            share = tf.minimum(longest / tf.reduce_max(size), 1.0)
            looked_at = tf.maximum(tf.cast(tf.round(tf.cast(size, tf.float64) * share), tf.int32), 1)
            pixels = colours_of(picture[None], assets["channels"])
            pixels = tf.cond(share < 1, lambda: resize(pixels, [looked_at[0], looked_at[1]]), lambda: pixels)
            pixels = tf.ensure_shape(tf.cast(pixels[0], tf.uint8), (None, None, assets["channels"]))
            said = classes_of(lambda x: model(x, training=False), pixels, assets["tile"], len(assets["classes"]))
            rows, columns = (_nearest(size[axis], looked_at[axis]) for axis in (0, 1))
            said = tf.gather(tf.gather(said, rows), columns, axis=1)
            return {"classes": said, "names": names, "colours": tf.constant(colours, tf.uint8)}

        self.answer = answer


def _nearest(wanted: Any, there: Any) -> Any:
    """The pixels that `wanted` pixels are taken from, as Pillow's nearest neighbour does."""
    scale = tf.cast(there, tf.float64) / tf.cast(wanted, tf.float64)
    return tf.cast((tf.range(wanted, dtype=tf.float64) + 0.5) * scale, tf.int32)
