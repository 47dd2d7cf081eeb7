"""Finds the texts among the files that lie beside pictures, by names and first lines: tables, or a .txt for each picture."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath

from shared.datasets.pictures.annotated import NO_ANNOTATIONS, stem
from shared.datasets.pictures.kinds import has_picture_suffix

TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".xlsx", ".parquet")
_READABLE = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".txt", ".token")  # whose first lines say what they are
# What a column of texts is called, the likeliest first.
TEXT_NAMES = (
    *("text", "texts", "caption", "captions", "sentence", "sentences", "description", "descriptions", "comment"),
    *("title", "alt", "alt_text", "raw", "words", "prompt", "tags", "keywords", "文本", "描述", "标题"),
)
_ENOUGH = 0.5  # of the .txt files must be called like a picture
_SAMPLE = 8  # files whose first lines are looked at
_NUMBERS = re.compile(r"\s*\d+(\s+-?[\d.]+([eE]-?\d+)?){4,}\s*")  # YOLO's: a class and a box
_COUNTED = re.compile(r"#\d+$")  # Flickr8k's: a.jpg#0, a.jpg#1


def text_files(pictures: Sequence[str], others: Sequence[str]) -> dict[str, str]:
    """The .txt file of each picture, by the picture's name; {} where too few are called like one. others: names of all else."""
    by_place: dict[tuple[str, str], str] = {}
    by_stem: dict[str, list[str]] = defaultdict(list)
    for name in pictures:
        by_place.setdefault((str(PurePosixPath(name).parent), stem(name)), name)
        by_stem[stem(name)].append(name)
    texts = [name for name in others if name.lower().endswith(".txt") and stem(name).lower() not in NO_ANNOTATIONS]
    found: dict[str, str] = {}
    for name in texts:
        alike = by_stem.get(stem(name), [])
        beside = by_place.get((str(PurePosixPath(name).parent), stem(name)))
        picture = beside or (alike[0] if len(alike) == 1 else None)
        if picture is not None:
            found.setdefault(picture, name)
    return found if len(found) >= max(1, _ENOUGH * len(texts)) else {}


def tables_among(others: Sequence[str]) -> list[str]:
    """Names of files that may be a table of texts; of .txt only those called so."""
    names = [PurePosixPath(name) for name in sorted(others)]
    return [
        str(name)
        for name in names
        if name.suffix.lower() in TABLES
        or (
            name.suffix.lower() in (".txt", ".token")
            and any(word in name.name.lower() for word in ("caption", "token"))
        )
    ]


def holds_words(pictures: Sequence[str], others: Sequence[str], head: Callable[[str], bytes]) -> bool:
    """Whether these files say in words what the pictures show. head: the first bytes of a file."""
    if beside := sorted(text_files(pictures, others).values()):
        lines = [line for name in beside[:_SAMPLE] for line in head(name).decode("utf-8", "replace").splitlines()]
        lines = [line for line in lines if line.strip()]
        return bool(lines) and not any(_NUMBERS.fullmatch(line) for line in lines)
    called = {PurePosixPath(name).name for name in pictures}
    for name in tables_among(others)[:_SAMPLE]:
        if not name.lower().endswith(_READABLE):
            continue
        text = head(name).decode("utf-8", "replace")
        first = re.split(r'[,;|\t"\':{}]+', text.partition("\n")[0].lower())
        says_text = bool({word.strip() for word in first} & set(TEXT_NAMES)) or "caption" in name.lower()
        if says_text and any(one in called for one in _words_of(text)):
            return True
    return False


def _words_of(text: str) -> Iterable[str]:
    for cell in re.split(r'[,;|\t"\n\r]+', text):
        yield PurePosixPath(_COUNTED.sub("", cell.strip())).name


class PictureNames:
    """The pictures of an upload by what a table may call them: the whole name, its end, the bare name, without its ending."""

    def __init__(self, names: Iterable[str]):
        self._whole = {name: name for name in names}
        self._bare: dict[str, list[str]] = defaultdict(list)
        for name in self._whole:
            self._bare[PurePosixPath(name).name].append(name)
            self._bare[stem(name)].append(name)

    def is_name(self, said: str) -> bool:
        """Whether this is the name of a picture, its ending and all, and so no name of a column."""
        try:
            return has_picture_suffix(_COUNTED.sub("", said.strip())) and self.find(said) is not None
        except ValueError:
            return True

    def find(self, said: str) -> str | None:
        """The picture that is meant; None for none. Raises ValueError, in words that go on after the name, for several."""
        said = _COUNTED.sub("", said.strip().replace("\\", "/")).removeprefix("./").lstrip("/")
        if said in self._whole:
            return said
        alike = list(dict.fromkeys(self._bare.get(PurePosixPath(said).name, [])))
        if len(alike) > 1:
            ends = [name for name in alike if name.endswith(f"/{said}") or said.endswith(f"/{name}")]
            alike = ends if len(ends) == 1 else alike
        if len(alike) > 1:
            raise ValueError(f"may mean {alike[0]} or {alike[1]}: say the folder, too")
        return alike[0] if alike else None
