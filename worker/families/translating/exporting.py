"""A translator to take away: a SavedModel from tokens to tokens, beams and caches inside, its tokenizers, and ten lines that
use them.

Cutting a text into tokens is the tokenizers', since TensorFlow has no means for it.
"""

from pathlib import Path
from typing import Any

import tensorflow as tf

from worker.families.translating.network import Translator
from worker.families.translating.pieces import BEGIN, END, PAD, vocabularies_of
from worker.generation.decode.beams import BeamEngine, Search
from worker.recipe import Assets

_BEAMS, _PENALTY = 4, 0.6  # as the service's own defaults

EXAMPLE = '''\
"""Writes from texts what the model has learnt to: python example.py TEXT ... Needs tensorflow and tokenizers alone."""
import sys
from pathlib import Path

import tensorflow as tf
from tokenizers import Tokenizer

here = Path(__file__).parent
model = tf.saved_model.load(str(here / "saved_model"))
source, target = (Tokenizer.from_file(str(here / f"{side}_tokenizer.json")) for side in ("source", "target"))
for text in sys.argv[1:]:
    answer = model.answer(tf.constant(source.encode(text).ids, tf.int32))  # beam search; model.greedy is faster
    written = target.decode(answer["tokens"].numpy().tolist()).replace("\\ufffd", "")
    print(f"{float(answer['score']):.6f}", " ".join(written.split()), sep="\\t")
'''


def export_translator(model: Translator, assets: Assets, folder: Path) -> None:
    """Write saved_model/, source_tokenizer.json, target_tokenizer.json and example.py. Raises OSError."""
    tf.saved_model.save(_Writer(model, assets), str(folder / "saved_model"))
    for side, vocabulary in zip(("source", "target"), vocabularies_of(assets), strict=True):
        (folder / f"{side}_tokenizer.json").write_text(vocabulary.file(), encoding="utf-8")
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")


class _Writer(tf.Module):
    """Tokens to tokens."""

    def __init__(self, model: Any, assets: Assets):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved
        most_source, most_target = assets["most"]
        engine = BeamEngine(model, begins=BEGIN, ends=END, fills=PAD, jit=False)

        def made(beams: int) -> Any:
            @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32, "tokens")], autograph=False)
            def answer(tokens: Any) -> Any:
                """tokens: int32 (time,), those of one text; returns its best answer, tokens int32 (written,) and score float32
                ()."""
                read = tf.concat([tokens[:most_source], [END]], 0)
                room = most_source + 1 - tf.shape(read)[0]
                source = tf.ensure_shape(tf.pad(read, [[0, room]], constant_values=PAD)[None], (1, most_source + 1))
                written, score = engine.best(source, Search(beams, _PENALTY, most=most_target))
                return {"tokens": written, "score": score}

            return answer

        self.answer, self.greedy = made(_BEAMS), made(1)
