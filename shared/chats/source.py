"""The chats that a training learns from, whatever the format of its dataset: chats as they are, or columns of a table.

A text has none: it is learnt from as it stands (worker/families/text).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from shared.datasets.chats.chat import ASSISTANT, SYSTEM, USER, Chat, Message, is_empty, read_chats
from shared.datasets.report import DatasetReport
from shared.errors import Problem

COLUMNS = ("prompt", "completion", "rejected", "system")  # params that name columns of a table
_ROWS = 1_024  # of a table, read at once


def chats_of(folder: Path, format: str, params: Any, report: DatasetReport) -> Iterator[Chat | None]:
    """Every row of a dataset as a chat, None for one of a table that has no question or no answer.

    folder: the dataset's, holding files/. params: prompt, completion, rejected, system: names of columns, "" for none.
    """
    return iter(read_chats(folder)) if format == "chats" else _of_table(folder, params, report)


def _of_table(folder: Path, params: Any, report: DatasetReport) -> Iterator[Chat | None]:
    from shared.datasets.tables.reading import open_table  # loads pyarrow: see shared/datasets/tables/__init__.py
    from shared.datasets.tables.splits import part_of

    part = report.facts.get("part_column")
    named = [getattr(params, name) for name in COLUMNS]
    wanted: list[str] = list(dict.fromkeys([*filter(None, named), *([part] if part else [])]))
    with open_table(folder) as table:
        for start in range(0, table.num_rows, _ROWS):
            stop = min(start + _ROWS, table.num_rows)
            cells = {name: column.to_pylist() for name, column in table.arrays(start, stop, wanted).items()}
            for row in range(stop - start):
                said = [_said(cells[name][row]) if name else "" for name in named]
                yield _pair(said, part_of(str(cells[part][row] or "")) if part else "")


def _pair(said: Sequence[str], part: str) -> Chat | None:
    question, answer, rejected, system = said
    if not question.strip() or not answer.strip():
        return None
    before: list[Message] = [{"role": SYSTEM, "content": system}] if system.strip() else []
    before.append({"role": USER, "content": question})
    other: tuple[Message, ...] = ({"role": ASSISTANT, "content": rejected},) if rejected.strip() else ()
    messages = (*before, {"role": ASSISTANT, "content": answer})
    return None if other and is_empty(other[0]) else Chat(messages, other, len(before) if other else 0, part=part)


def _said(cell: Any) -> str:
    """A cell as a person would write it."""
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def column_problems(params: Any, format: str) -> list[Problem]:
    """What is wrong between the params that name columns and the format of the dataset."""
    found = []
    if format == "table":
        for name, what in (("prompt", "is asked"), ("completion", "is answered")):
            if not getattr(params, name):
                found.append(Problem(field=f"params.{name}", message=f"choose the column that holds what {what}"))
    else:
        for name in COLUMNS:
            if getattr(params, name):
                message = "names a column, which only a table has: leave it empty for chats and texts"
                found.append(Problem(field=f"params.{name}", message=message))
    return found
