"""Turns a picture file into 8-bit grey or colour, upright, whatever the file holds: 16 bits, floats, palettes, transparency.

Files are untrusted: only READ_AS is tried, nothing above MOST_PIXELS is decoded, and broken EXIF is no error.
"""

import contextlib
import struct
import threading
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from shared.datasets.pictures.kinds import HEAD, MOST_PIXELS, READ_AS, other_kind

# What Pillow raises for files that are damaged, or no pictures.
BROKEN = (OSError, UnidentifiedImageError, ValueError, SyntaxError, TypeError, struct.error, EOFError, OverflowError,
          MemoryError, RuntimeError, Image.DecompressionBombError)  # fmt: skip
DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")  # modes of more than 8 bits
# (what becomes black, what becomes white) of pictures of more than 8 bits: under "whole" of numbers, under "float" of floats
Levels = Mapping[str, tuple[float, float]]
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DEPTHS = (255, 1023, 4095, 16_383, 65_535)  # largest values of 8, 10, 12, 14 and 16 bits


class Unreadable(Exception):
    """A picture that cannot be used. The message goes on after the file's name: "is a HEIC picture ..."."""


class _Quiet:
    """Keeps Pillow's warnings about odd metadata back, in all threads that are within: filters of warnings are the process's."""

    def __init__(self) -> None:
        self._lock, self._within = threading.Lock(), 0
        self._before = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._within == 0:
                self._before.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
            self._within += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._within -= 1
            if self._within == 0:
                self._before.close()


_QUIET = _Quiet()


@contextlib.contextmanager
def opened_picture(source: Path | IO[bytes]) -> Iterator[Image.Image]:
    """Open a picture, as it is stored. Raises Unreadable, also for whatever decoding it in the block raises."""
    try:
        with _QUIET, Image.open(source, formats=READ_AS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Unreadable(f"has {image.width} x {image.height} pixels; {MOST_PIXELS} are allowed")
            yield image
    except BROKEN as err:
        raise Unreadable(_why(source, err)) from err


def _why(source: Path | IO[bytes], err: Exception) -> str:
    head = b""
    with contextlib.suppress(OSError, ValueError):
        if isinstance(source, Path):
            with source.open("rb") as file:
                head = file.read(HEAD)
        else:
            source.seek(0)
            head = source.read(HEAD)
    if not head:
        return "is empty"
    if kind := other_kind(head):
        ending = f" named {source.suffix}" if isinstance(source, Path) and source.suffix else ""
        return f"is a {kind} picture{ending}, which cannot be read: convert it to JPEG or PNG"
    said = str(err).replace(str(source), source.name if isinstance(source, Path) else "it")
    return f"cannot be read as a picture: {said}"


def _orientation(image: Image.Image) -> int:
    """1 to 8 as EXIF has it; 1 where it is missing, broken or no such number."""
    try:
        said = image.getexif().get(_ORIENTATION, 1)
    except (*BROKEN, KeyError, AttributeError):
        return 1
    return said if isinstance(said, int) and 1 <= said <= 8 else 1


def transpose_of(image: Image.Image) -> Image.Transpose | None:
    """How the picture as it is stored is turned to stand upright; None where it does."""
    return _TURNS.get(turn_of(image))


def upright_size(image: Image.Image) -> tuple[int, int]:
    """(width, height) of a picture once it stands upright; reads its head alone."""
    return image.size if turn_of(image) < 5 else (image.height, image.width)


def upright(image: Image.Image, levels: Levels | None = None) -> Image.Image:
    """An opened picture as it is meant to be seen: turned as its EXIF says, mode "L" or "RGB" as eight_bit() makes it."""
    image.load()  # before EXIF is asked: Pillow turns a TIFF as it loads it, and strikes the order out
    turn = _TURNS.get(_orientation(image))
    image = eight_bit(image, levels)
    return image if turn is None else image.transpose(turn)


def turn_of(image: Image.Image) -> int:
    """1 to 8: how the picture is stored, as EXIF counts. Pillow turns a TIFF by itself, so that it stands upright (1) here."""
    return 1 if image.format == "TIFF" else _orientation(image)


def is_grey(image: Image.Image) -> bool:
    """True for pictures without colour, by their mode alone: a palette counts as colour."""
    return image.mode in ("1", "L", "LA", "La", *DEEP)


def extremes(image: Image.Image) -> tuple[float, float]:
    """(smallest, largest value) of a picture of more than 8 bits."""
    whole = image if image.mode in ("I", "F") else image.convert("I")
    low, high = whole.getextrema()
    return float(low), float(high)  # pyright: ignore[reportArgumentType]  (one band)


def levels_of(low: float, high: float, *, floats: bool) -> tuple[float, float]:
    """(black, white) from the smallest and largest value of all pictures of more than 8 bits.

    Whole numbers: 0 and the largest of the fewest bits that hold them, so that 12-bit pictures are not black. Floats: 0 to 1 or to
    255 where they lie in it, as programs write them, else as far as they reach.
    """
    depths = (1, 255) if floats else _DEPTHS
    depth = next((depth for depth in depths if high <= depth), None) if low >= 0 else None
    return (low, high) if depth is None else (0.0, float(depth))


def eight_bit(image: Image.Image, levels: Levels | None = None) -> Image.Image:
    """A picture in mode "L" (grey) or "RGB", on white where it is transparent. EXIF is not looked at: upright() does.

    levels: of the dataset it belongs to, so that all its pictures are scaled alike; None: from this picture alone.
    """
    if image.mode in DEEP:
        kind = "float" if image.mode == "F" else "whole"
        low, high = (levels or {}).get(kind) or levels_of(*extremes(image), floats=kind == "float")
        scale = 255 / (high - low) if high > low else 0.0
        deep = image.convert("I") if image.mode.startswith("I;16") else image
        deep = deep.convert("F").point(lambda value: value * scale + (0.5 - low * scale))
        return deep.convert("L")  # cuts off at 0 and 255
    grey = is_grey(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L" if grey else "RGB")
