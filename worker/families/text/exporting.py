"""A language model to take away: a SavedModel from token ids to logits, its tokenizer beside it, and ten lines that use both."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from worker.families.text.tokenizer_file import tokenizer_json
from worker.recipe import Assets

EXAMPLE = '''\
"""Continues a text by its likeliest tokens: python example.py TEXT. Needs tensorflow and tokenizers alone."""
import sys
from pathlib import Path

import tensorflow as tf
from tokenizers import Tokenizer

here = Path(__file__).parent
model, tokenizer = tf.saved_model.load(str(here / "saved_model")), Tokenizer.from_file(str(here / "tokenizer.json"))
seen, written = tokenizer.encode(sys.argv[1]).ids, []
for _ in range(40):
    logits = model.answer(tf.constant([seen], tf.int32))  # float32 (1, tokens, vocabulary)
    written.append(int(tf.argmax(logits[0, -1])))  # to write more freely, draw from softmax(logits / temperature)
    seen = seen + written[-1:]
print(tokenizer.decode(written).removesuffix("\\ufffd"))  # the last character may lack a byte
'''
_FORGETS = """\
    if len(seen) >= CONTEXT:
        seen = seen[-(CONTEXT // 2) :]  # the service goes on with half of its context, too
"""


def export_writer(model: Any, assets: Assets, folder: Path, context: int = 0) -> None:
    """Write saved_model/, tokenizer.json and example.py. context: tokens that the model sees at once; 0: any. Raises OSError."""
    tf.saved_model.save(_Writer(model), str(folder / "saved_model"))
    (folder / "tokenizer.json").write_text(tokenizer_json(assets["vocabulary"]), encoding="utf-8")
    looped = "for _ in range(40):\n"
    example = EXAMPLE.replace(looped, looped + _FORGETS.replace("CONTEXT", str(context))) if context else EXAMPLE
    (folder / "example.py").write_text(example, encoding="utf-8")


class _Writer(tf.Module):
    """Tokens to logits."""

    def __init__(self, model: Any):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved

        @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32, "tokens")], autograph=False)
        def answer(tokens: Any) -> Any:
            """tokens: int32 (batch, time); logits float32 (batch, time, vocabulary)."""
            return model(tokens, training=False)

        self.answer = answer
