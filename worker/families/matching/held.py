"""The vectors of a table's texts: made once by a model, kept for the next job that asks the same of the same table."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shared.datasets.tables.reading import open_table
from shared.errors import RecipeFailed
from shared.volume.staging import full_is_said
from worker.context import Context
from worker.families.going import Going
from worker.families.kept import kept
from worker.families.language.vectors import TextVectors
from worker.families.rows import RowFile
from worker.families.text_labels.rows import joined_texts
from worker.recipe import OpenInput

MOST_TEXTS = 2_000_000  # 3 GB of vectors of 384 numbers, which are in memory while they are searched
_AT_ONCE = 1_024  # rows of a table
_FILE = "vectors.f4"
_VERSION = 1  # raised when the numbers of the same texts change


def columns_of(opened: OpenInput, chosen: Sequence[str]) -> list[str]:
    """The columns that are read. Raises RecipeFailed where there is none, or one is missing."""
    report = opened.dataset.report
    if missing := [name for name in chosen if report.column(name) is None]:
        raise RecipeFailed(f"the table has no column {', '.join(map(repr, missing))}", code="no_columns")
    found = list(chosen) or [column.name for column in report.columns if column.kind == "text"]
    if not found:
        names = ", ".join(column.name for column in report.columns)
        raise RecipeFailed(f"the table has no column of texts: choose one in texts, of {names:.300}", code="no_columns")
    return found


def held_vectors(
    opened: OpenInput, columns: Sequence[str], vectors: TextVectors, model: str, context: Context
) -> np.ndarray:
    """float32 (rows, width); of a row without any text all numbers are 0, so that it is near to nothing.

    model: a hash of what the vectors depend on beside the texts. Raises RecipeFailed for too many rows, VolumeFull.
    """
    with open_table(opened.folder) as table:
        rows = table.num_rows
    if rows > MOST_TEXTS:
        raise RecipeFailed(f"the table has {rows:,} rows; at most {MOST_TEXTS:,} are compared", code="too_many_texts")

    def make(folder: Path) -> dict[str, Any]:
        going = Going(context, "generating", rows)
        with full_is_said(), (folder / _FILE).open("wb") as out, open_table(opened.folder) as table:
            for start in range(0, rows, _AT_ONCE):
                stop = min(start + _AT_ONCE, rows)
                texts = joined_texts(table.arrays(start, stop, list(columns)), columns)
                found = vectors.of(texts, context.check)
                found[[not text.strip() for text in texts]] = 0
                out.write(found.tobytes())
                going.done(stop - start)
        going.end()
        return {}

    depends = {"columns": list(columns), "model": model, "version": _VERSION}
    with kept(context, "text_vectors", opened, depends, make) as (folder, _):
        return RowFile(folder / _FILE, np.dtype(np.float32), (vectors.width,)).read(0, rows)


def hash_of(model: Any, *beside: Any) -> str:
    """32 hex digits that depend on a model's weights and what is named beside them."""
    digest = hashlib.sha256(repr(beside).encode())
    for variable in model.variables:
        digest.update(np.ascontiguousarray(variable.numpy()).tobytes())
    return digest.hexdigest()[:32]
