"""Reads what the numbers or colours of masks mean, from a small text file beside them.

    Sky                  0,Sky               Sky,128,128,128            128 128 128 Sky            Sky;#808080
    Building             1,Building          name,r,g,b above it

A name a line is the name of the number of that line, from 0.
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

_STEMS = {"classes", "legend", "class_dict", "class_names", "labels", "label_colors", "label_colours", "labelmap", "names", "codes",
          "palette", "colors", "colours"}  # fmt: skip
_MOST_BYTES = 1_000_000


def legend_files(others: Sequence[str]) -> list[str]:
    """Names of the files that may be a legend."""
    paths = [PurePosixPath(name) for name in sorted(others)]
    return [
        str(path) for path in paths if path.suffix.lower() in (".txt", ".csv", ".tsv") and path.stem.lower() in _STEMS
    ]


def read_legend(path: Path) -> dict[str, str]:
    """Name by value ("3", "#804000"); {} for what is no legend."""
    if path.stat().st_size > _MOST_BYTES:
        return {}
    lines = [line.strip() for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines()]
    lines = [line for line in lines if (line and not line.startswith("#")) or re.match(r"#[0-9a-fA-F]{6}\b", line)]
    read = [_line(line) for line in lines]
    if lines and read[0] is None:  # the head of a table
        read = read[1:]
    if read and all(entry is not None for entry in read):
        return dict(entry for entry in read if entry is not None)
    plain = all(len(re.split(r"[,;\t]", line)) == 1 for line in lines)
    return {str(number): line for number, line in enumerate(lines)} if lines and plain else {}


def _line(line: str) -> tuple[str, str] | None:
    """(value, name) of a line that says both."""
    cells = [cell.strip().strip("\"'") for cell in re.split(r"[,;\t:]", line)]
    cells = [one for cell in cells for one in (cell.split() if re.fullmatch(r"[0-9 ]*", cell) else [cell])]
    if len(cells) == 1:
        cells = line.split()
    numbers = [cell for cell in cells if re.fullmatch(r"[0-9]{1,3}", cell)]
    colours = [cell.lower() for cell in cells if re.fullmatch(r"#[0-9a-fA-F]{6}", cell)]
    words = [cell for cell in cells if cell not in numbers and cell.lower() not in colours]
    if not words:
        return None
    name = " ".join(words)
    if colours:
        return colours[0], name
    if len(numbers) in (3, 4) and all(int(number) <= 255 for number in numbers):
        return "#" + "".join(f"{int(number):02x}" for number in numbers[-3:]), name
    return (str(int(numbers[0])), name) if len(numbers) == 1 else None
