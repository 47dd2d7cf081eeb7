"""The process that opens a Parquet file or a spreadsheet: it may die of what it reads. Run by foreign.py, imports nothing of ours.

    python -I foreign_child.py parquet|sheet PATH WRITTEN '{"bytes": ...}'

It writes rows to WRITTEN (Parquet: an Arrow IPC stream of texts; a sheet: [line, [cell, ...]] as JSON, one a line) and says on
stdout, as JSON, what it found: {"names"}, {"sheets", "sheet", "macros", "formulas"}, {"refused": why} or {"too_large": why}.
"""

import datetime
import json
import os
import resource
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

_MOST_SECONDS = 900
_ROWS = 16_384  # of Parquet decoded at a time
_MOST_SHEETS = 100  # without a name the user has to choose among so many at most


class Refused(Exception):
    """What the user is told. key: "refused" or "too_large"."""

    def __init__(self, why: str, key: str = "refused"):
        super().__init__(why)
        self.key = key


def main(kind: str, path: str, written: str, asked: str) -> None:
    memory = int(os.environ["MEMORY"])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS))  # also when nobody waits any more
    try:
        told = (parquet if kind == "parquet" else spreadsheet)(path, written, json.loads(asked))
    except Refused as refused:
        told = {refused.key: str(refused)}
    except MemoryError:
        told = {"refused": f"takes more than {memory // 1024**3} GB of memory to read: upload it as .csv"}
    print(json.dumps(told))


def parquet(path: str, written: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Decode a Parquet file in batches, every cell a text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, thrift_string_size_limit=100_000_000, thrift_container_size_limit=1_000_000)
        schema, about = file.schema_arrow, file.metadata
        _refuse_large(about, asked)
        fields = [schema.field(number) for number in range(len(schema))]
        if nested := [field for field in fields if not _is_flat(field.type)]:
            raise Refused(
                f"column {nested[0].name!r} holds {nested[0].type}: a cell is a number, a text, a date, true or false"
            )
        repeating = [
            field.name for field in fields if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        ]
        file = pq.ParquetFile(path, read_dictionary=repeating, pre_buffer=False)
        target = pa.schema([(str(number), pa.string()) for number in range(len(fields))])
        size = 0
        with pa.ipc.new_stream(written, target) as out:
            for batch in file.iter_batches(_ROWS, use_threads=False):
                for column in batch.columns:
                    size += _decoded_bytes(column)
                    if size > asked["bytes"]:
                        raise Refused(f"unpacks to more than {asked['bytes']:,} bytes", "too_large")
                texts = pa.record_batch([_texts(column) for column in batch.columns], schema=target)
                texts.validate(full=True)  # a damaged file may hold texts that are none
                out.write_batch(texts)
    except (pa.ArrowException, OSError, UnicodeError) as err:
        raise Refused(f"is no readable Parquet file: {str(err)[:300]}") from err
    return {"names": [field.name for field in fields]}


def _refuse_large(about: Any, asked: dict[str, Any]) -> None:
    """By what the file says of itself, before anything is decoded."""
    size = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    size = max(size, 8 * about.num_rows * about.num_columns)  # what the cells take once they are read
    if size > asked["bytes"]:
        raise Refused(f"unpacks to {size:,} bytes; {asked['bytes']:,} are allowed", "too_large")
    if about.num_rows > asked["rows"]:
        raise Refused(f"has {about.num_rows:,} rows; {asked['rows']:,} are allowed", "too_large")
    if about.num_columns > asked["columns"]:
        raise Refused(f"has {about.num_columns:,} columns; {asked['columns']:,} are allowed")


def _is_flat(kind: Any) -> bool:
    import pyarrow.types as types

    if types.is_dictionary(kind):
        kind = kind.value_type
    plain = (
        types.is_boolean,
        types.is_integer,
        types.is_floating,
        types.is_decimal,
        types.is_string,
        types.is_large_string,
    )
    return any(test(kind) for test in (*plain, types.is_date, types.is_timestamp, types.is_time, types.is_null))


def _decoded_bytes(column: Any) -> int:
    """What a column takes as texts: of one that repeats a long text a million times the file holds that text once."""
    import pyarrow as pa
    import pyarrow.compute

    kernels: Any = pyarrow.compute  # made at run time: a type checker sees none
    if not isinstance(column, pa.DictionaryArray):
        return max(column.nbytes, 8 * len(column))
    lengths = kernels.binary_length(column.dictionary.cast(pa.large_string()))
    return kernels.sum(lengths.take(column.indices)).as_py() or 8 * len(column)


def _texts(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.types as types

    if types.is_timestamp(column.type) and column.type.tz:
        column = column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
    if types.is_float16(column.type):
        column = column.cast(pa.float32())
    return column.cast(pa.string())


def spreadsheet(path: str, written: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Write the rows of one sheet."""
    import python_calamine as calamine

    try:
        macros, formulas = _parts_of(path)
        book = calamine.CalamineWorkbook.from_path(path)
        names = book.sheet_names
        told: dict[str, Any] = {"sheets": names, "macros": macros, "formulas": formulas}
        if asked["sheet"] and asked["sheet"] not in names:
            return told | {"why": f"has no sheet {asked['sheet']!r:.80}"}
        if not asked["sheet"] and len(names) > _MOST_SHEETS:
            return told | {"why": "has too many sheets to choose one: say which (option sheet)"}
        for name in [asked["sheet"]] if asked["sheet"] else names:
            sheet = book.get_sheet_by_name(name)
            if sheet.height and sheet.width:
                _write(sheet, written, asked["bytes"])
                return told | {"sheet": name}
    except (calamine.CalamineError, zipfile.BadZipFile, OSError, ValueError, KeyError) as err:
        if isinstance(err, calamine.PasswordError):
            raise Refused("is protected by a password: save it without one") from err
        raise Refused(f"is no readable spreadsheet: {str(err)[:300] or type(err).__name__}") from err
    raise Refused("holds no rows: every sheet is empty")


def _write(sheet: Any, written: str, most_bytes: int) -> None:
    size = 0
    with open(written, "w", encoding="utf-8") as out:
        for number, row in enumerate(sheet.iter_rows(), 1):
            line = json.dumps([number, [_cell(value) for value in row]], ensure_ascii=False)
            size += len(line)
            if size > most_bytes:
                raise Refused(f"unpacks to more than {most_bytes:,} bytes", "too_large")
            out.write(line.encode("utf-8", "replace").decode() + "\n")


def _cell(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ").removesuffix(" 00:00:00")
    return str(value)


def _parts_of(path: str) -> tuple[bool, bool]:
    """(whether a spreadsheet holds macros, whether any cell is a formula)."""
    if not zipfile.is_zipfile(path):
        return False, False
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        macros = any(name.lower().endswith("vbaproject.bin") or name.startswith("Basic/") for name in names)
        sheets = [name for name in names if name.startswith("xl/worksheets/") or name == "content.xml"]
        return macros, any(_holds_formula(archive, name) for name in sheets)


def _holds_formula(archive: zipfile.ZipFile, name: str) -> bool:
    tail = b""
    for piece in _pieces(archive, name):
        if any(mark in tail + piece for mark in (b"<f>", b"<f ", b"table:formula=")):
            return True
        tail = piece[-20:]
    return False


def _pieces(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    with archive.open(name) as file:
        while piece := file.read(1 << 20):
            yield piece


if __name__ == "__main__":
    main(*sys.argv[1:])
