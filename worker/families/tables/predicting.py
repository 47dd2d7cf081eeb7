"""Uses of a table's model: typed rows answered and explained, whole tables answered row by row."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from shared.errors import RecipeFailed
from shared.outputs import Output, Score, Scores, Table
from shared.recipes.tabular import MOST_ROWS, TabularBatch, TabularGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.row_table import row_table
from worker.families.tables.answering import Answering
from worker.families.tables.batching import answer_columns, heads_of, predict_table
from worker.families.tables.features import empty_rows
from worker.families.tables.losses import HIGH, LOW
from worker.families.tables.typed import typed_rows
from worker.recipe import Assets, Inputs, Report

EXPLAINED = 8  # rows of one job
_INTERVAL = f"{HIGH - LOW:.0%} interval"


class Predictor:
    """A table's model ready for many jobs."""

    def __init__(self, model: Any, assets: Assets, params: Any):
        self._answering = Answering(model, assets, params)
        self._typical = _typical(self._answering, assets)

    def generate(self, params: TabularGenerate, context: Context, files: Files) -> list[Output]:
        """Answer typed rows. Raises RecipeFailed naming all that cannot be read."""
        answering = self._answering
        columns = typed_rows(params.rows, answering.features.columns, MOST_ROWS)
        arrays, wrong = answering.features.encode(columns)
        if wrong:
            told = "; ".join(f"row {row + 1}: {why}" for row, why in sorted(wrong.items())[:10])
            raise RecipeFailed(told, code="bad_rows")
        going = Going(context, "generating", len(next(iter(columns.values()))))
        said = answering.answers(arrays, context.check)
        if len(said) > EXPLAINED:
            going.done(len(said))
            going.end()
            return [self._as_table(said, files)]
        outputs: list[Output] = []
        for row in range(len(said)):
            subject = f"row {row + 1}" if len(said) > 1 else ""
            outputs.append(self._as_scores(said[row], subject, params.top_k))
            if params.explain:
                one = {kind: array[row : row + 1] for kind, array in arrays.items()}
                cells = {name: cells[row].as_py() for name, cells in columns.items()}
                outputs.append(self._explained(one, cells, said[row], subject, context))
            going.done(1)
        going.end()
        return outputs

    def _as_scores(self, said: np.ndarray, subject: str, top_k: int) -> Scores:
        answering = self._answering
        if answering.classes:
            best = np.argsort(-said, kind="stable")[:top_k]
            items = [Score(name=answering.classes[c], value=float(said[c])) for c in best]
            return Scores(title=answering.target, subject=subject, items=items)
        note = f"{_INTERVAL}: {said[1]:.6g} to {said[2]:.6g}, learnt as quantiles"
        return Scores(
            subject=subject, unit="number", items=[Score(name=answering.target, value=float(said[0]), note=note)]
        )

    def _as_table(self, said: np.ndarray, files: Files) -> Table:
        heads = ["row", *heads_of(self._answering, shares=False)]
        arrays = [pa.array(range(1, len(said) + 1)), *answer_columns(self._answering, said, shares=False)]
        with row_table(files, heads) as written:
            written.add_batch(pa.RecordBatch.from_arrays(arrays, names=heads))
            return written.output(f"{written.count:,} rows predicted")

    def _explained(
        self, one: Mapping[str, np.ndarray], cells: Mapping[str, Any], said: np.ndarray, subject: str, context: Context
    ) -> Scores:
        """How the answer moves when each value is replaced by the typical one.

        Source: occlusion, Zeiler, Fergus 2013, arXiv:1311.2901.
        """
        answering = self._answering
        names = answering.features.columns
        repeated = {kind: np.repeat(array, len(names), axis=0) for kind, array in one.items()}
        for row, name in enumerate(names):
            for kind, place in answering.features.places(name):
                repeated[kind][row, place] = self._typical[kind][0, place]
        without = answering.answers(repeated, context.check)
        best = int(said.argmax()) if answering.classes else 0
        effects = said[best] - without[:, best]
        order = np.argsort(-np.abs(effects), kind="stable")
        items = [
            Score(
                name=names[i],
                value=float(effects[i]),
                note="missing" if cells[names[i]] is None else str(cells[names[i]])[:60],
            )
            for i in order
        ]
        what = f"{answering.target} = {answering.classes[best]}" if answering.classes else answering.target
        how = f"how far it falls when a value is replaced by the typical one (occlusion, {len(names)} further answers)"
        title = f"What spoke for {what}: {how}"
        return Scores(title=title, subject=subject, unit="number", items=items)

    def batch(self, params: TabularBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Answer every row of a table, in its order, into a file. Its figures are told where it holds the truth."""
        return predict_table(self._answering, params, inputs["data"], context, files)


def _typical(answering: Answering, assets: Assets) -> dict[str, np.ndarray]:
    """One row of typical values: the middle of numbers, the commonest category, no text."""
    found = empty_rows(answering.features, 1)
    for kind in ("numbers", "categories"):
        if kind in found:
            found[kind][0] = assets.arrays[f"typical_{kind}"]
    return found
