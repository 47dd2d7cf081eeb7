"""Recommendations for all people of a table, and the values of all its rows. Called by Recommender.batch()."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from shared.datasets.tables.reading import TableReader, open_table
from shared.errors import cut
from shared.recipes.recommending_uses import RecommendBatch
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.recommending.best_items import BestItems
from worker.families.recommending.history_vectors import HistoryVectors
from worker.families.recommending.known import Known
from worker.families.recommending.names import Coder, as_id
from worker.families.recommending.vectors import Vectors
from worker.families.row_table import row_table
from worker.families.tables.cells import as_array, as_category
from worker.families.tables.named import free_name, refuse_other_columns
from worker.recipe import OpenInput, Report

_AT_ONCE = 65_536  # rows read
_PEOPLE = 64  # answered between two looks at the clock


def recommend_table(
    vectors: Vectors,
    best: BestItems,
    of: Known,
    params: RecommendBatch,
    opened: OpenInput,
    context: Context,
    files: Files,
) -> Report:
    """Write the answers, beginning after those that an earlier attempt has written."""
    with open_table(opened.folder) as table:
        needed = [of.columns["user"], *([of.columns["item"]] if params.answer == "values" else [])]
        refuse_other_columns(table.columns, needed)
        if params.answer == "values":
            return _values(vectors, of, params, table, context, files)
        return _items(vectors, best, of, params, table, context, files)


class _Newcomers:
    """People of the table who are not known, told by those of its columns that were learnt from; of several rows by the first."""

    def __init__(self, vectors: Vectors, of: Known, columns: Sequence[str]):
        self._vectors, self._of = vectors, of
        described = of.described.columns if of.described is not None else []
        self.columns = [name for name in described if name in columns]
        self._cells: dict[str, dict[str, str]] = {}

    def add(self, names: Sequence[str], cells: dict[str, Any]) -> None:
        """cells: by column, of as many rows."""
        told = {column: as_array(cells[column]).to_pylist() for column in self.columns}
        for row, name in enumerate(names if self.columns else ()):
            if name and name not in self._cells and self._of.person(name) is None:
                mine = {column: values[row] for column, values in told.items()}
                self._cells[name] = {column: as_category(cell) for column, cell in mine.items() if cell is not None}

    def vector(self, name: str) -> np.ndarray | str:
        """float32 (width,), or why there is none."""
        unknown = _unknown(self._of, "user", name)
        if self._of.described is None or not isinstance(self._vectors, HistoryVectors) or name not in self._cells:
            return unknown
        try:
            features, _ = self._of.described.features(self._cells[name])
        except ValueError as err:
            return f"{unknown}; {err}"
        if not features.told.any():
            return f"{unknown}, and nothing that is known in {', '.join(self.columns)}"
        return self._vectors.by_columns([], features)


def _people(table: TableReader, column: str, newcomers: _Newcomers, context: Context) -> list[str]:
    """Each different person in the order they first stand there."""
    coder = Coder()
    for start in range(0, table.num_rows, _AT_ONCE):
        context.check()
        stop = min(start + _AT_ONCE, table.num_rows)
        cells = table.arrays(start, stop, list(dict.fromkeys([column, *newcomers.columns])))
        places = coder.codes(cells[column])
        newcomers.add([coder.ids[place] if place >= 0 else "" for place in places.tolist()], cells)
    return coder.ids


def _items(
    vectors: Vectors,
    best: BestItems,
    of: Known,
    params: RecommendBatch,
    table: TableReader,
    context: Context,
    files: Files,
) -> Report:
    newcomers = _Newcomers(vectors, of, table.columns)
    people = _people(table, of.columns["user"], newcomers, context)
    figure = of.columns["value"] if of.goal == "ratings" else "score"
    heads: list[str] = []
    for name in (of.columns["user"], "rank", of.columns["item"], "title", figure, "error"):
        heads.append(free_name(name, heads))
    types = dict(
        zip(heads, [pa.string(), pa.int64(), pa.string(), pa.string(), pa.float64(), pa.string()], strict=True)
    )
    with row_table(files, heads, context=context, file_format=params.format, types=types) as written:
        begun, unknown = written.state.get("people", 0), written.state.get("unknown", 0)
        going = Going(context, "generating", len(people), begun=begun)
        for start in range(begun, len(people), _PEOPLE):
            some = people[start : start + _PEOPLE]
            places = [of.person(name) for name in some]
            known = iter(vectors.users[np.array([place for place in places if place is not None], np.int64)])
            for name, person in zip(some, places, strict=True):
                vector = newcomers.vector(name) if person is None else next(known)
                if isinstance(vector, str):
                    unknown += 1
                    written.add([name, None, None, None, None, vector])
                    continue
                has = None if params.seen or person is None else of.history(person)[0]
                best_places, scores = best.find(vector, params.count, has)
                said: Any = scores
                if of.goal == "ratings":
                    said = vectors.as_values(scores, vectors.user_bias[person])
                for rank, (place, value) in enumerate(zip(best_places.tolist(), said.tolist(), strict=True), 1):
                    written.add([name, rank, of.catalogue.ids[place], of.catalogue.titles[place], float(value), None])
            written.keep({"people": start + len(some), "unknown": unknown})
            going.done(len(some))
        going.end()
    title = f"{len(people) - unknown:,} people" + (f", {unknown:,} that are not known" if unknown else "")
    return Report({"people": float(len(people) - unknown), "errors": float(unknown)}, [written.output(title)])


def _values(
    vectors: Vectors, of: Known, params: RecommendBatch, table: TableReader, context: Context, files: Files
) -> Report:
    user, item = of.columns["user"], of.columns["item"]
    heads = [user, item]
    heads += [
        free_name(f"foreseen {of.columns['value']}" if of.goal == "ratings" else "score", heads),
        free_name("error", heads),
    ]
    types = dict(zip(heads, [pa.string(), pa.string(), pa.float64(), pa.string()], strict=True))
    with row_table(files, heads, context=context, file_format=params.format, types=types) as written:
        errors = written.state.get("errors", 0)
        going = Going(context, "generating", table.num_rows, begun=written.count)
        for start in range(written.count, table.num_rows, _AT_ONCE):
            stop = min(start + _AT_ONCE, table.num_rows)
            cells = table.arrays(start, stop, [user, item])
            names = [
                [None if v is None else as_id(v) for v in as_array(cells[name]).to_pylist()] for name in (user, item)
            ]
            people, items = _places(of.person, names[0]), _places(of.item, names[1])
            good = (people >= 0) & (items >= 0)
            said = np.zeros(len(good))
            said[good] = _said(vectors, of, people[good], items[good])
            wrong = [None if fine else _why(of, a, b) for fine, a, b in zip(good, *names, strict=True)]
            errors += int((~good).sum())
            columns = [
                pa.array(names[0], pa.string()), pa.array(names[1], pa.string()), pa.array(said, mask=~good),
                pa.array(wrong, pa.string()),
            ]  # fmt: skip
            written.add_batch(pa.RecordBatch.from_arrays(columns, names=heads))
            written.keep({"errors": errors})
            going.done(stop - start)
        going.end()
        output = written.output(f"{written.count:,} rows" + (f", {errors:,} that cannot be told" if errors else ""))
    return Report({"rows": float(written.count), "errors": float(errors)}, [output])


def _places(find: Callable[[str], int | None], names: list[str | None]) -> np.ndarray:
    """int64 (rows,), -1 for what is not known."""
    found = [None if name is None else find(name) for name in names]
    return np.array([-1 if place is None else place for place in found], np.int64)


def _said(vectors: Vectors, of: Known, people: np.ndarray, items: np.ndarray) -> np.ndarray:
    if of.goal == "ratings":
        return vectors.values(people, items)
    return np.einsum("nw,nw->n", vectors.users[people], vectors.items[items]) + vectors.item_bias[items]


def _why(of: Known, person: str | None, item: str | None) -> str:
    told: list[str] = []
    for what, name, found in (("user", person, of.person(person or "")), ("item", item, of.item(item or ""))):
        if found is None:
            told.append(_unknown(of, what, name))
    return "; ".join(told)


def _unknown(of: Known, what: str, name: str | None) -> str:
    return f"there is no {of.columns[what]} {cut(name, 60)!r}" if name else f"no {of.columns[what]} is told"
