"""Reads Parquet files and spreadsheets in a process of their own with bounded memory and time (foreign_child.py).

Their readers are native code, and a file made for it can ask them for any amount of memory; in a process of its own that ends the
process, not the web server. What comes out is read back in bounded memory.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from shared.datasets.archive import MOST_RATIO, opened
from shared.datasets.formats.base import HasLimits, Received
from shared.datasets.problems import refuse
from shared.datasets.receiving import is_zip
from shared.datasets.tables.names import unique_names
from shared.datasets.tables.parts import MOST_COLUMNS, MOST_ROWS, Part
from shared.datasets.tables.rows import Chunk, take_rows
from shared.errors import Choice, DatasetInvalid, TooLarge
from shared.ids import new_id

MOST_MEMORY_BYTES = 4 * 1024**3  # of the process that reads; a guess: a sheet of a million rows and ten columns takes 1
_MOST_SECONDS = 900
_CHILD = Path(__file__).with_name("foreign_child.py")
_MOST_SHOWN = 10
_MOST_RATIO, _SMALL_BYTES = (
    1_000,
    1 << 28,
)  # unpacked to packed size of a Parquet file beyond a small one; columns pack well


def read_parquet(source: Received, folder: Path, limits: HasLimits) -> Part:
    """Read a file. Raises DatasetInvalid for what cannot be read, TooLarge, VolumeFull."""
    part = Part(source.name, folder, limits.max_unpacked_bytes)
    written = folder / f"rows-{new_id()}"
    try:
        most = min(limits.max_unpacked_bytes, max(_SMALL_BYTES, _MOST_RATIO * source.path.stat().st_size))
        asked = {"bytes": most, "rows": MOST_ROWS, "columns": MOST_COLUMNS}
        told = _ask("parquet", source, written, asked)
        names = unique_names(told["names"], source.name, part.notes)
        line = 1
        with pa.OSFile(str(written)) as file, pa.ipc.open_stream(file) as reader:
            for batch in reader:
                part.add(names, batch.columns, pa.array(range(line, line + len(batch)), pa.int64()))
                line += len(batch)
    finally:
        written.unlink(missing_ok=True)
    part.close()
    if not part.rows:
        raise refuse("holds no rows", file=source.name)
    return part


def read_spreadsheet(source: Received, folder: Path, limits: HasLimits, *, sheet: str, header: str) -> Part:
    """Read one sheet of .xlsx, .xlsm, .xls or .ods: the one named, else the first that is not empty. Raises as read_parquet()."""
    part = Part(source.name, folder, limits.max_unpacked_bytes)
    _refuse_bomb(source, limits)
    written = folder / f"rows-{new_id()}"
    try:
        told = _ask("sheet", source, written, {"bytes": limits.max_unpacked_bytes, "sheet": sheet})
        sheets = told["sheets"]
        if "sheet" not in told:
            choices = [
                Choice(option="sheet", value=name, title=f"Read the sheet {name}") for name in sheets[:_MOST_SHOWN]
            ]
            shown = ", ".join(sheets[:_MOST_SHOWN]) + (" ..." if len(sheets) > _MOST_SHOWN else "")
            message = f"{told['why']}; there are {len(sheets):,} ({shown})"
            raise DatasetInvalid(
                f"{source.name}: {message}", problems=refuse(message, file=source.name).problems, choices=choices
            )
        take_rows(_rows(written), part, header)
    finally:
        written.unlink(missing_ok=True)
    if len(sheets) > 1:
        part.notes.append(f"{source.name}: the sheet {told['sheet']!r} is read, one of {len(sheets)} (option sheet)")
    if told["macros"]:
        part.notes.append(f"{source.name}: holds macros, which are neither kept nor run; the cells alone are read")
    if told["formulas"]:
        part.notes.append(f"{source.name}: holds formulas; the values that were computed last are read")
    return part


def _rows(path: Path) -> Iterator[Chunk]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            number, cells = json.loads(line)
            yield Chunk([number], [cells], len(line))


def _refuse_bomb(source: Received, limits: HasLimits) -> None:
    """Look into the zip that .xlsx and .ods are before anything unpacks it."""
    if not is_zip(source.path):
        return
    with opened(source.path, source.name, max_files=limits.max_files) as archive:
        entries = archive.infolist()
    size = sum(entry.file_size for entry in entries)
    if size > limits.max_unpacked_bytes:
        raise TooLarge(f"{source.name} unpacks to {size:,} bytes; {limits.max_unpacked_bytes:,} are allowed")
    for entry in entries:
        if entry.file_size > 1 << 20 and entry.file_size > MOST_RATIO * max(entry.compress_size, 1):
            raise refuse(
                f"{entry.filename:.80} unpacks to more than {MOST_RATIO} times its packed size: refused as a zip bomb",
                file=source.name,
            )


def _ask(kind: str, source: Received, written: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Run the child. Returns what it says. Raises DatasetInvalid for what it refuses or dies of, TooLarge."""
    command = [sys.executable, "-I", str(_CHILD), kind, str(source.path), str(written), json.dumps(asked)]
    environment = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1", "MEMORY": str(MOST_MEMORY_BYTES)}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=_MOST_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired as err:
        raise refuse(f"was not read within {_MOST_SECONDS} s; upload it as .csv", file=source.name) from err
    try:
        told = json.loads(done.stdout)
    except ValueError as err:
        gigabytes = MOST_MEMORY_BYTES // 1024**3
        message = f"takes more than {gigabytes} GB of memory to read, or is damaged: upload it as .csv"
        raise refuse(message, file=source.name) from err
    if too := told.get("too_large"):
        raise TooLarge(f"{source.name} {too}")
    if refused := told.get("refused"):
        raise refuse(refused, file=source.name)
    return told
