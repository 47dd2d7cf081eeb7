"""Names that people give the parts of a dataset: in a column (split, fold ...) or in the names of files."""

import re
from collections.abc import Iterable

PART_COLUMN = "part"  # the column made of the files' names
_COLUMNS = frozenset(("part", "split", "set", "subset", "fold", "partition", "dataset_split"))
_PARTS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "eval"), "test"),
}
_WORD = re.compile(r"[a-z]+")


def part_of(value: str) -> str:
    """ "train", "val" or "test" for what means that, else ""."""
    return _PARTS.get(value.strip().casefold(), "")


def part_of_file(name: str) -> str:
    """The part that a file's name says: adult-train.csv; "" for none or two."""
    stem = name.rpartition("/")[2].rpartition(".")[0].casefold()
    found = {_PARTS[word] for word in _WORD.findall(stem) if word in _PARTS}
    return found.pop() if len(found) == 1 else ""


def is_part_column(name: str, values: Iterable[str]) -> bool:
    """Whether a column says which part each row is of: by its name and all its values."""
    found = [part_of(value) for value in values]
    return name.strip().casefold() in _COLUMNS and len(set(found)) > 1 and "" not in found and "train" in found
