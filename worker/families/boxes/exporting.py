"""A detector to take away: a SavedModel from a picture of any size to its boxes, and a few lines that use it."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from worker.families.boxes.heads import head_of
from worker.families.boxes.letterbox import GREY
from worker.families.images.exporting import colours_of, own_layer, resize
from worker.recipe import Assets

EXAMPLE = '''\
"""Finds things in pictures, writes PICTURE.boxes.png: python example.py PICTURE ... Needs tensorflow alone; pictures of 8 bits."""
import sys
from pathlib import Path

import tensorflow as tf

model = tf.saved_model.load(str(Path(__file__).with_name("saved_model")))
for path in sys.argv[1:]:
    picture = tf.io.decode_image(tf.io.read_file(path), expand_animations=False)  # uint8 (height, width, channels)
    # boxes (n, 4): left, top, right, bottom in pixels of the picture; scores and labels (n,); the surest first
    answer = model.answer(picture, least_score=0.25, overlap=0.6)
    for box, score, label in zip(answer["boxes"].numpy(), answer["scores"].numpy(), answer["labels"].numpy()):
        print(path, label.decode(), f"{score:.4f}", *(f"{side:.2f}" for side in box), sep="\\t")
    height, width, channels = picture.shape
    sides = tf.gather(answer["boxes"], [1, 0, 3, 2], axis=1) / [height, width, height, width]
    pixels = tf.cast(picture[..., :3] if channels > 2 else tf.tile(picture[..., :1], [1, 1, 3]), tf.float32)
    drawn = tf.image.draw_bounding_boxes(pixels[None], sides[None], [[255.0, 0.0, 0.0]])[0]
    tf.io.write_file(path + ".boxes.png", tf.io.encode_png(tf.cast(drawn, tf.uint8)))
'''


def export_detector(model: Any, assets: Assets, folder: Path) -> keras.Model:
    """Write saved_model/ and example.py; returns the model of Keras' own layers alone. Raises OSError."""
    plain = keras.models.clone_model(model, clone_function=own_layer)
    plain.set_weights(model.get_weights())
    tf.saved_model.save(_Detector(plain, assets), str(folder / "saved_model"))
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")
    return plain


class _Detector(tf.Module):
    """A picture to its boxes."""

    def __init__(self, model: Any, assets: Assets):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved
        names, (height, width, channels) = tf.constant(assets["classes"]), assets["shape"]
        number, search = tf.TensorSpec((), tf.float32), head_of(assets).find

        @tf.function(
            input_signature=[tf.TensorSpec((None, None, None), tf.uint8, "picture"), number, number], autograph=False
        )
        def answer(picture: Any, least_score: Any, overlap: Any) -> Any:
            """picture: uint8 (height, width, channels), 1 or 3 channels. least_score, overlap: 0 to 1."""
            size = tf.cast(tf.shape(picture)[:2], tf.float64)
            room = tf.constant([height, width], tf.float64)
            taken = tf.minimum(tf.maximum(tf.round(size * tf.reduce_min(room / size)), 1.0), room)
            down, across = (tf.cast(taken[axis], tf.int32) for axis in (0, 1))
            pixels = resize(colours_of(picture[None], channels), [down, across])
            rest = [[0, 0], [0, height - down], [0, width - across], [0, 0]]
            pixels = tf.pad(tf.cast(pixels, tf.float32), rest, constant_values=float(GREY))
            logits = model(tf.ensure_shape(pixels, (1, height, width, channels)), training=False)
            boxes, scores, classes, counts = search(
                logits, (height, width), len(assets["classes"]), least_score, overlap
            )
            count, times = counts[0], tf.cast(tf.tile(tf.reverse(size / taken, [0]), [2]), tf.float32)
            edge = tf.cast(tf.tile(tf.reverse(size, [0]), [2]), tf.float32)
            return {
                "boxes": tf.clip_by_value(boxes[0, :count] * times, 0.0, edge),
                "scores": scores[0, :count],
                "labels": tf.gather(names, tf.cast(classes[0, :count], tf.int32)),
            }

        self.answer = answer
