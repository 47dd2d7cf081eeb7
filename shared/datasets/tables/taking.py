"""An upload becomes one table: files/table.arrow, its columns typed, its rows in their order.

Called by formats/table.py. Memory is bounded by a batch of rows, not by the table: the rows pass through scratch files (parts.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from shared.datasets.encoding import recognise
from shared.datasets.formats.base import HasLimits, Received
from shared.datasets.problems import refuse
from shared.datasets.tables import sniffing
from shared.datasets.tables.bad_rows import BadRows
from shared.datasets.tables.columns import Guess, Kind, decide
from shared.datasets.tables.converting import convert
from shared.datasets.tables.delimited import read_delimited
from shared.datasets.tables.foreign import read_parquet, read_spreadsheet
from shared.datasets.tables.json_rows import read_json_rows
from shared.datasets.tables.parts import Part
from shared.datasets.tables.reading import TABLE
from shared.datasets.tables.said import notes_of
from shared.datasets.tables.splits import part_of_file
from shared.volume.staging import write_json

LEFT_OUT = "left_out.json"  # names the rows left out: with them the same table is another dataset
JSON_SUFFIXES = (".jsonl", ".ndjson")
SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".ods")


@dataclass
class Taken:
    """What was made. rows: written. empty: blank ones left out. names, kinds: of the columns."""

    rows: int = 0
    empty: int = 0
    bad: BadRows = field(default_factory=BadRows)
    names: list[str] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def take_table(sources: Sequence[Received], target: Path, limits: HasLimits, options: Any) -> Taken:
    """Read every file and write target/table.arrow. options: TableOptions of formats/table.py.

    Raises DatasetInvalid naming bad rows by file, line, column and value, with choices; TooLarge, VolumeFull.
    """
    scratch = sources[0].path.parent
    taken = Taken()
    parts = [read_part(source, scratch, limits, options, taken.notes) for source in sources]
    for part in parts:
        taken.bad.take(part.bad)
        taken.empty += part.empty
        taken.notes += part.notes
    if taken.bad.count and not any(part.rows for part in parts):
        raise taken.bad.refused(left=0)
    _align(parts)
    guesses = _guesses(parts)
    _leave_out_nameless(parts, guesses, taken.notes)
    _refuse_too_small(parts, taken.bad)
    taken.names = parts[0].names
    taken.kinds = decide(
        [guesses[name] for name in taken.names],
        decimal={"point": ".", "comma": ","}.get(options.decimal, "auto"),
        order=options.dates,
        semicolons=any(part.delimiter == ";" for part in parts),
        strict=options.bad_rows == "text",
    )
    if options.spaces == "keep":
        taken.kinds = [replace(kind, spaces=True) for kind in taken.kinds]
    labels = _parts_by_file(parts, taken.names, taken.notes)
    taken.rows = convert(parts, taken.kinds, labels, target / TABLE, taken.bad)
    if taken.bad.count and (options.bad_rows != "drop" or taken.rows < 2):
        raise taken.bad.refused(left=taken.rows)
    if taken.bad.count:
        rows = "1 row" if taken.bad.count == 1 else f"{taken.bad.count:,} rows"
        taken.notes.append(f"{rows} that could not be read left out, as chosen")
        write_json(target / LEFT_OUT, {"rows": taken.bad.count, "named": taken.bad.named})
    taken.notes += notes_of(parts, taken.names, taken.kinds)
    return taken


def read_part(source: Received, scratch: Path, limits: HasLimits, options: Any, notes: list[str]) -> Part:
    """Read the rows of one file, of any kind. options: header, delimiter and sheet of TableOptions. Raises as take_table()."""
    name = source.name.lower()
    if source.path.stat().st_size == 0:
        raise refuse("is empty", file=source.name)
    with source.path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PAR1" or name.endswith(".parquet"):
        return read_parquet(source, scratch, limits)
    if name.endswith(SPREADSHEETS):
        return read_spreadsheet(source, scratch, limits, sheet=options.sheet, header=options.header)
    encoding = recognise(source.path, source.name, tables=True)
    notes += [encoding.note] if encoding.note else []
    most = limits.max_unpacked_bytes
    if name.endswith(JSON_SUFFIXES):
        return read_json_rows(source, encoding, scratch, most)
    delimiter = {value: mark for mark, value in sniffing.SHOWN.items()}.get(options.delimiter, "auto")
    return read_delimited(source, encoding, scratch, most, delimiter=delimiter, header=options.header)


def _align(parts: list[Part]) -> None:
    """All files must have the same columns; where the names are the same in another order, the first file's order counts."""
    first = parts[0]
    for part in parts[1:]:
        if part.named != first.named:
            named, nameless = (part, first) if part.named else (first, part)
            message = f"begins with names of columns, {nameless.file} does not: say which is right (option header)"
            raise refuse(message, file=named.file)
        if set(part.names) != set(first.names):
            message = (
                f"has other columns than {first.file} ({_difference(part.names, first.names)}): import each by itself"
            )
            raise refuse(message, file=part.file)
        part.names = first.names


def _difference(names: list[str], others: list[str]) -> str:
    more = [name for name in names if name not in others]
    fewer = [name for name in others if name not in names]
    said = [f"{', '.join(some[:3])} {where}" for some, where in ((more, "only here"), (fewer, "only there")) if some]
    return "; ".join(said)


def _guesses(parts: list[Part]) -> dict[str, Guess]:
    guesses = {name: Guess() for name in parts[0].names}
    for part in parts:
        for batch in part.batches():
            for name, cells in zip(batch.names, batch.cells, strict=True):
                guesses[name].add(cells)
    return guesses


def _leave_out_nameless(parts: list[Part], guesses: dict[str, Guess], notes: list[str]) -> None:
    """Columns with neither a name nor a value: what a mark at the end of each row makes, or cells once formatted in a sheet."""
    if not parts[0].named:
        return
    names = parts[0].names
    gone = [name for number, name in enumerate(names, 1) if name == f"column_{number}" and not guesses[name].cells]
    if gone:
        left = [name for name in names if name not in gone]
        notes.append(f"{len(gone)} column{'s' * (len(gone) > 1)} with neither a name nor a value left out")
        for part in parts:
            part.names = left


def _refuse_too_small(parts: list[Part], bad: BadRows) -> None:
    first = parts[0]
    if len(first.names) < 2:
        marks = ", ".join(sniffing.SHOWN.values())
        hint = f", its cells parted by {marks} (option delimiter); a text is of format text" if first.delimiter else ""
        raise refuse(f"has one column: a table needs two or more{hint}", file=first.file)
    rows = sum(part.rows for part in parts) + bad.count
    if rows < 2:
        found = "one row" if rows else "no rows"
        raise refuse(f"has {found}: a table needs two or more", file=first.file)


def _parts_by_file(parts: list[Part], names: list[str], notes: list[str]) -> dict[str, str]:
    """Which part of the data each file is, where their names say so (train.csv, test.csv); {} where they do not."""
    if len(parts) < 2:
        return {}
    labels = {part.file: part_of_file(part.file) for part in parts}
    if "train" not in labels.values() or "" in labels.values() or len(set(labels.values())) < 2:
        shown = ", ".join(labels)
        notes.append(f"the rows of {len(parts)} files ({shown[:200]}) stand one after the other")
        return {}
    notes.append(
        "which file a row comes from stands in the last column: " + ", ".join(f"{f}: {p}" for f, p in labels.items())
    )
    return labels
