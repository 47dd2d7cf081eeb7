"""Whole tables answered row by row. Called by Predictor.batch()."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from shared.datasets.tables.reading import TableReader, open_table
from shared.errors import RecipeFailed
from shared.recipes.tabular import TabularBatch
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.row_table import row_table
from worker.families.tables.answering import Answering
from worker.families.tables.cells import as_array, as_categories, as_numbers
from worker.families.tables.named import free_name, refuse_other_columns
from worker.recipe import OpenInput, Report

MOST_SHARES = 20  # classes that get a column each
_AT_ONCE = 4_096  # rows of a table


def predict_table(
    answering: Answering, params: TabularBatch, opened: OpenInput, context: Context, files: Files
) -> Report:
    """Write the rows of a table with their answers, in its order, beginning after those that an earlier attempt has written."""
    with open_table(opened.folder) as table:
        refuse_other_columns(table.columns, answering.features.columns)
        kept = table.columns if params.keep_columns else []
        shares = params.probabilities and 0 < len(answering.classes) <= MOST_SHARES
        heads = [free_name(head, kept) for head in ("row", *heads_of(answering, shares=shares), "error")]
        columns = [heads[0], *kept, *heads[1:]]
        types = _types(table, kept, heads, bool(answering.classes))
        measured = _Measured(answering, table)
        with row_table(files, columns, context=context, file_format=params.format, types=types) as written:
            going = Going(context, "generating", table.num_rows, begun=written.count)
            measured.go_on(written.state)
            for start in range(written.count, table.num_rows, _AT_ONCE):
                stop = min(start + _AT_ONCE, table.num_rows)
                cells = table.arrays(start, stop)
                said, wrong = _answers(answering, cells, context)
                arrays = [
                    pa.array(np.arange(start + 1, stop + 1)),
                    *(as_array(cells[name]) for name in kept),
                    *answer_columns(answering, said, shares=shares, wrong=wrong),
                    pa.array(
                        [wrong.get(row) for row in range(stop - start)] if wrong else [None] * len(said), pa.string()
                    ),
                ]
                written.add_batch(pa.RecordBatch.from_arrays(arrays, names=columns))
                measured.add(cells, said, wrong)
                written.keep(measured.state())
                going.done(stop - start)
            going.end()
            output = written.done("rows predicted")
    return Report(measured.figures(), [output])


def heads_of(answering: Answering, *, shares: bool) -> list[str]:
    """Names of the columns of an answer."""
    target, classes = answering.target, answering.classes
    if not classes:
        return [f"predicted {target}", "low", "high"]
    return [f"predicted {target}", "probability", *(f"probability of {name}" for name in (classes if shares else []))]


def answer_columns(
    answering: Answering, said: np.ndarray, *, shares: bool, wrong: Mapping[int, str] | None = None
) -> list[pa.Array]:
    """Answers as columns, empty in the rows of `wrong`. said: as Answering.answers() gives it."""
    blank = np.zeros(len(said), bool)
    blank[list(wrong or ())] = True
    if not answering.classes:
        return [pa.array(said[:, place], mask=blank) for place in range(said.shape[1])]
    best = said.argmax(1)
    names = pa.array(answering.classes, pa.string()).take(pa.array(best, mask=blank))
    found = [names, pa.array(said.max(1), mask=blank)]
    return found + [pa.array(said[:, place], mask=blank) for place in range(said.shape[1] if shares else 0)]


def _types(table: TableReader, kept: list[str], heads: list[str], classes: bool) -> dict[str, pa.DataType]:
    """Arrow types of the columns. heads: "row" first, then those of the answer, "error" last."""
    found: dict[str, pa.DataType] = {name: table.schema.field(name).type for name in kept}
    found |= {head: pa.float64() for head in heads[1:-1]} | {heads[0]: pa.int64(), heads[-1]: pa.string()}
    return found | ({heads[1]: pa.string()} if classes else {})


def _answers(answering: Answering, cells: Mapping[str, Any], context: Context) -> tuple[np.ndarray, dict[int, str]]:
    """Answers to rows of a table, and what is wrong with those that cannot be used, by row. Raises RecipeFailed."""
    try:
        arrays, wrong = answering.features.encode(cells)
    except ValueError as err:
        raise RecipeFailed(str(err), code="other_columns") from err
    return answering.answers(arrays, context.check), wrong


class _Measured:
    """How often a batch was right, or how far off, where the table holds the column that is predicted."""

    def __init__(self, answering: Answering, table: TableReader):
        self._answering = answering
        self._known = answering.target in table.columns and (
            bool(answering.classes) or table.kinds[answering.target] == "number"
        )
        self._sum = self._count = 0.0

    def go_on(self, state: Mapping[str, float]) -> None:
        """Begin with what was counted of rows that an earlier attempt has written."""
        self._sum, self._count = state.get("sum", 0.0), state.get("count", 0.0)

    def state(self) -> dict[str, float]:
        return {"sum": self._sum, "count": self._count}

    def add(self, columns: Mapping[str, Any], said: np.ndarray, wrong: Mapping[int, str]) -> None:
        if not self._known:
            return
        cells, classes = columns[self._answering.target], self._answering.classes
        if classes:
            truth = as_categories(cells, {name: i + 2 for i, name in enumerate(classes)})
            usable, score = truth > 0, said.argmax(1) == truth - 2
        else:
            numbers = as_numbers(self._answering.target, cells, {})
            usable, score = np.isfinite(numbers), np.abs(said[:, 0] - np.where(np.isfinite(numbers), numbers, 0))
        usable = usable.copy()
        usable[list(wrong)] = False
        self._sum += float(score[usable].sum())
        self._count += int(usable.sum())

    def figures(self) -> dict[str, float]:
        if not self._count:
            return {}
        return {"accuracy" if self._answering.classes else "mae": self._sum / self._count}
