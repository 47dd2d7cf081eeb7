"""What the names of IDX files say: which set, which part, pictures or labels.

train-images-idx3-ubyte.gz   t10k-labels.idx1-ubyte   emnist-letters-test-images-idx3-ubyte.gz
"""

import re
from pathlib import PurePosixPath
from typing import NamedTuple

from shared.datasets.folders.layout import part_of

_PART = re.compile(r"(?:^|[-_.])(t10k|train(?:ing)?|test(?:ing)?|val(?:id(?:ation)?)?)(?=[-_.]|$)")


class Said(NamedTuple):
    """set: "emnist-letters", "" where the name begins with the part. part: "train", "val" or "test"; kind: "images" or "labels"."""

    set: str
    part: str
    kind: str


def looks_like_idx(name: str) -> bool:
    """True for names of IDX files."""
    return bool(re.search(r"idx[13]", _base(name)))


def read_name(name: str) -> Said:
    """What the name of an IDX file says. A name without a part is of the training part."""
    base = _base(name)
    kind = "images" if "idx3" in base else "labels"
    found = _PART.search(base)
    if found is None:
        return Said("", "train", kind)
    part = "test" if found.group(1) == "t10k" else part_of(found.group(1)) or "train"
    return Said(base[: found.start()].strip("-_."), part, kind)


def same_name(one: str, other: str) -> bool:
    """True for two copies of a file, packed and not, or in two folders."""
    return re.sub(r"[-_.]", "", _base(one)) == re.sub(r"[-_.]", "", _base(other))


def _base(name: str) -> str:
    return PurePosixPath(name).name.lower().removesuffix(".gz")
