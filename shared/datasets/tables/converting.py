"""Writes the rows of an upload as one Arrow file of typed columns, in which any row is found by its number."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from shared.datasets.tables.bad_rows import MOST_NAMED, BadRows
from shared.datasets.tables.columns import Kind
from shared.datasets.tables.kernels import pc
from shared.datasets.tables.missing import trimmed
from shared.datasets.tables.parts import Batch, Part
from shared.datasets.tables.splits import PART_COLUMN
from shared.volume.staging import full_is_said

_ZERO: dict[str, Any] = {"double": 0.0, "string": "", "bool": False, "timestamp[us]": pa.scalar(0, pa.timestamp("us"))}


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
        values = trimmed(batch.cells[number].filter(mask).slice(0, MOST_NAMED)).to_pylist()
        values += [""] * (len(lines) - len(values))
        why = kinds[number].wanted()
        cells += [
            (batch.file, line, batch.names[number], value, why) for line, value in zip(lines, values, strict=True)
        ]
    bad.add_cells(pc.sum(wrong).as_py(), cells)
    keep = pc.invert(wrong)
    return [column.filter(keep) for column in columns]


def _plain(column: pa.Array) -> pa.Array:
    """The same values, the same bytes for them: what lies under a null or behind the last bit is left over from something else."""
    if column.offset:
        column = pa.concat_arrays([column.slice(0, 0), column])
    known = _bits(column.buffers()[0], len(column)) if column.null_count else None
    if known is not None:
        column = pc.fill_null(column, _ZERO[str(column.type)])
    buffers = [known, *column.buffers()[1:]]
    if pa.types.is_boolean(column.type):
        buffers[1] = _bits(buffers[1], len(column))
    return pa.Array.from_buffers(column.type, len(column), buffers)


def _bits(buffer: pa.Buffer | None, length: int) -> pa.Buffer | None:
    """The first bits of a buffer, zeros behind them."""
    if buffer is None:
        return None
    found = bytearray(memoryview(buffer)[: -(-length // 8)])
    if length % 8:
        found[-1] &= (1 << length % 8) - 1
    return pa.py_buffer(bytes(found))
