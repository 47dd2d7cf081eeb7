"""The report of a table: its columns, equal rows, parts, and what is odd about them."""

from pathlib import Path
from typing import Any

from shared.datasets.report import DatasetReport, Dropped
from shared.datasets.tables.advice import warnings_of
from shared.datasets.tables.measuring import Measured
from shared.datasets.tables.reading import TABLE, TableReader
from shared.datasets.tables.relations import Rows, give_away, part_column_of
from shared.datasets.tables.splits import part_of

_WIDE = 100  # columns beyond which less is said of each: the report is part of the manifest, which lists are made from


def look(target: Path, kept: dict[str, Any]) -> DatasetReport:
    """Read a table through. target: the folder of table.arrow. kept: see formats/table.py. Raises DatasetInvalid."""
    with TableReader(target / TABLE) as table:
        measured = [Measured(field.name, field.type, len(table.columns)) for field in table.schema]
        for batch in table.batches():
            for column, cells in zip(measured, batch.columns, strict=True):
                column.add(cells)
        wide = len(measured) > _WIDE
        columns = [column.report(3 if wide else 20) for column in measured]
        if wide:
            columns = [column.model_copy(update={"examples": column.examples[:1]}) for column in columns]
        texts = {m.name: [v for v in m.counts if isinstance(v, str)] for m in measured if m.counts and not m.missing}
        part_column = part_column_of(table, texts)
        rows = Rows(table, part_column)
        skip = {column.name for column in columns if column.id_like or column.kind in ("constant", "empty")} | {
            part_column or ""
        }
        pairs = give_away(table, skip)
    dropped = Dropped.model_validate(kept.get("dropped", {}))
    parts: dict[str, int] = {}
    for column in measured:
        if column.name == part_column and column.counts:
            for value, count in column.counts.items():
                parts[part_of(value)] = parts.get(part_of(value), 0) + count
    return DatasetReport(
        rows=table.num_rows,
        unit="rows",
        dropped=dropped,
        columns=columns,
        parts=parts,
        leakage=rows.leakage,
        facts={"columns": len(columns), "duplicate_rows": rows.duplicate}
        | ({"part_column": part_column} if part_column else {}),
        warnings=warnings_of(
            columns,
            table.num_rows,
            duplicate=rows.duplicate,
            seen=rows.seen,
            leakage=rows.leakage,
            part_column=part_column,
            pairs=pairs,
            kept=kept,
        ),
    )
