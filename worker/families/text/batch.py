"""Continues every row of a table. Called by TextWriter.batch()."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol

from shared.datasets.tables.reading import TableReader, open_table
from shared.errors import RecipeFailed
from shared.outputs import Cell, Table
from shared.recipes.text_params import TextBatch
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.row_table import row_table
from worker.families.text.tokens import as_imported
from worker.recipe import OpenInput, Report

_READ_AT_ONCE = 256  # rows of the table


class Writer(Protocol):
    """What of TextWriter is used here."""

    def write(self, prompt: str, params: Any, went_on: Any) -> list[Any]: ...


def continue_rows(writer: Writer, params: TextBatch, opened: OpenInput, context: Context, files: Files) -> Report:
    """Write the prompt, its continuations, and why there is none, for each row of the table in its order.

    A row is what a generation with this prompt and these params would give, whatever stands beside it. Begins after the rows that
    an earlier attempt has written.
    """
    several = [f" {n + 1}" for n in range(params.samples)] if params.samples > 1 else [""]
    columns = ["prompt", *(f"text{number}" for number in several), "error"]
    with (
        open_table(opened.folder) as table,
        row_table(files, columns, context=context, file_format=params.format) as written,
    ):
        going = Going(context, "generating", table.num_rows, begun=written.count)
        tokens = written.state.get("tokens", 0)
        for prompt in _prompts(table, params.prompt, written.count):
            cells: list[Cell] = [None for _ in several]
            error: str | None = None
            try:
                rows = writer.write(as_imported(prompt), params, lambda count, fresh: context.check())
                cells = [row.text for row in rows]
                tokens += sum(row.tokens for row in rows)
            except RecipeFailed as err:
                error = err.message
            written.add([prompt, *cells, error])
            written.keep({"tokens": tokens})
            going.done(1)
        going.end()
        output: Table = written.done("prompts continued")
    return Report({"tokens": tokens}, [output])


def _prompts(table: TableReader, column: str, first: int) -> Iterator[str]:
    """The cells of a column from row `first` on as texts, "" for missing ones."""
    if column not in table.columns:
        raise RecipeFailed(
            f"the table has no column {column!r}; it has {', '.join(table.columns[:20])}", code="no_column"
        )
    for start in range(first, table.num_rows, _READ_AT_ONCE):
        for cell in table.column(column, start, min(start + _READ_AT_ONCE, table.num_rows)):
            yield _said(cell)


def _said(cell: Any) -> str:
    """A cell as a person would write it."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
