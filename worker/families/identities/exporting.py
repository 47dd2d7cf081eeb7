"""A matcher to take away: a SavedModel from pictures of any size to vectors, and ten lines that compare pictures with it."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from worker.families.identities.networks import vectors_model
from worker.families.identities.reporting import threshold_of, vectors_of
from worker.families.images.exporting import colours_of, own_layer, resize
from worker.recipe import Assets

EXAMPLE = '''\
"""Compares the first picture with the others: python example.py PICTURE ... Needs tensorflow alone; pictures of 8 bits."""
import sys
from pathlib import Path

import tensorflow as tf

model = tf.saved_model.load(str(Path(__file__).with_name("saved_model")))
vectors = []
for path in sys.argv[1:]:
    picture = tf.io.decode_image(tf.io.read_file(path), expand_animations=False)  # uint8 (height, width, channels)
    vectors.append(model.answer(picture[tf.newaxis])["vectors"][0])  # of length 1
for path, vector in zip(sys.argv[2:], vectors[1:]):
    likeness = float(tf.tensordot(vectors[0], vector, 1))
    print(path, f"{likeness:.6f}", "same" if likeness >= float(model.threshold) else "other", sep="\\t")
'''


def export_matcher(model: Any, assets: Assets, folder: Path) -> keras.Model:
    """Write saved_model/ and example.py; returns the model of vectors, of Keras' own layers alone. Raises OSError."""
    vectors = vectors_model(model)
    plain = keras.models.clone_model(vectors, clone_function=own_layer)
    plain.set_weights(vectors.get_weights())
    tf.saved_model.save(_Matcher(plain, assets), str(folder / "saved_model"))
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")
    return plain


class _Matcher(tf.Module):
    """Pictures to vectors. threshold: likeness from which two show the same."""

    def __init__(self, model: Any, assets: Assets):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved
        self.threshold = tf.Variable(tf.constant(threshold_of(vectors_of(model), assets)), trainable=False)
        shape = assets["shape"]

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, None), tf.uint8, "pictures")], autograph=False)
        def answer(pictures: Any) -> Any:
            """pictures: uint8 (n, height, width, channels), 1 or 3 channels."""
            pixels = tf.cast(resize(colours_of(pictures, shape[2]), shape[:2]), tf.float32)
            return {"vectors": model(tf.ensure_shape(pixels, (None, *shape)), training=False)}

        self.answer = answer
