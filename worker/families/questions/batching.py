"""Whole files of questions answered one by one: in SQuAD's form, or tables. Called by Answerer.batch()."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from shared.datasets.tables.reading import open_table
from shared.recipes.question_answering import QuestionAnsweringBatch
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.questions.answering import Answering, Said
from worker.families.questions.passages import Passages, is_unparted
from worker.families.questions.scoring import scores
from worker.families.row_table import row_table
from worker.families.tables.cells import as_array
from worker.families.tables.named import free_name, refuse_other_columns
from worker.families.text_labels.rows import joined_texts
from worker.recipe import OpenInput, Report

_AT_ONCE = 64  # questions
_TYPES = {"row": pa.int64(), "answer": pa.string(), "score": pa.float64(), "start": pa.int64(), "error": pa.string()}


@dataclass(frozen=True)
class _Rows:
    """Some rows: the columns of theirs that are kept, questions, passages, and the right answers where they are known."""

    kept: list[pa.Array]
    questions: list[str]
    passages: list[str]
    right: list[list[str]] | None = None


class _SquadRows:
    """The questions of a file in SQuAD's form, in its order."""

    def __init__(self, opened: OpenInput):
        self._passages = Passages(opened.folder)
        self.count: int = opened.dataset.report.rows
        self.types = {"id": pa.string(), "question": pa.string()}

    def some(self, begin: int) -> Iterator[_Rows]:
        held: list[tuple[str, str, str, list[str]]] = []
        number = 0
        for passage in self._passages.each():
            for question in passage.questions:
                number += 1
                if number > begin:
                    held.append((question.id, question.text, passage.text, [text for text, _ in question.answers]))
                if len(held) == _AT_ONCE:
                    yield self._rows(held)
                    held = []
        if held:
            yield self._rows(held)

    @staticmethod
    def _rows(held: list[tuple[str, str, str, list[str]]]) -> _Rows:
        ids, questions, passages, right = (list(part) for part in zip(*held, strict=True))
        return _Rows([pa.array(ids, pa.string()), pa.array(questions, pa.string())], questions, passages, right)


class _TableRows:
    """Rows of a table. Raises RecipeFailed for columns that are not there."""

    def __init__(self, opened: OpenInput, params: QuestionAnsweringBatch):
        self._folder = opened.folder
        self._read = [params.question or "question", params.context or "context"]
        with open_table(opened.folder) as table:
            refuse_other_columns(table.columns, self._read)
            self.count = table.num_rows
            self.types = {name: table.schema.field(name).type for name in table.columns}

    def some(self, begin: int) -> Iterator[_Rows]:
        with open_table(self._folder) as table:
            for start in range(begin, self.count, _AT_ONCE):
                cells = table.arrays(start, min(start + _AT_ONCE, self.count))
                questions, passages = (joined_texts(cells, [name]) for name in self._read)
                yield _Rows([as_array(cells[name]) for name in self.types], questions, passages)


def answer_dataset(
    answering: Answering, params: QuestionAnsweringBatch, opened: OpenInput, context: Context, files: Files
) -> Report:
    """Write an answer for each question, in order, beginning after those that an earlier attempt has written."""
    source = _SquadRows(opened) if opened.dataset.format == "squad" else _TableRows(opened, params)
    own = {free_name(name, list(source.types)): kind for name, kind in _TYPES.items()}
    names = list(own)
    columns = [names[0], *source.types, *names[1:]]
    measured = _Measured()
    with row_table(files, columns, context=context, file_format=params.format, types=own | source.types) as written:
        going = Going(context, "generating", source.count, begun=written.count)
        measured.go_on(written.state)
        for rows in source.some(written.count):
            wrong = [_wrong(*pair) for pair in zip(rows.questions, rows.passages, strict=True)]
            asked = [
                pair for pair, reason in zip(zip(rows.questions, rows.passages, strict=True), wrong, strict=True)
                if reason is None
            ]  # fmt: skip
            told = iter(answering.of_texts(asked, check=context.check))
            said = [next(told) if reason is None else None for reason in wrong]
            numbers = pa.array(np.arange(written.count + 1, written.count + len(said) + 1))
            arrays = [numbers, *rows.kept, *_answers(said), pa.array(wrong, pa.string())]
            written.add_batch(pa.RecordBatch.from_arrays(arrays, names=columns))
            measured.add(rows, said)
            written.keep(measured.state())
            going.done(len(said))
        going.end()
        output = written.done("questions answered")
    return Report(measured.figures(), [output])


def _wrong(question: str, passage: str) -> str | None:
    if not question.strip():
        return "there is no question to read"
    return None if passage.strip() else "there is no passage to read"


def _answers(said: list[Said | None]) -> list[pa.Array]:
    """answer, score and start; the answer is empty where the passage has none, with the share of that."""
    best = [one.answers[0] if one is not None and one.answers and not one.none else None for one in said]
    shares = [
        found.share if found is not None else one.share_of_none if one is not None else None
        for found, one in zip(best, said, strict=True)
    ]
    texts = [
        found.text if found is not None else None if one is None else "" for found, one in zip(best, said, strict=True)
    ]
    starts = [found.start if found is not None else None for found in best]
    return [pa.array(texts, pa.string()), pa.array(shares, pa.float64()), pa.array(starts, pa.int64())]


class _Measured:
    """Exact match and F1 of a file that holds the answers."""

    def __init__(self) -> None:
        self._exact = self._f1 = 0.0
        self._count = 0

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Begin with what was measured of rows that an earlier attempt has written."""
        self._exact, self._f1, self._count = state.get("exact", 0.0), state.get("f1", 0.0), state.get("count", 0)

    def state(self) -> dict[str, Any]:
        return {"exact": self._exact, "f1": self._f1, "count": self._count}

    def add(self, rows: _Rows, said: list[Said | None]) -> None:
        if rows.right is None:
            return
        for passage, right, one in zip(rows.passages, rows.right, said, strict=True):
            if one is not None:
                exact, f1 = scores(one.text, right, unparted=is_unparted(passage))
                self._exact, self._f1, self._count = self._exact + exact, self._f1 + f1, self._count + 1

    def figures(self) -> dict[str, float]:
        return {"exact_match": self._exact / self._count, "f1": self._f1 / self._count} if self._count else {}
