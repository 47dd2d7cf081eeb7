"""A matcher to take away: a SavedModel from tokens to a vector, its tokenizer, and ten lines that use both."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from worker.families.matching.network import PairScores
from worker.families.text_labels.tokenizer import tokenizer_of
from worker.recipe import Assets

EXAMPLE = '''\
"""Says how near texts are to the first: python example.py TEXT TEXT ... Needs tensorflow and tokenizers alone."""
import sys
from pathlib import Path

import tensorflow as tf
from tokenizers import Tokenizer

here = Path(__file__).parent
model, tokenizer = tf.saved_model.load(str(here / "saved_model")), Tokenizer.from_file(str(here / "tokenizer.json"))
vectors = []
for text in sys.argv[1:]:
    tokens = tokenizer.encode(text, add_special_tokens=False).ids
    vectors.append(model.vector(tf.constant(tokens, tf.int32)).numpy())  # of length 1: products are cosines
for text, vector in zip(sys.argv[2:], vectors[1:]):
    print(f"{float(vectors[0] @ vector):.6f}", text, sep="\\t")
'''


def export_matcher(model: PairScores, assets: Assets, folder: Path) -> None:
    """Write saved_model/, tokenizer.json and example.py. Raises OSError."""
    tf.saved_model.save(_Vector(model, assets["length"]), str(folder / "saved_model"))
    (folder / "tokenizer.json").write_text(tokenizer_of(assets).file(), encoding="utf-8")
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")


class _Vector(tf.Module):
    """Tokens to a vector."""

    def __init__(self, model: Any, length: int):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32, "tokens")], autograph=False)
        def vector(tokens: Any) -> Any:
            """tokens: int32 (time,), those of one text, without special ones."""
            return model.vectors(tokens[None, :length] + 1)[0]

        self.vector = vector
