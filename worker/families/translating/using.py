"""Uses of a network that writes: texts typed in, whole tables row by row."""

from typing import Any

import pyarrow as pa

from shared.errors import RecipeFailed, cut
from shared.jobs.job import Progress
from shared.outputs import Output, Table, Text
from shared.recipes.seq2seq_uses import MOST_TEXTS, Seq2seqBatch, Seq2seqGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.row_table import row_table
from worker.families.translating.alignment import aligned
from worker.families.translating.answering import Answer, Answering
from worker.families.translating.batching import answer_columns, write_table
from worker.families.translating.pieces import clean
from worker.recipe import Assets, Inputs, Report

_ALONE = 8  # texts of one job that are shown one by one
_PROMPT = 2_000  # characters of a source that stand above its answer


class Writer:
    """A network ready for many jobs."""

    def __init__(self, model: Any, assets: Assets):
        self._answering = Answering(model, assets)

    def generate(self, params: Seq2seqGenerate, context: Context, files: Files) -> Report:
        """Write from typed texts. Raises RecipeFailed where there is nothing to write from."""
        texts = _typed(params)
        answering = self._answering
        going = Going(context, "generating", len(texts))

        def compiles() -> None:
            context.progress(Progress(phase="compiling", step=0, total_steps=len(texts)))

        found = answering.answers(texts, answering.search(params), context.check, compiles, going.done)
        going.end()
        tokens = float(sum(len(answers[0].tokens) for answers in found if answers))
        figures = {"texts": float(len(texts)), "tokens": tokens}
        if len(texts) > _ALONE:
            return Report(figures, [_as_table(texts, found, params.answers, files)])
        outputs: list[Output] = []
        for text, answers in zip(texts, found, strict=True):
            outputs += self._shown(text, answers[: params.answers])
            if params.alignment and answers and answers[0].text:
                context.check()
                outputs.append(aligned(answering, text, answers[0].text))
        return Report(figures, outputs)

    def _shown(self, text: str, answers: list[Answer]) -> list[Output]:
        read = len(self._answering.source.encode([text])[0])
        most = self._answering.most_source
        outputs: list[Output] = []
        for place, answer in enumerate(answers):
            said = [f"score {answer.score:.2f}"]
            if len(answers) > 1:
                said.insert(0, f"answer {place + 1} of {len(answers)}")
            if not answer.ended:
                said.append(f"cut at {len(answer.tokens):,} tokens")
            if read > most:
                said.append(f"of the source the first {most:,} tokens were read")
            prompt = "" if place else f"{cut(clean(text), _PROMPT)}\n"
            outputs.append(Text(title="; ".join(said), prompt=prompt, text=answer.text))
        return outputs

    def batch(self, params: Seq2seqBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Write from every row of a table, in its order, into a file. Its figures are told where it holds the truth."""
        return write_table(self._answering, params, inputs["data"], context, files)


def _typed(params: Seq2seqGenerate) -> list[str]:
    """The texts that were typed. Raises RecipeFailed."""
    texts = [line for line in params.text.splitlines() if line.strip()] if params.by_line else [params.text]
    if not any(text.strip() for text in texts):
        raise RecipeFailed("there is nothing to write from", code="no_text")
    if len(texts) > MOST_TEXTS:
        message = (
            f"{len(texts):,} lines; at most {MOST_TEXTS:,} can be typed in: upload them as a dataset, and use that"
        )
        raise RecipeFailed(message, code="too_many_texts")
    return texts


def _as_table(texts: list[str], found: list[list[Answer]], answers: int, files: Files) -> Table:
    names, columns = answer_columns(found, answers)
    heads = ["row", "source", *names]
    with row_table(files, heads) as written:
        written.add_batch(
            pa.RecordBatch.from_arrays([pa.array(range(1, len(texts) + 1)), pa.array(texts), *columns], names=heads)
        )
        return written.output(f"{len(texts):,} texts")
