"""A diffusion model to take away: pictures by their class and seed, to the numbers of the service."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from worker.families.making.classes_in_graph import asked_for
from worker.families.making.diffusion import LAST, Diffusion
from worker.families.making.drawing import standard_normal
from worker.recipe import Assets

EXAMPLE = '''\
"""python example.py [CLASS [COUNT [SEED]]]: writes CLASS_SEED_1.png, ... Needs tensorflow. Without CLASS each class in turn."""
import sys
from pathlib import Path

import tensorflow as tf

model = tf.saved_model.load(str(Path(__file__).with_name("saved_model")))
label, count, seed = [*sys.argv[1:], *["", "4", "0"][len(sys.argv) - 1 :]]
pictures = model.make(label, int(count), int(seed), 25, 1.5)  # steps, guidance; uint8 (count, height, width, channels)
for number, picture in enumerate(pictures, 1):
    name = f"{label or 'made'}_{seed}_{number}.png"
    tf.io.write_file(name, tf.io.encode_png(picture))
    print(name)
'''


def export_diffusion(model: Diffusion, assets: Assets, folder: Path) -> keras.Model:
    """Write saved_model/ and example.py; returns the average network, of layers of this project. Raises OSError."""
    tf.saved_model.save(_Diffusion(model, assets["classes"]), str(folder / "saved_model"))
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")
    return model.average


class _Diffusion(tf.Module):
    """Pictures out of noise."""

    def __init__(self, model: Diffusion, classes: list[str]):
        super().__init__()
        self._held = [variable.value for variable in model.average.variables]  # what is not held is not saved
        taken = model.made_by.taken

        def scalar(kind: Any, name: str) -> Any:
            return tf.TensorSpec((), kind, name)

        @tf.function(
            input_signature=[
                scalar(tf.string, "label"), scalar(tf.int32, "count"), scalar(tf.int32, "seed"), scalar(tf.int32, "steps"),
                scalar(tf.float32, "guidance"),
            ],
            autograph=False,
        )  # fmt: skip
        def make(label: Any, count: Any, seed: Any, steps: Any, guidance: Any) -> Any:
            """uint8 (count, height, width, channels), those that the service makes. label: a class, "" for each in turn."""
            of = asked_for(label, count, classes)
            noise = standard_normal(count, model.shape, seed)

            def step(number: Any, noisy: Any, picture: Any) -> Any:
                now, then = (LAST * (1 - tf.cast(number + n, tf.float32) / tf.cast(steps, tf.float32)) for n in (0, 1))
                return number + 1, *taken(noisy, now, then, of, guidance)

            start = (tf.constant(0), noise, noise)
            shape = tf.TensorShape((None, *model.shape))
            *_, picture = tf.while_loop(
                lambda number, *_: number < steps, step, start, (tf.TensorShape(()), shape, shape)
            )
            return tf.cast(tf.clip_by_value(tf.round((picture + 1.0) * 127.5), 0.0, 255.0), tf.uint8)

        self.make = make
