"""Reads YOLO's text files, one a picture, a box a line: class number, centre and size as shares of the picture's sides

    0 0.5867 0.5760 0.3609 0.4146

and the names of classes from data.yaml, classes.txt or obj.names. Outlines (class number and corners) become the box around them.
"""

import re
from pathlib import Path, PurePosixPath

from shared.datasets.boxes.annotation import Annotation, BadAnnotation

_MOST_BYTES = 8_000_000
_NAME_FILES = ("classes.txt", "obj.names", "_darknet.labels", "labels.txt", "names.txt")


def read_yolo(path: Path, name: str, classes: list[str]) -> Annotation:
    """classes: names by number; [] where none are known, the numbers are the names then. Raises BadAnnotation naming the line."""
    if path.stat().st_size > _MOST_BYTES:
        raise BadAnnotation(f"is larger than {_MOST_BYTES:,} bytes: no annotation of one picture")
    found = Annotation(name, PurePosixPath(name).stem, relative=True)
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), 1):
        words = line.split()
        if words:
            found.boxes.append((*_box(words, number), _label(words[0], classes, number)))
    return found


def _label(word: str, classes: list[str], line: int) -> str:
    if not re.fullmatch(r"[0-9]{1,6}", word):
        raise BadAnnotation(f"line {line} begins with {word!r:.40}; it should be the number of a class")
    if classes and int(word) >= len(classes):
        raise BadAnnotation(f"line {line} has class {word}; there are {len(classes)} names, 0 to {len(classes) - 1}")
    return classes[int(word)] if classes else word


def _box(words: list[str], line: int) -> tuple[float, float, float, float]:
    try:
        values = [float(word) for word in words[1:]]
    except ValueError as err:
        raise BadAnnotation(f"line {line} has {' '.join(words)!r:.80}; it should be five numbers") from err
    if any(not -1 <= value <= 2 for value in values):  # NaN too
        raise BadAnnotation(f"line {line}: {' '.join(words)!r:.80} are no shares of the picture, 0 to 1")
    if len(values) in (4, 5):  # a fifth is a score
        x, y, width, height = values[:4]
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    if len(values) >= 6 and len(values) % 2 == 0:
        return min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])
    raise BadAnnotation(f"line {line} has {len(words)} numbers; a box has five")


def name_files(others: list[str]) -> list[str]:
    """Files that may hold the names of classes, the likeliest first."""
    yaml = [name for name in others if name.lower().endswith((".yaml", ".yml"))]
    lists = [name for called in _NAME_FILES for name in others if PurePosixPath(name).name.lower() == called]
    return yaml + lists


def read_names(path: Path, name: str) -> list[str]:
    """The names of classes by number; [] where it holds none. A whole YAML reader is not needed for one key."""
    lines = path.read_text(encoding="utf-8-sig", errors="replace")[:1_000_000].splitlines()
    if not name.lower().endswith((".yaml", ".yml")):
        return [line.strip() for line in lines if line.strip()]
    for at, line in enumerate(lines):
        if found := re.match(r"names\s*:\s*(.*)$", line):
            said = found.group(1).strip()
            if said.startswith("["):
                rest = said + " ".join(lines[at + 1 :])
                return [_plain(one) for one in rest[1 : rest.find("]")].split(",") if one.strip()]
            return _listed(lines[at + 1 :])
    return []


def _listed(lines: list[str]) -> list[str]:
    """ "- cat" or "0: cat" a line, until something else comes."""
    found: dict[int, str] = {}
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if entry := re.match(r"\s*-\s+(.+)$", line):
            found[len(found)] = _plain(entry.group(1))
        elif entry := re.match(r"\s+([0-9]{1,6})\s*:\s*(.+)$", line):
            found[int(entry.group(1))] = _plain(entry.group(2))
        else:
            break
    return [found.get(number, str(number)) for number in range(max(found) + 1)] if found else []


def _plain(text: str) -> str:
    return re.sub(r"\s+#.*$", "", text).strip().strip("'\"")
