"""A text classifier to take away: a SavedModel from tokens to labels, its tokenizer, and ten lines that use both.

The windows of a long text, their mean and the order of the labels are inside; cutting a text into tokens is the tokenizer's, since
TensorFlow has no means for it.
"""

from pathlib import Path
from typing import Any

import tensorflow as tf

from worker.families.text_labels.tokenizer import PAD, tokenizer_of
from worker.families.text_labels.tokens import MOST_WINDOWS
from worker.recipe import Assets

EXAMPLE = '''\
"""Says which labels texts have: python example.py TEXT ... Needs tensorflow and tokenizers alone."""
import sys
from pathlib import Path

import tensorflow as tf
from tokenizers import Tokenizer

here = Path(__file__).parent
model, tokenizer = tf.saved_model.load(str(here / "saved_model")), Tokenizer.from_file(str(here / "tokenizer.json"))
for number, text in enumerate(sys.argv[1:], 1):
    tokens = tokenizer.encode(text, add_special_tokens=False).ids
    answer = model.answer(tf.constant(tokens, tf.int32))  # labels and probabilities, likeliest first
    for label, probability in zip(answer["labels"].numpy(), answer["probabilities"].numpy()):
        print(number, label.decode(), f"{probability:.6f}", sep="\\t")
'''


def export_text_classifier(model: Any, assets: Assets, folder: Path) -> None:
    """Write saved_model/, tokenizer.json and example.py. Raises OSError."""
    tf.saved_model.save(_Classifier(model, assets), str(folder / "saved_model"))
    (folder / "tokenizer.json").write_text(tokenizer_of(assets).file(), encoding="utf-8")
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")


class _Classifier(tf.Module):
    """Tokens to labels."""

    def __init__(self, model: Any, assets: Assets):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved
        self._labels = tf.constant(assets["names"])
        shares = tf.nn.sigmoid if assets["many"] else tf.nn.softmax
        length: int = assets["length"]
        first = 1 if "encoder" in assets.json else 0  # the number of an encoder's first token: 0 fills up

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32, "tokens")], autograph=False)
        def answer(tokens: Any) -> Any:
            """tokens: int32 (time,), those of one text."""
            said = tf.reduce_mean(shares(model(_windows(tokens + first, length), training=False)), axis=0)
            order = tf.argsort(said, direction="DESCENDING", stable=True)
            return {"labels": tf.gather(self._labels, order), "probabilities": tf.gather(said, order)}

        self.answer = answer


def _windows(tokens: Any, length: int) -> Any:
    """int32 (windows, length), as worker/families/text_labels/tokens.py cuts them."""
    size = tf.shape(tokens)[0]
    count = tf.clip_by_value((size + length - 1) // length, 1, MOST_WINDOWS)
    gaps = tf.maximum(count - 1, 1)
    starts = (2 * tf.range(count) * tf.maximum(size - length, 0) + gaps) // (2 * gaps)
    room: Any = [[0, tf.maximum(length - size, 0)]]
    filled = tf.pad(tokens, room, constant_values=PAD)
    return tf.ensure_shape(tf.gather(filled, starts[:, None] + tf.range(length)[None]), (None, length))
