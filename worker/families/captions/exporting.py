"""Both encoders to take away: a SavedModel with a function for each, the tokenizer, and ten lines that search."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from worker.families.captions.networks import TwoTowers
from worker.families.images.exporting import colours_of, resize
from worker.families.text_labels.tokenizer import EncoderTokenizer, tokenizer_of
from worker.recipe import Assets

EXAMPLE = '''\
"""Ranks pictures by words: python example.py WORDS PICTURE ... Needs tensorflow and tokenizers alone; pictures of 8 bits."""
import sys
from pathlib import Path

import tensorflow as tf
from tokenizers import Tokenizer

here = Path(__file__).parent
model, tokenizer = tf.saved_model.load(str(here / "saved_model")), Tokenizer.from_file(str(here / "tokenizer.json"))
tokens = tokenizer.encode(sys.argv[1], add_special_tokens=False).ids
words = model.words(tf.constant(tokens, tf.int32))  # of length 1, as those of pictures: products are likenesses
found = []
for path in sys.argv[2:]:
    picture = tf.io.decode_image(tf.io.read_file(path), expand_animations=False)  # uint8 (height, width, channels)
    vector = model.pictures(picture[tf.newaxis])[0]
    found.append((float(tf.tensordot(words, vector, 1)), path))
for likeness, path in sorted(found, reverse=True):
    print(f"{likeness:.6f}", path, sep="\\t")
'''


def export_finder(model: TwoTowers, assets: Assets, folder: Path) -> None:
    """Write saved_model/, tokenizer.json and example.py. Raises OSError."""
    tf.saved_model.save(_Finder(model, assets), str(folder / "saved_model"))
    (folder / "tokenizer.json").write_text(tokenizer_of(assets).file(), encoding="utf-8")
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")


class _Finder(tf.Module):
    """Pictures, and tokens of a text, to vectors."""

    def __init__(self, model: Any, assets: Assets):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved
        shape, length = assets["shape"], assets["length"]
        above = 1 if isinstance(tokenizer_of(assets), EncoderTokenizer) else 0  # numbers within are above the file's

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, None), tf.uint8, "pictures")], autograph=False)
        def pictures(pictures: Any) -> Any:
            """pictures: uint8 (n, height, width, channels), 1 or 3 channels. Gives float32 (n, width)."""
            pixels = tf.cast(resize(colours_of(pictures, shape[2]), shape[:2]), tf.float32)
            return model.pictures(tf.ensure_shape(pixels, (None, *shape)), training=False)

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32, "tokens")], autograph=False)
        def words(tokens: Any) -> Any:
            """tokens: int32 (time,), those of one text, without special ones. Gives float32 (width,)."""
            return model.texts(tokens[None, :length] + above, training=False)[0]

        self.pictures, self.words = pictures, words
