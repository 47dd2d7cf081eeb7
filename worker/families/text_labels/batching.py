"""Whole tables of texts answered row by row. Called by Classifier.batch()."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from shared.datasets.tables.reading import TableReader, open_table
from shared.recipes.text_classifier import TextClassifierBatch
from worker.artifacts import Files
from worker.context import Context
from worker.families.evaluation.labels import SAID_FROM
from worker.families.going import Going
from worker.families.row_table import row_table
from worker.families.tables.cells import as_array
from worker.families.tables.named import free_name, refuse_other_columns
from worker.families.text_labels.answering import Answering
from worker.families.text_labels.labels import read_labels
from worker.families.text_labels.rows import joined_texts
from worker.recipe import OpenInput, Report

MOST_SHARES = 20  # labels that get a column each
_AT_ONCE = 1_024  # rows of a table


def classify_table(
    answering: Answering, params: TextClassifierBatch, opened: OpenInput, context: Context, files: Files
) -> Report:
    """Write the rows of a table with their answers, in its order, beginning after those that an earlier attempt has written."""
    read = params.texts or answering.columns
    with open_table(opened.folder) as table:
        refuse_other_columns(table.columns, read)
        kept = table.columns if params.keep_columns else []
        shares = params.probabilities and len(answering.names) <= MOST_SHARES
        heads = [free_name(head, kept) for head in ("row", *heads_of(answering, shares=shares), "error")]
        columns = [heads[0], *kept, *heads[1:]]
        types = {name: table.schema.field(name).type for name in kept}
        types |= {head: pa.float64() for head in heads[2:-1]}
        types |= {heads[0]: pa.int64(), heads[1]: pa.string(), heads[-1]: pa.string()}
        measured = _Measured(answering, table)
        with row_table(files, columns, context=context, file_format=params.format, types=types) as written:
            going = Going(context, "generating", table.num_rows, begun=written.count)
            measured.go_on(written.state)
            for start in range(written.count, table.num_rows, _AT_ONCE):
                stop = min(start + _AT_ONCE, table.num_rows)
                cells = table.arrays(start, stop)
                tokens = answering.cut(joined_texts(cells, read))
                said = answering.all_answers(tokens, context.check)
                blank = tokens.lengths == 0
                arrays = [
                    pa.array(np.arange(start + 1, stop + 1)),
                    *(as_array(cells[name]) for name in kept),
                    *answer_columns(answering, said, shares=shares, blank=blank),
                    pa.array(["there is no text to read" if one else None for one in blank], pa.string()),
                ]
                written.add_batch(pa.RecordBatch.from_arrays(arrays, names=columns))
                measured.add(cells, said, blank)
                written.keep(measured.state())
                going.done(stop - start)
            going.end()
            output = written.done("texts classified")
    return Report(measured.figures(), [output])


def heads_of(answering: Answering, *, shares: bool) -> list[str]:
    """Names of the columns of an answer."""
    probabilities = [f"probability of {name}" for name in (answering.names if shares else [])]
    return (
        ["predicted labels", *probabilities] if answering.many else ["predicted label", "probability", *probabilities]
    )


def answer_columns(answering: Answering, said: np.ndarray, *, shares: bool, blank: np.ndarray) -> list[pa.Array]:
    """Answers as columns, empty where blank, bool (n,). said: as Answering.answers() gives it."""
    numbers = [pa.array(said[:, place], mask=blank) for place in range(said.shape[1] if shares else 0)]
    if answering.many:
        told = [", ".join(answering.names[c] for c in np.flatnonzero(row >= SAID_FROM)) for row in said]
        return [pa.array([None if none else one for none, one in zip(blank, told, strict=True)], pa.string()), *numbers]
    names = pa.array(answering.names, pa.string()).take(pa.array(said.argmax(1), mask=blank))
    return [names, pa.array(said.max(1), mask=blank), *numbers]


class _Measured:
    """How often a batch was right in every label, where the table holds the columns of labels."""

    def __init__(self, answering: Answering, table: TableReader):
        self._answering = answering
        self._known = all(name in table.columns for name in answering.label_columns)
        self._right = self._count = 0

    def go_on(self, state: Mapping[str, int]) -> None:
        """Begin with what was counted of rows that an earlier attempt has written."""
        self._right, self._count = state.get("right", 0), state.get("count", 0)

    def state(self) -> dict[str, int]:
        return {"right": self._right, "count": self._count}

    def add(self, columns: Mapping[str, Any], said: np.ndarray, blank: np.ndarray) -> None:
        if not self._known:
            return
        answering = self._answering
        names = set(answering.names)
        for told, row, none in zip(
            read_labels(columns, answering.label_columns, answering.label_mark), said, blank, strict=True
        ):
            if told is None or none or not set(told) <= names:
                continue
            chosen = np.flatnonzero(row >= SAID_FROM) if answering.many else [row.argmax()]
            self._right += {answering.names[int(c)] for c in chosen} == set(told)
            self._count += 1

    def figures(self) -> dict[str, float]:
        if not self._count:
            return {}
        return {"subset_accuracy" if self._answering.many else "accuracy": self._right / self._count}
