"""An image classifier to take away: a SavedModel that takes pictures of any size as they are, and ten lines that use it.

Scaling is Pillow's "bilinear" written in TensorFlow, to the same numbers: else the answers of a model taken away would differ from
the service's for every picture that is not of the network's own size.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from worker.recipe import Assets

EXAMPLE = '''\
"""Says what pictures show: python example.py PICTURE ... Needs tensorflow alone; pictures of 8 bits, without transparency."""
import sys
from pathlib import Path

import tensorflow as tf

model = tf.saved_model.load(str(Path(__file__).with_name("saved_model")))
for path in sys.argv[1:]:
    picture = tf.io.decode_image(tf.io.read_file(path), expand_animations=False)  # uint8 (height, width, channels)
    answer = model.answer(picture[tf.newaxis])  # labels and probabilities (pictures, classes), likeliest first
    for label, probability in zip(answer["labels"][0].numpy(), answer["probabilities"][0].numpy()):
        print(path, label.decode(), f"{probability:.6f}", sep="\\t")
'''
_GREY = (19595, 38470, 7471)  # of red, green and blue in 65536, as Pillow has them (ITU-R 601-2)
_FINE = 1 << 22  # Pillow's fixed point of a weight
_GAP = 2.0  # reducing_gap of worker/families/images/pixels.py


def export_classifier(model: Any, assets: Assets, folder: Path) -> keras.Model:
    """Write saved_model/ and example.py; returns the model of Keras' own layers alone. Raises OSError."""
    plain = keras.models.clone_model(model, clone_function=own_layer)
    plain.set_weights(model.get_weights())
    tf.saved_model.save(_Classifier(plain, assets), str(folder / "saved_model"))
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")
    return plain


def own_layer(layer: Any) -> Any:
    """The same layer of Keras' own: other norms differ while training alone."""
    norm = isinstance(layer, keras.layers.BatchNormalization)
    kind = keras.layers.BatchNormalization if norm else type(layer)
    return kind.from_config(layer.get_config())


class _Classifier(tf.Module):
    """Pictures to labels."""

    def __init__(self, model: Any, assets: Assets):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved
        self._model, shape = lambda pixels: model(pixels, training=False), assets["shape"]
        self._labels = tf.constant(assets["classes"])

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, None), tf.uint8, "pictures")], autograph=False)
        def answer(pictures: Any) -> Any:
            """pictures: uint8 (n, height, width, channels), 1 or 3 channels."""
            pixels = tf.cast(resize(colours_of(pictures, shape[2]), shape[:2]), tf.float32)
            shares = tf.nn.softmax(self._model(tf.ensure_shape(pixels, (None, *shape))))
            order = tf.argsort(shares, direction="DESCENDING", stable=True)
            return {
                "labels": tf.gather(self._labels, order),
                "probabilities": tf.gather(shares, order, batch_dims=1),
            }

        self.answer = answer


def colours_of(pictures: Any, channels: int) -> Any:
    """float64 (n, height, width, channels), 1 or 3 of them, of grey or colour pictures uint8 (n, height, width, any)."""
    values = tf.cast(pictures, tf.float64)
    if channels == 3:
        return tf.broadcast_to(values, tf.concat([tf.shape(values)[:3], [3]], 0))
    grey = tf.reduce_sum(values[..., :3] * tf.constant(_GREY, tf.float64), -1, keepdims=True)
    return tf.cond(tf.shape(pictures)[-1] == 1, lambda: values, lambda: tf.floor((grey + 0x8000) / 0x10000))


def resize(pictures: Any, size: Sequence[Any]) -> Any:
    """Scale float64 (n, height, width, channels) of whole numbers 0..255 to (n, *size, channels), likewise.

    What Image.resize(size, BILINEAR, reducing_gap=2.0) gives of pictures of 8 bits. size: whole numbers, or tensors of them.
    Source: Pillow, Image.py, Reduce.c, Resample.c.
    """
    height, width = tf.shape(pictures)[1], tf.shape(pictures)[2]
    down, across = _times(height, size[0]), _times(width, size[1])
    reduced = _reduced(pictures, down, across)
    rows = _weights(tf.shape(reduced)[1], height / down, size[0])
    columns = _weights(tf.shape(reduced)[2], width / across, size[1])

    def across_it(pixels: Any) -> Any:
        return _rounded(tf.einsum("nhwc,ow->nhoc", pixels, columns))

    def down_it(pixels: Any) -> Any:
        return _rounded(tf.einsum("nhwc,oh->nowc", pixels, rows))

    # Each pass rounds, so that their order counts. Pillow 13 goes down first where that leaves it least to do; found by trying
    # 3,000 sizes, none of which says otherwise.
    less_high, less_wide = tf.shape(reduced)[1] - size[0], tf.shape(reduced)[2] - size[1]
    down_first = tf.logical_and(less_high > 0, less_high > 2 * less_wide)
    return tf.cond(down_first, lambda: across_it(down_it(reduced)), lambda: down_it(across_it(reduced)))


def _times(length: Any, size: Any) -> Any:
    """How many pixels are averaged into one beforehand, int32."""
    return tf.maximum(tf.cast(tf.cast(length, tf.float64) / tf.cast(size, tf.float64) / _GAP, tf.int32), 1)


def _reduced(pictures: Any, down: Any, across: Any) -> Any:
    """Means of blocks, at the far edges of what is left there. Reduce.c divides by a fixed-point inverse."""
    height, width = tf.shape(pictures)[1], tf.shape(pictures)[2]

    def blocks(length: Any, times: Any) -> Any:
        of = tf.range(length) // times
        return tf.one_hot(of, (length + times - 1) // times, axis=0, dtype=tf.float64)

    def means() -> Any:
        sums = tf.einsum("nhwc,bh,dw->nbdc", pictures, blocks(height, down), blocks(width, across))
        counts = tf.reduce_sum(blocks(height, down), 1)[:, None] * tf.reduce_sum(blocks(width, across), 1)[None]
        counts = counts[None, :, :, None]
        inverse = tf.floor(tf.cast(tf.constant(2.0**32) / tf.cast(256 * counts, tf.float32), tf.float64))
        return tf.floor((sums + tf.floor(counts / 2)) * inverse / 2.0**24)

    return tf.cond(down * across > 1, means, lambda: pictures)


def _weights(length: Any, span: Any, size: Any) -> Any:
    """How much of each of `length` pixels, `span` of which are the picture, is in each of `size`: float64 (size, length)."""
    scale = tf.cast(tf.cast(span, tf.float32), tf.float64) / tf.cast(
        size, tf.float64
    )  # Pillow keeps the span in single precision
    stretched = tf.maximum(scale, 1.0)
    centre = (tf.range(size, dtype=tf.float64) + 0.5) * scale
    limit = tf.cast(length, tf.float64)
    first = tf.maximum(tf.floor(centre - stretched + 0.5), 0.0)
    last = tf.minimum(tf.floor(centre + stretched + 0.5), limit)
    place = tf.range(limit, dtype=tf.float64)[None]
    weight = tf.maximum(1 - tf.abs(place - centre[:, None] + 0.5) / stretched, 0.0)
    weight = tf.where((place >= first[:, None]) & (place < last[:, None]), weight, 0.0)
    weight /= tf.reduce_sum(weight, 1, keepdims=True)
    return tf.floor(weight * _FINE + 0.5)


def _rounded(sums: Any) -> Any:
    """Fixed point to whole numbers 0..255."""
    return tf.clip_by_value(tf.floor((sums + _FINE / 2) / _FINE), 0.0, 255.0)
