"""Whole tables of texts answered row by row. Called by Writer.batch()."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from shared.datasets.tables.reading import open_table
from shared.recipes.seq2seq_uses import Seq2seqBatch
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.row_table import row_table
from worker.families.tables.cells import as_array
from worker.families.tables.named import free_name, refuse_other_columns
from worker.families.text_labels.rows import joined_texts
from worker.families.translating.answering import Answer, Answering
from worker.families.translating.pieces import clean
from worker.families.translating.scoring import bleu_of, bleu_tokens, score
from worker.recipe import OpenInput, Report

_AT_ONCE = 256  # rows of a table: long enough that some are of like length


def answer_columns(found: Sequence[Sequence[Answer]], answers: int) -> tuple[list[str], list[pa.Array]]:
    """(names, columns): each answer and its score, empty where there is none."""
    names, columns = [], []
    for place in range(answers):
        number = f" {place + 1}" if place else ""
        some = [one[place] if place < len(one) else None for one in found]
        names += [f"answer{number}", f"score{number}"]
        columns.append(pa.array([None if one is None else one.text for one in some], pa.string()))
        columns.append(pa.array([None if one is None else round(one.score, 4) for one in some], pa.float64()))
    return names, columns


def write_table(
    answering: Answering, params: Seq2seqBatch, opened: OpenInput, context: Context, files: Files
) -> Report:
    """Write the rows of a table with their answers, in its order, beginning after those that an earlier attempt has written."""
    read = params.source or answering.assets["source"]
    search = answering.search(params)
    with open_table(opened.folder) as table:
        refuse_other_columns(table.columns, [read])
        kept = table.columns if params.keep_columns else []
        own, _ = answer_columns([], params.answers)
        heads = [free_name(head, kept) for head in ("row", *own, "error")]
        columns = [heads[0], *kept, *heads[1:]]
        types = {name: table.schema.field(name).type for name in kept}
        types |= {head: pa.string() for head in heads} | {heads[0]: pa.int64()}
        types |= {head: pa.float64() for head, name in zip(heads[1:-1], own, strict=True) if name.startswith("score")}
        measured = _Measured(answering, table.columns, read)
        with row_table(files, columns, context=context, file_format=params.format, types=types) as written:
            going = Going(context, "generating", table.num_rows, begun=written.count)
            measured.go_on(written.state)
            for start in range(written.count, table.num_rows, _AT_ONCE):
                stop = min(start + _AT_ONCE, table.num_rows)
                cells = table.arrays(start, stop)
                texts = [clean(text) for text in joined_texts(cells, [read])]
                there = [place for place, text in enumerate(texts) if text]
                found: list[list[Answer]] = [[] for _ in texts]
                some = answering.answers([texts[place] for place in there], search, context.check, done=going.done)
                for place, answers in zip(there, some, strict=True):
                    found[place] = answers
                arrays = [
                    pa.array(np.arange(start + 1, stop + 1)),
                    *(as_array(cells[name]) for name in kept),
                    *answer_columns(found, params.answers)[1],
                    pa.array([None if text else "there is no text to read" for text in texts], pa.string()),
                ]
                written.add_batch(pa.RecordBatch.from_arrays(arrays, names=columns))
                measured.add(cells, found)
                written.keep(measured.state())
                going.done(len(texts) - len(there))
            going.end()
            output = written.done("texts written")
    return Report(measured.figures(), [output])


class _Measured:
    """How near a batch came to the true texts, where the table holds the column of them. What BLEU counts is summed as rows
    come."""

    def __init__(self, answering: Answering, columns: Sequence[str], read: str):
        name = answering.assets["target"]
        self._target = name if name in columns and name != read else ""
        self._tokens = bleu_tokens("auto", answering.assets["scripts"][1])
        self._counts, self._exact, self._count = np.zeros((1, 10)), 0.0, 0

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Begin with what was counted of rows that an earlier attempt has written."""
        self._counts = np.array([state.get("counts", [0.0] * 10)])
        self._exact, self._count = state.get("exact", 0.0), state.get("count", 0)

    def state(self) -> dict[str, Any]:
        return {"counts": self._counts[0].tolist(), "exact": self._exact, "count": self._count}

    def add(self, cells: Mapping[str, Any], found: Sequence[Sequence[Answer]]) -> None:
        if not self._target:
            return
        truths = [clean(text) for text in joined_texts(cells, [self._target])]
        pairs = [(answers[0].text, true) for answers, true in zip(found, truths, strict=True) if answers and true]
        if not pairs:
            return
        scored = score([said for said, _ in pairs], [[true] for _, true in pairs], self._tokens, with_rouge=False)
        self._counts += scored.counts.sum(0)
        self._exact += float(scored.exact.sum())
        self._count += len(pairs)

    def figures(self) -> dict[str, float]:
        if not self._count:
            return {}
        return {"bleu": bleu_of(self._counts), "exact": self._exact / self._count, "measured_rows": float(self._count)}
