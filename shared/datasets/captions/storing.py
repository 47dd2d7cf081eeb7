"""The form in which pictures with texts are stored: files/captions.jsonl, one picture a line.

{"file": "pictures/a.jpg", "part": "train", "texts": ["a brown dog runs", "a dog on grass"]}
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.volume.staging import full_is_said

CAPTIONS = "captions.jsonl"
PICTURES = "pictures"  # the folder that all of them lie in


@dataclass(frozen=True)
class CaptionedPicture:
    """A picture with one text or more. file: below files/. part: "train", "val" or "test"."""

    file: str
    part: str
    texts: tuple[str, ...]

    @property
    def name(self) -> str:
        """As it is shown: without the folder that all of them lie in."""
        return self.file.partition("/")[2]


def write_captions(root: Path, pictures: Iterable[CaptionedPicture]) -> None:
    """Write captions.jsonl below root. Raises VolumeFull."""
    with full_is_said(), (root / CAPTIONS).open("x", encoding="utf-8") as out:
        for picture in pictures:
            out.write(json.dumps(asdict(picture), ensure_ascii=False) + "\n")


def read_captions(root: Path) -> Iterator[CaptionedPicture]:
    """The pictures of a dataset's files/ in the order in which they are stored, one at a time."""
    with (root / CAPTIONS).open(encoding="utf-8") as file:
        for line in file:
            found = json.loads(line)
            yield CaptionedPicture(found["file"], found["part"], tuple(found["texts"]))
