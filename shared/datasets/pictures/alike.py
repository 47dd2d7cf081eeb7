"""Finds pictures that look nearly like another one in another part: one frame further, saved once more, made smaller.

By a perceptual hash: 64 times whether the picture grows brighter to the right. Pictures that differ in at most MOST_BITS of
them look nearly alike. Source: dHash, N. Krawetz 2013, hackerfactor.com.
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence

from PIL import Image

MOST_BITS = 3  # of 64; tests/unit/test_pictures_alike.py tries copies of several kinds
_BANDS, _BAND_BITS = 4, 16  # of two hashes that differ in three bits, one of four bands is the same
_LEAST_BITS = 8  # a hash with fewer ones, or fewer zeros, is of a plain picture: all of them look alike
_MOST_COMPARED = 200  # of one band; beyond, the first ones stand for the rest
_SMALL = (32, 32)


def look_of(image: Image.Image, turn: Image.Transpose | None = None) -> int | None:
    """The hash of a loaded picture; turn: what makes it upright. None for a plain one, which looks like any other."""
    if image.mode in ("P", "PA", "1", "La", "RGBa"):
        image = image.convert("RGB")
    elif image.mode.startswith("I;16"):
        image = image.convert("I")
    small = image.resize(_SMALL, Image.Resampling.BOX, reducing_gap=2.0)
    small = small.convert("F" if small.mode in ("I", "F") else "L")
    small = small if turn is None else small.transpose(turn)
    small = small.resize((9, 8), Image.Resampling.BOX)
    found = 0
    for y in range(8):
        row = [float(small.getpixel((x, y))) for x in range(9)]  # pyright: ignore[reportArgumentType]  (one band)
        for left, right in itertools.pairwise(row):
            found = found << 1 | (right > left)
    return found if _LEAST_BITS <= found.bit_count() <= 64 - _LEAST_BITS else None


def nearly_alike(looks: Mapping[str, int | None], parts: Mapping[str, str]) -> list[tuple[str, str]]:
    """(picture, one of another part that it looks like) for each picture that has one, sorted; a pair is told once."""
    found: dict[str, str] = {}
    for band in range(_BANDS):
        alike: dict[int, list[str]] = defaultdict(list)
        for name, look in looks.items():
            if look is not None:
                alike[look >> _BAND_BITS * band & (1 << _BAND_BITS) - 1].append(name)
        for names in alike.values():
            if len({parts[name] for name in names}) > 1:
                _compare(names, looks, parts, found)
    return sorted((name, other) for name, other in found.items() if found.get(other) != name or name < other)


def _compare(
    names: Sequence[str], looks: Mapping[str, int | None], parts: Mapping[str, str], found: dict[str, str]
) -> None:
    by_part: dict[str, list[str]] = defaultdict(list)
    for name in names:
        by_part[parts[name]].append(name)
    for part, members in by_part.items():
        others = [name for other, there in by_part.items() if other != part for name in there][:_MOST_COMPARED]
        for name in members:
            if name not in found:
                one = looks[name] or 0
                near = next((o for o in others if (one ^ (looks[o] or 0)).bit_count() <= MOST_BITS), None)
                if near is not None:
                    found[name] = near
