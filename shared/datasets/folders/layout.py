"""What the folders of a file's name mean: the one place that knows what parts are called.

cat/0001.jpg     train/cat/0001.jpg     test/0002.jpg     0003.jpg     pos/1.txt
"""

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal

PARTS = ("train", "val", "test")
_CALLED = {
    **dict.fromkeys(("train", "training", "trainset", "traindata", "训练", "训练集"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "valset", "dev", "development", "验证", "验证集"), "val"),
    **dict.fromkeys(("test", "testing", "testset", "testdata", "测试", "测试集"), "test"),
}


def part_of(folder: str) -> str | None:
    """The part ("train", "val", "test") that a folder's name, or the name of a list of files, says; None for any other."""
    plain = re.sub(r"[\s_-]*((19|20)\d\d|set|data|images|img|part|split)$", "", folder.strip().lower())
    return _CALLED.get(plain)


@dataclass(frozen=True)
class Layout:
    """How the files of an upload lie. Found when they are imported; of pictures kept with the dataset.

    parts: the outermost folder is a part. label: the innermost folder is the class, or the outermost (after the part), or none is.
    """

    parts: bool = False
    label: Literal["inner", "outer", "none"] = "none"

    def place(self, name: str) -> tuple[str, str | None]:
        """(part, class) of a file's name. Without parts: train. Without classes: None."""
        folders = name.split("/")[:-1]
        part = None
        if self.parts and folders:
            part, folders = part_of(folders[0]), folders[1:]
        if self.label == "none" or not folders:
            return part or "train", None
        return part or "train", folders[-1 if self.label == "inner" else 0]

    def kept(self) -> dict[str, Any]:
        """As JSON; Layout(**it) makes it again."""
        return asdict(self)
