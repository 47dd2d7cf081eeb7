"""Format "captioned_pictures": pictures and texts that say what they show, from a zip or as they are.

    images/a.jpg                          a.jpg  a.txt                         train/a.jpg
    captions.tsv: file, text              b.jpg  b.txt                         train/metadata.jsonl: file_name, text

A table has a row for each text (several rows may be of one picture), in a .txt each line is a text. The column that names
pictures is found by what it holds, that of texts by its name. Parts come from folders, from a column such as split, from names of
files, or from lists (splits/train.txt). Stored as files/pictures/a.jpg and files/captions.jsonl, one picture a line
(shared/datasets/captions/storing.py), for example

    {"file": "pictures/a.jpg", "part": "train", "texts": ["a brown dog runs", "a dog on grass"]}
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import Field

from shared.datasets.captions.arranging import arrange_captions
from shared.datasets.captions.finding import holds_words
from shared.datasets.captions.storing import CaptionedPicture, read_captions
from shared.datasets.folders.layout import PARTS
from shared.datasets.folders.refusing import refuse_bad
from shared.datasets.formats.base import Arranged, Example, HasLimits, Options, Peek, Received
from shared.datasets.pictures.checking import facts_of, see_all, warnings_about, warnings_about_looks
from shared.datasets.pictures.decoding import Unreadable
from shared.datasets.pictures.kinds import has_picture_suffix
from shared.datasets.pictures.showing import file_below, for_browser, may_be_shown
from shared.datasets.report import DatasetReport, Dropped, Warned
from shared.errors import cut
from shared.outputs import Output, Picture
from shared.volume.staging import read_manifest

_SHOWN = 200  # characters of a text in a preview


class CaptionedOptions(Options):
    """Where the texts stand, and what to do with pictures and texts that cannot be used."""

    bad_rows: Literal["refuse", "drop"] = Field(
        default="refuse",
        description="Pictures that cannot be read or have no text, texts that are empty or of no picture. drop: leave them out.",
    )
    text_column: str = Field(
        default="",
        max_length=200,
        description="The column of a table that holds the texts, where its name does not tell.",
    )


class CaptionedPicturesFormat:
    name = "captioned_pictures"
    title = "pictures with texts"
    help = "a zip of pictures and a table of the columns file and text, or of pictures with a .txt beside each"
    suffixes: tuple[str, ...] = (".zip",)
    examples: tuple[Example, ...] = ()
    options: type[Options] = CaptionedOptions

    def recognises(self, names: Sequence[str], peek: Peek) -> float:
        """Above boxes, whose annotations may be .txt files called like the pictures: what lies in these says which they are."""
        places: dict[str, tuple[str, str | None]] = {}
        for name in names:
            inside = peek.inside(name)
            places |= {name: (name, None)} if inside is None else {inner: (name, inner) for inner in inside}
        files = [name for name in places if not name.endswith("/") and "__MACOSX/" not in name]
        pictures = [name for name in files if has_picture_suffix(name)]
        others = [name for name in files if not has_picture_suffix(name)]
        if not pictures or not others:
            return 0.0

        def head(name: str) -> bytes:
            upload, inner = places[name]
            return peek.head(upload, inner=inner)

        return 0.85 if holds_words(pictures, others, head) else 0.0

    def arrange(
        self, received: Sequence[Received], target: Path, limits: HasLimits, options: CaptionedOptions
    ) -> Arranged:
        return arrange_captions(received, target, limits, options)

    def look(self, target: Path, kept: dict[str, Any]) -> DatasetReport:
        pictures = {picture.file: picture for picture in read_captions(target)}
        seen, wrong = see_all(target, pictures)
        if wrong:
            raise refuse_bad(wrong, dict.fromkeys(pictures, ("", None)))
        texts = [text for picture in pictures.values() for text in picture.texts]
        each = [len(picture.texts) for picture in pictures.values()]
        parts = Counter(picture.part for picture in pictures.values())
        facts = facts_of(list(seen.values())) | {
            "texts": len(texts),
            "different_texts": len(set(texts)),
            "texts_a_picture": [min(each), max(each)],
            "characters_a_text": [min(map(len, texts)), max(map(len, texts))],
        }
        return DatasetReport(
            rows=len(pictures),
            unit="pictures",
            dropped=Dropped(**kept["dropped"]),
            parts={part: parts[part] for part in PARTS if part in parts},
            leakage=kept["leakage"],
            facts=facts,
            warnings=[
                *_about(kept, list(pictures.values())),
                *(one for one in warnings_about(list(seen.values()), facts) if one.code != "mixed_sizes"),
                *warnings_about_looks(seen, {picture.file: picture.part for picture in pictures.values()}),
            ],
        )

    def preview(self, folder: Path, report: DatasetReport, most: int) -> list[Output]:
        """The first pictures in the order of their names, each with its first text."""
        found: list[Output] = []
        for picture in read_captions(folder / "files"):
            if len(found) >= most:
                break
            if may_be_shown(folder / "files" / picture.file):
                first, *others = picture.texts
                more = f" (+{len(others)})" if others else ""
                found.append(Picture(title=cut(first, _SHOWN) + more, file=picture.file))
        return found

    def open_file(self, folder: Path, name: str) -> tuple[IO[bytes], str] | None:
        path = file_below(folder / "files", name)
        if path is None or not has_picture_suffix(name) or not may_be_shown(path):
            return None
        try:
            return for_browser(path, (read_manifest(folder) or {}).get("report", {}).get("facts", {}).get("levels"))
        except Unreadable:
            return None


def _about(kept: dict[str, Any], pictures: Sequence[CaptionedPicture]) -> list[Warned]:
    said = []
    if kept["copies"]:
        message = f"{kept['copies']:,} pictures are copies of another one with the same content."
        said.append(Warned(code="copies", message=message))
    for parts, count in kept["leakage"].items():
        message = f"{count:,} pictures stand in {parts}: figures measured on them are too good."
        said.append(Warned(code="leakage", message=message))
    of: dict[str, Counter[str]] = {}
    for picture in pictures:
        for text in picture.texts:
            of.setdefault(text.casefold(), Counter())[picture.part] += 1
    if several := sum(parts.total() > 1 for parts in of.values()):
        message = f"{several:,} texts say of several pictures: no search can tell these apart."
        said.append(Warned(code="same_text", message=message))
    if across := sum(len(parts) > 1 for parts in of.values()):
        message = f"{across:,} texts stand in several parts: figures measured on their pictures are too good."
        said.append(Warned(code="texts_across", message=message))
    return said
