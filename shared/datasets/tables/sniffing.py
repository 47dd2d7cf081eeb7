"""How the cells of a delimited text are parted: by comma, semicolon, tab or pipe, in quotes or not."""

import csv
from collections import Counter
from collections.abc import Sequence

DELIMITERS = (",", ";", "\t", "|")
SHOWN = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_ORDER = {"\t": 3, ";": 2, "|": 1, ",": 0}  # where several part all rows alike, the one that is rarer within cells
_ROWS = 200


def told(lines: Sequence[str]) -> str | None:
    """The delimiter that Excel writes into a first line of its own, "sep=;"."""
    first = lines[0].strip().strip('"') if lines else ""
    return first[4] if first.lower().startswith("sep=") and len(first) == 5 else None


def delimiter_of(lines: Sequence[str], *, tabs: bool = False) -> tuple[str, float]:
    """(the delimiter that parts most rows into equally many cells, at least two; the share of rows it does so).

    lines: the first of the file. tabs: its name says that these part the cells. (",", 0.0) when none does.
    """
    best = (0.0, -1, 0, ",")
    for delimiter in DELIMITERS:
        cells, share = evenness(lines, delimiter)
        if cells > 1:
            preferred = _ORDER[delimiter] + (4 if tabs and delimiter == "\t" else 0)
            best = max(best, (1.0 if share >= 0.98 else share, preferred, cells, delimiter))
    return best[3], best[0]


def evenness(lines: Sequence[str], delimiter: str) -> tuple[int, float]:
    """(how many cells most rows have, the share of rows that have so many)."""
    counts: Counter[int] = Counter()
    reader = csv.reader(iter(lines), delimiter=delimiter, skipinitialspace=True)
    try:
        for row in reader:
            if row:
                counts[len(row)] += 1
            if counts.total() >= _ROWS:
                break
    except csv.Error:
        return 0, 0.0
    if not counts:
        return 0, 0.0
    cells, rows = max(counts.items(), key=lambda item: (item[1], item[0]))
    return cells, rows / counts.total()


def is_quoted(lines: Sequence[str], delimiter: str) -> bool:
    """Whether cells stand in quotes, more often than a quote only begins one: then " is no ordinary character."""
    cells = [cell.strip() for line in lines for cell in line.split(delimiter) if cell.lstrip().startswith('"')]
    wrapped = sum(1 for cell in cells if len(cell) > 1 and cell.endswith('"'))
    return 2 * wrapped > len(cells)


def is_delimited(lines: Sequence[str]) -> bool:
    """Whether a text of any name is a table beyond doubt: ten rows and more, all with the same tabs, or with two other marks."""
    whole = [line for line in lines if line.strip()][:_ROWS]
    if len(whole) < 10:
        return False
    return any(
        share == 1.0 and cells >= (2 if delimiter == "\t" else 3)
        for delimiter in DELIMITERS
        for cells, share in [evenness(whole, delimiter)]
    )
