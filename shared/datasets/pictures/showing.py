"""Pictures as a browser can show them: as they lie where that will do, else a smaller PNG."""

import io
from pathlib import Path, PurePosixPath
from typing import IO

from PIL import Image

from shared.datasets.pictures.decoding import DEEP, Levels, opened_picture, upright
from shared.datasets.pictures.kinds import HEAD, has_picture_suffix, readable_kind

MOST_SHOWN = 20  # pictures of one folder that a preview may name
_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
_AS_IT_LIES = 2 << 20  # bytes; larger files are made smaller
_SIDE = 1024  # pixels of what is made smaller


def file_below(folder: Path, name: str) -> Path | None:
    """The file of this name below a folder; None where there is none, or the name leads elsewhere."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or path.as_posix() != name:
        return None
    found = folder / name
    return found if found.is_file() and not found.is_symlink() else None


def may_be_shown(path: Path) -> bool:
    """True for the first pictures of a folder: the only ones a preview names."""
    beside = sorted(one.name for one in path.parent.iterdir() if has_picture_suffix(one.name))
    return path.name in beside[:MOST_SHOWN]


def for_browser(path: Path, levels: Levels | None = None) -> tuple[IO[bytes], str]:
    """A picture's bytes and media type. Raises Unreadable."""
    with path.open("rb") as file:
        kind = readable_kind(file.read(HEAD))
    if kind in _TYPES and path.stat().st_size <= _AS_IT_LIES:
        with opened_picture(path) as image:
            as_it_lies = image.mode not in DEEP
        if as_it_lies:
            return path.open("rb"), _TYPES[kind]
    with opened_picture(path) as image:
        return as_png(upright(image, levels)), "image/png"


def as_png(image: Image.Image) -> IO[bytes]:
    """A picture as PNG, at most _SIDE pixels wide and high."""
    out = io.BytesIO()
    if max(image.size) > _SIDE:
        image.thumbnail((_SIDE, _SIDE))
    image.save(out, "PNG")
    out.seek(0)
    return out
