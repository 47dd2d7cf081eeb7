"""Uses of a text network: typed texts answered and explained, whole tables answered row by row."""

from typing import Any

import numpy as np
import pyarrow as pa

from shared.errors import RecipeFailed, cut
from shared.outputs import Mark, Output, Score, Scores, Table, Text
from shared.recipes.text_classifier import MOST_TEXTS, TextClassifierBatch, TextClassifierGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.evaluation.labels import SAID_FROM
from worker.families.going import Going
from worker.families.row_table import row_table
from worker.families.text_labels.answering import Answering
from worker.families.text_labels.batching import answer_columns, classify_table, heads_of
from worker.families.text_labels.tokens import Tokens
from worker.recipe import Assets, Inputs, Report

EXPLAINED = 8  # texts of one job
_MOST_REPLACED = 200  # tokens, each replaced by itself; of longer texts some in a row go together
_TINY = 1e-12
_SHOWN = 60  # characters of a text above its answer


class Classifier:
    """A text network ready for many jobs."""

    def __init__(self, model: Any, assets: Assets, params: Any):
        self._answering = Answering(model, assets, params)

    def generate(self, params: TextClassifierGenerate, context: Context, files: Files) -> list[Output]:
        """Answer typed texts. Raises RecipeFailed naming all that hold nothing to read."""
        refuse_classes(params)
        texts = typed_texts(params)
        answering = self._answering
        tokens = answering.cut(texts)
        if wrong := np.flatnonzero(tokens.lengths == 0).tolist():
            told = ", ".join(str(place + 1) for place in wrong[:20])
            raise RecipeFailed(f"there is nothing to read in text {told}", code="no_text")
        going = Going(context, "generating", len(texts))
        said = answering.all_answers(tokens, context.check)
        if len(texts) > EXPLAINED:
            going.done(len(texts))
            going.end()
            return [self._as_table(texts, said, files)]
        outputs: list[Output] = []
        for place, text in enumerate(texts):
            subject = cut(" ".join(text.split()), _SHOWN)
            outputs.append(self._as_scores(said[place], subject, params.top_k))
            if params.explain:
                outputs.append(self._explained(text, tokens.text(place), said[place], context))
            going.done(1)
        going.end()
        return outputs

    def _as_scores(self, said: np.ndarray, subject: str, top_k: int) -> Scores:
        best = np.argsort(-said, kind="stable")[:top_k].tolist()
        note = "said" if self._answering.many else ""
        items = [
            Score(name=self._answering.names[c], value=float(said[c]), note=note if said[c] >= SAID_FROM else "")
            for c in best
        ]
        return Scores(title=", ".join(self._answering.label_columns[:3]), subject=subject, items=items)

    def _as_table(self, texts: list[str], said: np.ndarray, files: Files) -> Table:
        heads = ["row", *heads_of(self._answering, shares=False), "text"]
        arrays = [
            pa.array(range(1, len(said) + 1)),
            *answer_columns(self._answering, said, shares=False, blank=np.zeros(len(said), bool)),
            pa.array(texts),
        ]
        with row_table(files, heads) as written:
            written.add_batch(pa.RecordBatch.from_arrays(arrays, names=heads))
            return written.output(f"{written.count:,} texts classified")

    def _explained(self, text: str, ids: np.ndarray, said: np.ndarray, context: Context) -> Text:
        """How far the answer falls when a token is replaced by an unknown one, as marks in the text.

        In log-odds: near 0 and 1 probabilities hardly move, whatever is taken away.
        Source: Li, Monroe, Jurafsky 2016, arXiv:1612.08220.
        """
        answering = self._answering
        best = int(said.argmax())
        together = -(-len(ids) // _MOST_REPLACED)
        starts = range(0, len(ids), together)
        changed = []
        for start in starts:
            one = ids.copy()
            one[start : start + together] = answering.tokenizer.unknown
            changed.append(one)
        without = answering.all_answers(Tokens.of(changed), context.check)[:, best]
        effects = _log_odds(said[best]) - _log_odds(without)
        largest = float(np.abs(effects).max())
        spans = answering.tokenizer.spans(text)
        marks = []
        for start, effect in zip(starts, effects.tolist(), strict=True):
            some = spans[start : start + together]
            begin, end = some[0][0], some[-1][1]
            begin += len(text[begin:end]) - len(text[begin:end].lstrip())
            if begin < end and largest:
                marks.append(Mark(start=begin, end=end, score=effect / largest))
        what = "a token is" if together == 1 else f"{together} tokens in a row are"
        title = (
            f"What spoke for {answering.names[best]}: how far its log-odds fall when {what} replaced by an unknown one "
            f"({len(changed)} further answers; the strongest moves them by {largest:.2g})"
        )
        return Text(title=title, text=text, marks=marks)

    def batch(self, params: TextClassifierBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Answer every row of a table, in its order, into a file. Its figures are told where it holds the truth."""
        refuse_classes(params)
        return classify_table(self._answering, params, inputs["data"], context, files)


def _log_odds(share: Any) -> Any:
    clipped = np.clip(share, _TINY, 1 - _TINY)
    return np.log(clipped / (1 - clipped))


def refuse_classes(params: Any) -> None:
    """Raise RecipeFailed where classes are named to a model that has learnt its own."""
    if params.classes:
        message = (
            "classes are for an encoder as it came: this model has learnt its labels and tells these; leave classes out"
        )
        raise RecipeFailed(message, code="classes_known")


def typed_texts(params: TextClassifierGenerate) -> list[str]:
    """The texts that were typed. Raises RecipeFailed."""
    if not params.by_line:
        return [params.text]
    texts = [line.strip() for line in params.text.splitlines() if line.strip()]
    if not texts:
        raise RecipeFailed("there is no line to classify", code="no_text")
    if len(texts) > MOST_TEXTS:
        message = (
            f"{len(texts):,} lines; at most {MOST_TEXTS:,} can be typed in: upload them as a dataset, and classify that"
        )
        raise RecipeFailed(message, code="too_many_texts")
    return texts
