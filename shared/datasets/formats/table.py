"""Format "table": rows of named columns. Text classification, translation, forecasting, tables and recommenders learn from it.

Uploaded as .csv, .tsv, .jsonl, .parquet, .xlsx, .xls or .ods, several files of the same columns or a zip of them; for example

    age,job,since,income
    39,State-gov,2019-05-01,<=50K
    50,,2020-11-30,>50K

Stored as files/table.arrow: columns of numbers (float64), texts, moments or true and false, missing cells null; read with
shared/datasets/tables/reading.py. Rows that could not be read and were left out, as the user chose, are in files/left_out.json.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import Field

from shared.datasets.archive import is_hidden
from shared.datasets.formats.base import Arranged, Example, HasLimits, Options, Peek, Received
from shared.datasets.problems import refuse
from shared.datasets.receiving import is_zip, unzipped
from shared.datasets.report import DatasetReport, Dropped
from shared.datasets.tables.examples import examples
from shared.datasets.tables.shown import shown_cell
from shared.datasets.tables.sniffing import is_delimited
from shared.errors import cut
from shared.outputs import MOST_ROWS, Cell, Output, Table

_DELIMITED = (".csv", ".tsv", ".tab")
_JSON = (".jsonl", ".ndjson")
_SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".ods")
_TEXTS = (".txt",)  # of a table only where every line is parted alike
_MOST_CELL = 300  # characters of a cell in a preview


class TableOptions(Options):
    """What a user may say of a table where the file does not say it well enough itself."""

    header: Literal["auto", "yes", "no"] = Field("auto", description="Whether the first line names the columns.")
    delimiter: Literal["auto", "comma", "semicolon", "tab", "pipe"] = Field("auto", description="What parts the cells.")
    decimal: Literal["auto", "point", "comma"] = Field("auto", description="The decimal mark: 1,234.5 or 1.234,5.")
    dates: Literal["auto", "day_first", "month_first"] = Field("auto", description="How to read dates like 3/4/2020.")
    sheet: str = Field(
        "", max_length=200, description="Name of a spreadsheet's sheet. Empty: the first that holds anything."
    )
    spaces: Literal["trim", "keep"] = Field(
        "trim", description="Spaces at the ends of texts: trim them, or keep them where they count, as in prompts."
    )
    bad_rows: Literal["refuse", "drop", "text"] = Field(
        "refuse",
        description="Rows with a cell that does not fit: refuse the file, drop them, or take such columns as text.",
    )


class TableFormat:
    name = "table"
    title = "table"
    help = "rows of named columns: .csv, .tsv, .jsonl, .parquet, .xlsx, .xls, .ods; also several of the same columns, or a zip"
    suffixes: tuple[str, ...] = (*_DELIMITED, *_JSON, ".parquet", *_SPREADSHEETS)
    examples: tuple[Example, ...] = examples()
    options: type[Options] = TableOptions

    def recognises(self, names: Sequence[str], peek: Peek) -> float:
        """.jsonl with nothing but "text" in it is a text, .txt a table only beyond doubt."""
        sure = 1.0
        for name in names:
            lower = name.lower()
            if lower.removesuffix(".gz").endswith((*_DELIMITED, ".parquet", *_SPREADSHEETS)):
                sure = min(sure, 0.9)
            elif lower.endswith(_JSON):
                sure = min(sure, _likeness(peek.head(name)))
            elif lower.endswith(_TEXTS):
                sure = min(sure, _parted(peek.head(name, 1 << 16)))
            elif (inside := peek.inside(name)) is not None:
                files = [inner for inner in inside if not inner.endswith("/") and not is_hidden(inner)]
                fits = bool(files) and all(
                    inner.lower().endswith((*_DELIMITED, ".parquet", *_SPREADSHEETS)) for inner in files
                )
                sure = min(sure, 0.8 if fits else 0.0)
            else:
                return 0.0
        return sure

    def arrange(self, received: Sequence[Received], target: Path, limits: HasLimits, options: TableOptions) -> Arranged:
        from shared.datasets.tables.taking import take_table  # loads pyarrow: see shared/datasets/tables/__init__.py

        packed = [one for one in received if _is_packed(one)]
        sources = [one for one in received if one not in packed]
        notes: list[str] = []
        if packed:
            unpacked, notes = unzipped(packed, limits)
            known = [one for one in unpacked if one.name.lower().endswith((*self.suffixes, *_TEXTS))]
            others = [one.name for one in unpacked if one not in known]
            if not known and not sources:
                raise refuse(f"holds no table; their names end with {', '.join(self.suffixes)}", file=packed[0].name)
            if others:
                notes.append(f"{len(others)} files that are no tables left out ({', '.join(others[:5])})")
            sources += known
        taken = take_table(sources, target, limits, options)
        dropped = Dropped(broken=taken.bad.count, empty=taken.empty, named=taken.bad.named)
        kinds = dict(zip(taken.names, taken.kinds, strict=True))
        kept = {
            "dropped": dropped.model_dump(),
            "ambiguous_dates": {n: k.style.name for n, k in kinds.items() if k.ambiguous and k.style is not None},
            "ambiguous_numbers": {
                n: "comma" if k.comma else "point" for n, k in kinds.items() if k.ambiguous and k.stored == "number"
            },
            "some_zones": {n: [k.zoned, k.zoneless] for n, k in kinds.items() if k.zoned and k.zoneless},
            "mixed": {n: (round(k.odd_share, 4), k.odd) for n, k in kinds.items() if k.odd},
        }
        return Arranged(notes=notes + taken.notes, kept=kept)

    def look(self, target: Path, kept: dict[str, Any]) -> DatasetReport:
        from shared.datasets.tables.looking import look

        return look(target, kept)

    def preview(self, folder: Path, report: DatasetReport, most: int) -> list[Output]:
        return preview_of(folder, list(range(min(most, report.rows, MOST_ROWS))))

    def open_file(self, folder: Path, name: str) -> tuple[IO[bytes], str] | None:
        return None


def preview_of(folder: Path, rows: list[int]) -> list[Output]:
    """Some rows of a table to look at."""
    from shared.datasets.tables.reading import open_table

    with open_table(folder) as table:
        cells = [column.to_pylist() for column in table.take(rows, table.columns).values()]
        shown = [[_cell(value) for value in row] for row in zip(*cells, strict=True)]
        return [Table(columns=table.columns, rows=shown, count=table.num_rows)]


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, bool | float):
        return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value
    return cut(value, _MOST_CELL) if isinstance(value, str) else shown_cell(value)


def _is_packed(one: Received) -> bool:
    """A zip of tables, or one gzipped; spreadsheets are zips by themselves."""
    lower = one.name.lower()
    return lower.endswith(".gz") or (is_zip(one.path) and not lower.endswith(_SPREADSHEETS))


def _likeness(head: bytes) -> float:
    """How sure the first line of .jsonl makes that it is a row of a table."""
    first = next((line for line in head.splitlines() if line.strip()), b"")
    try:
        row = json.loads(first.decode("utf-8-sig"))
    except (ValueError, RecursionError):  # a row of which the head holds a piece begins with its first key
        return (
            0.55
            if first.lstrip(b"\xef\xbb\xbf \t").startswith(b"{") and not first.lstrip().startswith(b'{"text"')
            else 0.3
        )
    if not isinstance(row, dict) or any(isinstance(value, dict | list) for value in row.values()):
        return 0.2
    return 0.3 if set(row) == {"text"} else 0.9


def _parted(head: bytes) -> float:
    try:
        lines = head.decode("utf-8-sig", errors="strict" if len(head) < 1 << 16 else "replace").splitlines(
            keepends=True
        )
    except UnicodeDecodeError:
        return 0.0
    return 0.7 if is_delimited(lines if len(head) < 1 << 16 else lines[:-1]) else 0.2
