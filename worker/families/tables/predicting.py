"""Uses of a table's model: typed rows answered and explained, whole tables answered row by row."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from shared.datasets.tables.reading import TableReader, open_table
from shared.datasets.tables.shown import shown_cell
from shared.errors import RecipeFailed
from shared.outputs import Cell, Output, Score, Scores, Table
from shared.recipes.tabular import MOST_ROWS, TabularBatch, TabularGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.row_table import row_table
from worker.families.tables.answering import Answering
from worker.families.tables.cells import as_categories, as_numbers
from worker.families.tables.features import empty_rows
from worker.families.tables.losses import HIGH, LOW
from worker.families.tables.named import refuse_other_columns
from worker.families.tables.typed import typed_rows
from worker.recipe import Assets, Inputs, Report

EXPLAINED = 8  # rows of one job
MOST_SHARES = 20  # classes that get a column each
_AT_ONCE = 4_096  # rows of a table
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
        said = answering.answers(arrays, context.check)
        if len(said) > EXPLAINED:
            return [self._as_table(said)]
        outputs: list[Output] = []
        for row in range(len(said)):
            subject = f"row {row + 1}" if len(said) > 1 else ""
            outputs.append(self._as_scores(said[row], subject, params.top_k))
            if params.explain:
                one = {kind: array[row : row + 1] for kind, array in arrays.items()}
                cells = {name: cells[row].as_py() for name, cells in columns.items()}
                outputs.append(self._explained(one, cells, said[row], subject, context))
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

    def _as_table(self, said: np.ndarray) -> Table:
        rows: list[list[Cell]] = [[i + 1, *self._cells(said[i], False)] for i in range(len(said))]
        return Table(
            title=f"{len(rows):,} rows predicted",
            columns=["row", *self._heads(False)],
            rows=rows[:100],
            count=len(rows),
        )

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
        how = f"how far it falls when a value is replaced by the typical one ({len(names)} further answers)"
        title = f"What spoke for {what}: {how}"
        return Scores(title=title, subject=subject, unit="number", items=items)

    def batch(self, params: TabularBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Answer every row of a table, in its order, into rows.csv. Its figures are told where it holds the truth."""
        answering = self._answering
        with open_table(inputs["data"].folder) as table:
            refuse_other_columns(table.columns, answering.features.columns)
            kept = table.columns if params.keep_columns else []
            shares = params.probabilities and 0 < len(answering.classes) <= MOST_SHARES
            heads = [_free(head, kept) for head in (*self._heads(shares), "error")]
            going = Going(context, "generating", table.num_rows)
            measured = _Measured(answering, table)
            with row_table(files, ["row", *kept, *heads]) as written:
                for start in range(0, table.num_rows, _AT_ONCE):
                    stop = min(start + _AT_ONCE, table.num_rows)
                    columns = table.arrays(start, stop)
                    said, wrong = self.answer(columns)
                    cells = [[_shown(value) for value in columns[name].to_pylist()] for name in kept]
                    blank: list[Cell] = [None] * (len(heads) - 1)
                    for i in range(stop - start):
                        told = blank if i in wrong else self._cells(said[i], shares)
                        written.add([start + i + 1, *(column[i] for column in cells), *told, wrong.get(i)])
                    measured.add(columns, said, wrong)
                    going.done(stop - start)
            going.end()
            output = written.output(f"{written.count:,} rows predicted")
        return Report(measured.figures(), [output])

    def answer(self, columns: Mapping[str, Any]) -> tuple[np.ndarray, dict[int, str]]:
        """Answers to rows of a table, and what is wrong with those that cannot be used, by row. Raises RecipeFailed."""
        try:
            arrays, wrong = self._answering.features.encode(columns)
        except ValueError as err:
            raise RecipeFailed(str(err), code="other_columns") from err
        return self._answering.answers(arrays), wrong

    def _heads(self, shares: bool) -> list[str]:
        target, classes = self._answering.target, self._answering.classes
        if not classes:
            return [f"predicted {target}", "low", "high"]
        return [
            f"predicted {target}",
            "probability",
            *(f"probability of {name}" for name in (classes if shares else [])),
        ]

    def _cells(self, said: np.ndarray, shares: bool) -> list[Cell]:
        if not self._answering.classes:
            return [float(number) for number in said]
        best = int(said.argmax())
        return [self._answering.classes[best], float(said[best]), *(said.tolist() if shares else [])]


def _typical(answering: Answering, assets: Assets) -> dict[str, np.ndarray]:
    """One row of typical values: the middle of numbers, the commonest category, no text."""
    found = empty_rows(answering.features, 1)
    for kind in ("numbers", "categories"):
        if kind in found:
            found[kind][0] = assets.arrays[f"typical_{kind}"]
    return found


def _free(name: str, taken: list[str]) -> str:
    while name in taken:
        name = f"{name} (model)"
    return name


def _shown(value: Any) -> Cell:
    """A cell as it goes into a CSV."""
    if value is None or isinstance(value, str | bool):
        return value
    return shown_cell(value)


class _Measured:
    """How often a batch was right, or how far off, where the table holds the column that is predicted."""

    def __init__(self, answering: Answering, table: TableReader):
        self._answering = answering
        self._known = answering.target in table.columns and (
            bool(answering.classes) or table.kinds[answering.target] == "number"
        )
        self._sum = self._count = 0.0

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
