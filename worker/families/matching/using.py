"""Uses of vectors: a table searched by what somebody asks, and a table's texts compared with each other."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from shared.datasets.tables.reading import open_table
from shared.errors import RecipeFailed, cut
from shared.outputs import Output, Score, Scores, Table
from shared.recipes.text_matcher import MOST_ASKED, TextMatcherBatch, TextMatcherSearch
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.language.vectors import EncoderVocabulary, TextVectors
from worker.families.matching.grouping import as_many_as, doubles, groups, named
from worker.families.matching.held import columns_of, hash_of, held_vectors
from worker.families.matching.nearest import nearest
from worker.families.row_table import row_table
from worker.families.tables.cells import as_array
from worker.families.tables.named import free_name
from worker.families.text_labels.rows import joined_texts
from worker.families.text_labels.upon_encoder import open_encoder
from worker.recipe import Inputs, OpenInput, Report

MOST_COMPARED = 100_000  # each with all others: minutes
_SHOWN = 300  # characters of a text
_ALONE = 8  # questions that get an answer each; more come as a table
_NEAR = 8  # others of each text that are looked at for doubles
_AT_ONCE = 1_024  # rows of a table


class Matcher:
    """Vectors ready for many jobs; holds those of the table that was searched last."""

    def __init__(self, vectors: TextVectors, model: str):
        self._vectors, self._model = vectors, model
        self._held: tuple[Any, np.ndarray] | None = None

    def generate(self, params: TextMatcherSearch, inputs: Inputs, context: Context, files: Files) -> list[Output]:
        """Rank a table's texts for each question. Raises RecipeFailed."""
        questions, opened = _questions(params), inputs["data"]
        columns = columns_of(opened, params.texts)
        held = self._of(opened, columns, context)
        asked = self._vectors.of(questions, context.check)
        places, cosines = nearest(held, asked, params.top_k, check=context.check)
        rows = np.unique(places)
        with open_table(opened.folder) as table:
            texts = dict(zip(rows.tolist(), joined_texts(table.take(rows.tolist(), columns), columns), strict=True))
        if len(questions) > _ALONE:
            return [_as_table(questions, places, cosines, texts, files)]
        found: list[Output] = []
        for question, some, near in zip(questions, places.tolist(), cosines.tolist(), strict=True):
            items = [
                Score(name=cut(" ".join(texts[place].split()), _SHOWN), value=value, note=f"row {place + 1}")
                for place, value in zip(some, near, strict=True)
            ]
            title = f"nearest of {len(held):,} texts"
            found.append(Scores(title=title, unit="number", subject=cut(" ".join(question.split()), 60), items=items))
        return found

    def batch(self, params: TextMatcherBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Tell of every row of a table its nearest other, what it is a double of, and its group."""
        opened = inputs["data"]
        columns = columns_of(opened, params.texts)
        held = self._of(opened, columns, context)
        if len(held) > MOST_COMPARED:
            message = f"the table has {len(held):,} rows; at most {MOST_COMPARED:,} are compared with each other"
            raise RecipeFailed(message, code="too_many_texts")
        there = np.flatnonzero(held.any(1))
        vectors = held[there]
        places, cosines = nearest(vectors, vectors, _NEAR, apart=np.arange(len(vectors)), check=context.check)
        first = doubles(places, cosines, params.same_from)
        count = params.clusters or as_many_as(len(vectors))
        group = groups(vectors, count, params.seed)
        count = int(group.max(initial=0)) + 1
        names = named(_texts(opened, columns, there, group), count, context.check) if params.clusters != 1 else ["all"]
        told = _Told(len(held), there, places, cosines, first, group, names)
        outputs = [self._rows(told, held, params, opened, context, files), *told.tables()]
        metrics = {"texts": float(len(there)), "doubles": float((first >= 0).sum()), "clusters": float(count)}
        return Report(metrics, outputs)

    def _rows(
        self,
        told: "_Told",
        held: np.ndarray,
        params: TextMatcherBatch,
        opened: OpenInput,
        context: Context,
        files: Files,
    ) -> Table:
        with open_table(opened.folder) as table:
            kept = table.columns if params.keep_columns else []
            own = [free_name(head, kept) for head in ("row", *_HEADS, *(["vector"] if params.vectors else []), "error")]
            types = {name: table.schema.field(name).type for name in kept} | dict(zip(own, _types(params), strict=True))
            heads = [own[0], *kept, *own[1:]]
            with row_table(files, heads, context=context, file_format=params.format, types=types) as written:
                going = Going(context, "generating", table.num_rows, begun=written.count)
                for start in range(written.count, table.num_rows, _AT_ONCE):
                    stop = min(start + _AT_ONCE, table.num_rows)
                    cells = table.arrays(start, stop, kept) if kept else {}
                    shown = told.columns(start, stop)
                    if params.vectors:
                        shown.append(
                            pa.array([" ".join(f"{x:.6g}" for x in row) for row in held[start:stop]], pa.string())
                        )
                    empty = ["there is no text to read" if not row.any() else None for row in held[start:stop]]
                    arrays = [
                        pa.array(np.arange(start + 1, stop + 1)),
                        *(as_array(cells[name]) for name in kept),
                        *shown,
                        pa.array(empty, pa.string()),
                    ]
                    written.add_batch(pa.RecordBatch.from_arrays(arrays, names=heads))
                    written.keep()
                    going.done(stop - start)
                going.end()
                return written.output(f"{written.count:,} texts compared")

    def _of(self, opened: OpenInput, columns: list[str], context: Context) -> np.ndarray:
        key = (opened.hash, tuple(columns))
        if self._held is None or self._held[0] != key:
            self._held = None  # the one before goes first
            self._held = key, held_vectors(opened, columns, self._vectors, self._model, context)
        return self._held[1]


_HEADS = ("nearest row", "likeness", "double of row", "group", "group's name")


def _types(params: TextMatcherBatch) -> list[pa.DataType]:
    more = [pa.string()] if params.vectors else []
    return [pa.int64(), pa.int64(), pa.float64(), pa.int64(), pa.int64(), pa.string(), *more, pa.string()]


class _Told:
    """What is told of each row, by number; nothing of rows without a text."""

    def __init__(
        self,
        rows: int,
        there: np.ndarray,
        places: np.ndarray,
        cosines: np.ndarray,
        first: np.ndarray,
        group: np.ndarray,
        names: list[str],
    ):
        self.names, self._group = names, group
        self._blank = np.ones(rows, bool)
        self._blank[there] = False
        self._nearest, self._first, self._groups = (np.full(rows, -1, np.int64) for _ in range(3))
        self._cosines = np.zeros(rows)
        if places.shape[1]:
            self._nearest[there], self._cosines[there] = there[places[:, 0]] + 1, cosines[:, 0]
        self._first[there] = np.where(first >= 0, there[first] + 1, -1)
        self._groups[there] = group + 1

    def columns(self, start: int, stop: int) -> list[pa.Array]:
        some = slice(start, stop)
        lonely = self._nearest[some] < 0
        return [
            pa.array(self._nearest[some], mask=lonely),
            pa.array(np.round(self._cosines[some], 6), mask=lonely),
            pa.array(self._first[some], mask=self._first[some] < 0),
            pa.array(self._groups[some], mask=self._blank[some]),
            pa.array([None if none else self.names[group - 1] for none, group in zip(
                self._blank[some], self._groups[some].tolist(), strict=True)], pa.string()),
        ]  # fmt: skip

    def tables(self) -> list[Output]:
        """The groups with their names and sizes."""
        sizes = np.bincount(self._group, minlength=len(self.names)).tolist()
        rows: Any = [[number, name, size] for number, (name, size) in enumerate(zip(self.names, sizes, strict=True), 1)]
        return [Table(title="Groups", columns=["group", "name", "texts"], rows=rows[:100], count=len(rows))]


def _texts(
    opened: OpenInput, columns: list[str], there: np.ndarray, group: np.ndarray
) -> Iterator[list[tuple[int, str]]]:
    """(group, text) of the rows that have one, some at a time."""
    of = dict(zip(there.tolist(), group.tolist(), strict=True))
    with open_table(opened.folder) as table:
        for start in range(0, table.num_rows, _AT_ONCE):
            stop = min(start + _AT_ONCE, table.num_rows)
            texts = joined_texts(table.arrays(start, stop, columns), columns)
            yield [(of[start + place], text) for place, text in enumerate(texts) if start + place in of]


def _questions(params: TextMatcherSearch) -> list[str]:
    """What was typed in. Raises RecipeFailed."""
    found = [line.strip() for line in params.text.splitlines()] if params.by_line else [params.text]
    found = [text for text in found if text.strip()]
    if not found:
        raise RecipeFailed("there is nothing to look for", code="no_text")
    if len(found) > MOST_ASKED:
        raise RecipeFailed(f"{len(found):,} lines; at most {MOST_ASKED:,} are asked at once", code="too_many_texts")
    return found


def _as_table(
    questions: list[str], places: np.ndarray, cosines: np.ndarray, texts: dict[int, str], files: Files
) -> Table:
    heads = ["asked", "place", "row", "likeness", "text"]
    with row_table(files, heads) as written:
        for question, some, near in zip(questions, places.tolist(), cosines.tolist(), strict=True):
            for rank, (place, value) in enumerate(zip(some, near, strict=True), 1):
                written.add([question, rank, place + 1, value, texts[place]])
        return written.output(f"{len(questions):,} questions")


def open_as_it_came(opened: OpenInput) -> Matcher:
    """An encoder without any training: the mean of its tokens."""
    vectors = TextVectors(open_encoder(opened), EncoderVocabulary.of(opened.folder))
    return Matcher(vectors, f"base {opened.hash} {vectors.length}")


def open_trained(model: Any, vectors: TextVectors) -> Matcher:
    return Matcher(vectors, hash_of(model, vectors.length, model.pooling))
