"""Writes the rows of an upload as one Arrow file of typed columns, in which any row is found by its number."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from shared.datasets.tables.bad_rows import MOST_NAMED, BadRows
from shared.datasets.tables.columns import Kind
from shared.datasets.tables.kernels import pc
from shared.datasets.tables.parts import Batch, Part
from shared.datasets.tables.splits import PART_COLUMN
from shared.volume.staging import full_is_said


def convert(parts: Sequence[Part], kinds: Sequence[Kind], labels: dict[str, str], path: Path, bad: BadRows) -> int:
    """Write the table; returns its rows. Rows with a cell that does not fit its column are left out and added to bad.

    labels: part of the data by file; where there are any, they become a last column. Raises VolumeFull.
    """
    names = list(parts[0].names)
    fields = [pa.field(name, kind.type) for name, kind in zip(names, kinds, strict=True)]
    if labels:
        fields.append(pa.field(_free(PART_COLUMN, names), pa.string()))
    schema = pa.schema(fields)
    rows = 0
    with full_is_said(), pa.ipc.new_file(str(path), schema) as out:
        for part in parts:
            for batch in part.batches():
                columns = _converted(batch, kinds, bad)
                if labels:
                    columns.append(pa.repeat(pa.scalar(labels[part.file]), len(columns[0])))
                if len(columns[0]):
                    out.write_batch(pa.record_batch([_plain(column) for column in columns], schema=schema))
                    rows += len(columns[0])
    return rows


def _free(name: str, taken: list[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _converted(batch: Batch, kinds: Sequence[Kind], bad: BadRows) -> list[pa.Array]:
    """The columns of a batch, typed, without the rows in which anything does not fit."""
    found = [kind.convert(cells) for kind, cells in zip(kinds, batch.cells, strict=True)]
    masks = [(number, mask) for number, (_, mask) in enumerate(found) if mask is not None]
    columns = [values for values, _ in found]
    if not masks:
        return columns
    wrong = pa.repeat(pa.scalar(False), len(batch))
    cells: list[tuple[str, int, str, str, str]] = []
    for number, mask in masks:
        wrong = pc.or_(wrong, mask)
        lines = batch.lines.filter(mask).to_pylist()
        values = batch.cells[number].filter(mask).slice(0, MOST_NAMED).to_pylist()
        values += [""] * (len(lines) - len(values))
        why = kinds[number].wanted()
        cells += [
            (batch.file, line, batch.names[number], value, why) for line, value in zip(lines, values, strict=True)
        ]
    bad.add_cells(pc.sum(wrong).as_py(), cells)
    keep = pc.invert(wrong)
    return [column.filter(keep) for column in columns]


def _plain(column: pa.Array) -> pa.Array:
    """The same values with zeros where there are none: what lies under a null is left over from something else, and the same
    upload is to be the same bytes."""
    if column.null_count == 0 or pa.types.is_string(column.type):
        return column
    if pa.types.is_boolean(column.type):
        return pa.array(column.to_pylist(), pa.bool_())
    zero = pa.scalar(0, pa.int64()).cast(column.type)
    known = pc.is_valid(column)
    return pa.Array.from_buffers(
        column.type, len(column), [known.buffers()[1], pc.fill_null(column, zero).buffers()[1]]
    )
