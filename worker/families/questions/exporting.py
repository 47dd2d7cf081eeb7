"""A network that answers questions to take away: a SavedModel from tokens to the best stretch, its tokenizer, and an example.

Windows and the threshold are inside; cutting texts into tokens is the tokenizer's, since TensorFlow has no means for it.
"""

import shutil
from pathlib import Path
from typing import Any

import tensorflow as tf

from worker.families.language.encoder import FILLER
from worker.families.questions import whole
from worker.families.questions.answering import FAR, Answering
from worker.families.questions.windows import END, PASSAGE, QUESTION
from worker.recipe import Assets

EXAMPLE = '''\
"""Answers a question from a passage: python example.py "QUESTION" "PASSAGE" ... Needs tensorflow and tokenizers alone."""
import sys
from pathlib import Path

import tensorflow as tf
from tokenizers import Tokenizer
from whole import whole

here = Path(__file__).parent
model, tokenizer = tf.saved_model.load(str(here / "saved_model")), Tokenizer.from_file(str(here / "tokenizer.json"))
for question, passage in zip(sys.argv[1::2], sys.argv[2::2]):
    asked, read = (tokenizer.encode(text, add_special_tokens=False) for text in (question, passage))
    said = model.answer(tf.constant(asked.ids, tf.int32), tf.constant(read.ids, tf.int32))
    start, end = whole(passage, read.offsets[int(said["first"])][0], read.offsets[int(said["last"])][1])
    answer = "no answer" if said["none"] else passage[start:end]
    print(answer, start, f"{float(said['share']):.6f}", sep="\\t")
'''


def export_answerer(model: Any, params: Any, assets: Assets, folder: Path) -> None:
    """Write saved_model/, tokenizer.json, example.py and whole.py, which it needs. Raises OSError."""
    answering = Answering(model, assets, params)
    tf.saved_model.save(_Answerer(model, answering), str(folder / "saved_model"))
    (folder / "tokenizer.json").write_text(answering.vocabulary.file(), encoding="utf-8")
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")
    shutil.copyfile(whole.__file__, folder / "whole.py")


class _Answerer(tf.Module):
    """A question and a passage to the best stretch, as worker/families/questions/answering.py finds it."""

    def __init__(self, model: Any, answering: Answering):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved
        frame, longest = answering.frame, answering.longest
        before, between, after = (tf.constant(some, tf.int32) for some in (frame.before, frame.between, frame.after))
        special = len(frame.before) + len(frame.between) + len(frame.after)

        @tf.function(
            input_signature=[tf.TensorSpec((None,), tf.int32, name) for name in ("question", "passage")],
            autograph=False,
        )
        def answer(question: Any, passage: Any) -> Any:
            """question, passage: int32 (time,), tokens without special ones. Returns first and last token of the answer in the
            passage, its share, and whether there is none; first and last are of the likeliest stretch then, too."""
            asked = question[: frame.longest_question]
            room: Any = frame.length - special - tf.shape(asked)[0]
            size: Any = tf.shape(passage)[0]
            tf.debugging.assert_greater(size, 0, "the passage has no token")
            stride = tf.minimum(frame.stride, room)
            left = tf.maximum(size - room, 0)
            starts: Any = tf.minimum(tf.range(1 + (left + stride - 1) // stride) * stride, left)
            begin = tf.concat([before, asked, between], 0)
            width: Any = tf.minimum(room, size)
            many: Any = tf.stack([tf.shape(starts)[0], 1])
            inside = starts[:, None] + tf.range(width)[None]
            pieces = [tf.tile(begin[None], many), tf.gather(passage, inside), tf.tile(after[None], many)]
            parts = [tf.ones_like(some) * part for some, part in zip(pieces, (QUESTION, PASSAGE, END), strict=True)]
            rows = tf.stack([tf.concat(pieces, 1), tf.concat(parts, 1)], 1)
            time: Any = tf.shape(rows)[2]
            scores = model(tf.pad(rows, [[0, 0], [0, 0], [0, -time % 8]], constant_values=FILLER), training=False)
            at = tf.shape(begin)[0]
            begins, ends = scores[:, at : at + width, 0], scores[:, at : at + width, 1]
            none = tf.reduce_sum(scores[:, 0], -1)
            behind = tf.pad(ends, [[0, 0], [0, longest]], constant_values=FAR)
            of_length = tf.gather(behind, tf.range(width)[:, None] + tf.range(longest)[None], axis=1)
            worths = tf.maximum(begins[:, :, None] + of_length - none[:, None, None], FAR)
            places = tf.reshape(inside, [-1, 1])
            all_worths = tf.tensor_scatter_nd_max(
                tf.fill([size, longest], FAR), places, tf.reshape(worths, [-1, longest])
            )
            flat = tf.reshape(all_worths, [-1])
            best: Any = tf.argmax(flat, output_type=tf.int32)
            against = tf.constant([0.0] if answering.knows_none else [], tf.float32)
            total = tf.reduce_logsumexp(tf.concat([flat, against], 0))
            first = best // longest
            return {
                "first": first,
                "last": first + best % longest,
                "share": tf.exp(flat[best] - total),
                "none": flat[best] < answering.threshold,
            }

        self.answer = answer
