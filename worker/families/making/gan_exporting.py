"""A GAN to take away: pictures by their class and seed, to the numbers of the service."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from worker.families.images.exporting import own_layer
from worker.families.making.classes_in_graph import asked_for
from worker.families.making.drawing import standard_normal
from worker.families.making.gan import Gan
from worker.recipe import Assets

EXAMPLE = '''\
"""python example.py [CLASS [COUNT [SEED]]]: writes CLASS_SEED_1.png, ... Needs tensorflow. Without CLASS each class in turn."""
import sys
from pathlib import Path

import tensorflow as tf

model = tf.saved_model.load(str(Path(__file__).with_name("saved_model")))
label, count, seed = [*sys.argv[1:], *["", "4", "0"][len(sys.argv) - 1 :]]
pictures = model.make(label, int(count), int(seed))  # uint8 (count, height, width, channels)
for number, picture in enumerate(pictures, 1):
    name = f"{label or 'made'}_{seed}_{number}.png"
    tf.io.write_file(name, tf.io.encode_png(picture))
    print(name)
'''


def export_gan(model: Gan, assets: Assets, folder: Path) -> keras.Model:
    """Write saved_model/ and example.py; returns the maker of Keras' own layers. Raises OSError."""
    plain = keras.models.clone_model(model.average, clone_function=own_layer)
    plain.set_weights(model.average.get_weights())
    tf.saved_model.save(_Gan(plain, model, assets["classes"]), str(folder / "saved_model"))
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")
    return plain


class _Gan(tf.Module):
    """Pictures out of numbers drawn at random."""

    def __init__(self, plain: keras.Model, model: Gan, classes: list[str]):
        super().__init__()
        self._held = [variable.value for variable in plain.variables]  # what is not held is not saved

        @tf.function(
            input_signature=[
                tf.TensorSpec((), tf.string, "label"),
                tf.TensorSpec((), tf.int32, "count"),
                tf.TensorSpec((), tf.int32, "seed"),
            ],
            autograph=False,
        )
        def make(label: Any, count: Any, seed: Any) -> Any:
            """uint8 (count, height, width, channels), those that the service makes. label: a class, "" for each in turn."""
            of = asked_for(label, count, classes)
            numbers = standard_normal(count, (model.latent,), seed)
            pictures: Any = plain([numbers, of] if classes else numbers, training=False)
            return tf.cast(tf.clip_by_value(tf.round((pictures + 1.0) * 127.5), 0.0, 255.0), tf.uint8)

        self.make = make
