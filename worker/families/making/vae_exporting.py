"""An autoencoder to take away: samples by their seed, and pictures of any size given back, to the numbers of the service."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from worker.families.images.exporting import colours_of, resize
from worker.families.making.drawing import standard_normal
from worker.families.making.likelihood import AsPixels
from worker.families.making.vae import Vae
from worker.recipe import Assets

EXAMPLE = '''\
"""python example.py PICTURE ...: writes PICTURE.made.png, as the model draws it; without one ten samples. Needs tensorflow."""
import sys
from pathlib import Path

import tensorflow as tf

model = tf.saved_model.load(str(Path(__file__).with_name("saved_model")))
for path in sys.argv[1:]:
    picture = tf.io.decode_image(tf.io.read_file(path), expand_animations=False)  # uint8 (height, width, channels)
    answer = model.reconstruct(picture[tf.newaxis])  # the picture, its latent numbers, and its distance in grey levels
    tf.io.write_file(f"{path}.made.png", tf.io.encode_png(answer["pictures"][0]))
    print(path, f"{path}.made.png", f"{answer['error'][0].numpy():.3f}", sep="\\t")
for number, picture in enumerate(model.sample(10, 0) if len(sys.argv) < 2 else []):  # how many, and their seed
    tf.io.write_file(f"sample_{number + 1}.png", tf.io.encode_png(picture))
    print(f"sample_{number + 1}.png")
'''


def export_vae(model: Vae, assets: Assets, folder: Path) -> keras.Model:
    """Write saved_model/ and example.py; returns the model from pixels to pixels of Keras' own layers. Raises OSError."""
    tf.saved_model.save(_Vae(model, assets), str(folder / "saved_model"))
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")
    encoded: Any = model.encoder.output
    means = encoded[:, : model.decoder.input_shape[-1]]
    return keras.Model(model.encoder.input, AsPixels(model.likelihood)(model.decoder(means)))


class _Vae(tf.Module):
    """Samples and reconstructions."""

    def __init__(self, model: Vae, assets: Assets):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved
        shape, latent = assets["shape"], model.decoder.input_shape[-1]

        def whole(pixels: Any) -> Any:
            return tf.cast(tf.clip_by_value(tf.round(pixels), 0.0, 255.0), tf.uint8)

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, None), tf.uint8, "pictures")], autograph=False)
        def reconstruct(pictures: Any) -> Any:
            """pictures: uint8 (n, height, width, channels), 1 or 3 channels."""
            pixels = tf.cast(resize(colours_of(pictures, shape[2]), shape[:2]), tf.float32)
            pixels = tf.ensure_shape(pixels, (None, *shape))
            means, _ = model.encoded(pixels)
            drawn: Any = model.drawn(means)
            error = tf.sqrt(tf.reduce_mean(tf.square(drawn - pixels), (1, 2, 3)))
            return {"pictures": whole(drawn), "latents": means, "error": error}

        @tf.function(
            input_signature=[tf.TensorSpec((), tf.int32, "count"), tf.TensorSpec((), tf.int32, "seed")], autograph=False
        )
        def sample(count: Any, seed: Any) -> Any:
            """uint8 (count, height, width, channels): those that the service makes of this seed, at temperature 1."""
            return whole(model.drawn(standard_normal(count, (latent,), seed)))

        self.reconstruct, self.sample = reconstruct, sample
