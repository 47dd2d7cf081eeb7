"""Reads .jsonl: one flat object a line. Columns are the keys in the order in which they first occur."""

import json
import unicodedata
from array import array
from pathlib import Path
from typing import Any

import pyarrow as pa

from shared.datasets.encoding import END_MARK, Encoding
from shared.datasets.formats.base import Received
from shared.datasets.marks import TOO_MANY, long_run
from shared.datasets.problems import refuse
from shared.datasets.tables.names import clean
from shared.datasets.tables.parts import MOST_COLUMNS, Part
from shared.datasets.text_writing import BYTE_ORDER_MARK, LONGEST_LINE

_MOST_ROWS, _MOST_CELLS, _MOST_CHARACTERS = 65_536, 1_000_000, 16_000_000  # of a batch


def read_json_rows(source: Received, encoding: Encoding, folder: Path, most_bytes: int) -> Part:
    """Read a file. Raises DatasetInvalid for what is no table, TooLarge, VolumeFull; bad lines are in the part's bad."""
    part = Part(source.name, folder, most_bytes)
    rows = _Rows(part)
    with source.path.open(encoding=encoding.codec) as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                message = f"is longer than {LONGEST_LINE:,} characters; the rest was not read"
                raise refuse(message, file=source.name, line=number)
            line = line.partition(END_MARK)[0].strip().strip(BYTE_ORDER_MARK)
            if line:
                rows.add(number, line)
    rows.flush()
    part.close()
    if not part.rows and not part.bad.count:
        raise refuse("holds no rows", file=source.name)
    return part


class _Rows:
    """Collects rows and hands them to a part as columns."""

    def __init__(self, part: Part):
        self._part = part
        self._names: dict[str, str] = {}  # by key
        self._clear()

    def _clear(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._lines = array("q")
        self._characters = 0

    def add(self, number: int, line: str) -> None:
        row = self._parsed(number, line)
        if row is None:
            return
        for key in row:
            if key not in self._names:
                self._name(key)
        self._rows.append(row)
        self._lines.append(number)
        self._characters += len(line)
        full = len(self._rows) >= _MOST_ROWS or len(self._rows) * len(self._names) >= _MOST_CELLS
        if full or self._characters >= _MOST_CHARACTERS:
            self.flush()

    def _parsed(self, number: int, line: str) -> dict[str, Any] | None:
        bad, file = self._part.bad, self._part.file
        try:
            row = json.loads(line)
        except RecursionError:
            bad.add_row(file, number, "is JSON nested too deeply", line)
        except ValueError as err:
            bad.add_row(file, number, f"is no JSON: {err}", line)
        else:
            nested = (
                [key for key, value in row.items() if isinstance(value, dict | list)] if isinstance(row, dict) else []
            )
            if not isinstance(row, dict):
                bad.add_row(file, number, 'is no object like {"name": "value"}', line)
            elif nested:
                why = "holds a list or an object; a cell is a text, a number, true, false or null"
                bad.add_cells(1, [(file, number, nested[0], json.dumps(row[nested[0]], ensure_ascii=False), why)])
            elif not any(value is not None and value != "" for value in row.values()):
                self._part.empty += 1
            else:
                return row
        return None

    def _name(self, key: str) -> None:
        if len(self._names) >= MOST_COLUMNS:
            raise refuse(f"has more than {MOST_COLUMNS:,} columns", file=self._part.file)
        name, taken = clean(key) or f"column_{len(self._names) + 1}", set(self._names.values())
        number = 2
        while name in taken:
            name, number = f"{clean(key)}_{number}", number + 1
        self._names[key] = name

    def flush(self) -> None:
        if self._rows:
            keys = list(self._names)
            cells = [
                pa.array(
                    [self._cell(row.get(key), line) for row, line in zip(self._rows, self._lines, strict=True)],
                    pa.string(),
                )
                for key in keys
            ]
            self._part.add([self._names[key] for key in keys], cells, self._lines)
            self._clear()

    def _cell(self, value: Any, line: int) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            return ("true" if value else "false") if isinstance(value, bool) else repr(value)
        if value.isascii():
            return value
        if long_run(value) is not None:
            raise refuse(TOO_MANY, file=self._part.file, line=line)
        return unicodedata.normalize("NFC", value.encode("utf-8", "replace").decode())
