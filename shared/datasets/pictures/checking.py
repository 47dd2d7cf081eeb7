"""Decodes every picture of an upload once, fully, in bounded memory: at most _AT_ONCE of them at the same time."""

import itertools
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from shared.datasets.pictures.alike import look_of, nearly_alike
from shared.datasets.pictures.decoding import (
    DEEP,
    Unreadable,
    extremes,
    is_grey,
    levels_of,
    opened_picture,
    transpose_of,
    turn_of,
    upright_size,
)
from shared.datasets.report import Warned

_AT_ONCE = min(4, os.cpu_count() or 1)  # each holds one decoded picture, 256 MB at most
_BATCH = 512  # names handed to the threads at a time: a hundred thousand futures are memory, too
_LARGE = 4_000_000  # pixels; beyond, reading takes longer than training on most of them


@dataclass(frozen=True)
class Seen:
    """What one picture is. channels: 1 or 3, without transparency. levels: (smallest, largest) value beyond 8 bits.

    look: how it looks (alike.py).
    """

    width: int
    height: int
    channels: int
    turned: bool = False
    several: bool = False
    floats: bool = False
    levels: tuple[float, float] | None = None
    look: int | None = None


def see(path: Path) -> Seen | str:
    """What a picture is, or what is wrong with it ("is empty")."""
    try:
        with opened_picture(path) as image:
            width, height = upright_size(image)
            turned, turn = turn_of(image) != 1, transpose_of(image)
            several = image.format != "MPO" and bool(getattr(image, "is_animated", False))
            image.load()
            deep = image.mode in DEEP
            if deep and image.mode == "F" and not math.isfinite(_mean(image)):
                return "holds values that are no numbers (NaN or infinite)"
            levels = extremes(image) if deep else None
            channels, look = 1 if is_grey(image) else 3, look_of(image, turn)
            return Seen(width, height, channels, turned, several, image.mode == "F", levels, look)
    except Unreadable as err:
        return str(err)


def _mean(image: Image.Image) -> float:
    return image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))  # pyright: ignore[reportReturnType]  (one band)


def see_all(root: Path, names: Iterable[str]) -> tuple[dict[str, Seen], dict[str, str]]:
    """Decode every picture. Returns (what each is, what is wrong with each that cannot be used), by name."""
    seen: dict[str, Seen] = {}
    wrong: dict[str, str] = {}
    left = iter(names)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while batch := list(itertools.islice(left, _BATCH)):
            for name, found in zip(batch, pool.map(lambda name: see(root / name), batch), strict=True):
                if isinstance(found, str):
                    wrong[name] = found
                else:
                    seen[name] = found
    return seen, wrong


def facts_of(seen: Sequence[Seen]) -> dict[str, Any]:
    """What is measured of all pictures together: width, height, pixels as [low, high]; channels; levels where there are any."""
    facts: dict[str, Any] = {"channels": max(one.channels for one in seen)}
    measured = {
        "width": [one.width for one in seen],
        "height": [one.height for one in seen],
        "pixels": [one.width * one.height for one in seen],
    }
    facts |= {name: [min(values), max(values)] for name, values in measured.items()}
    levels = {}
    for kind in ("whole", "float"):
        found = [one.levels for one in seen if one.levels is not None and one.floats == (kind == "float")]
        if found:
            low, high = min(low for low, _ in found), max(high for _, high in found)
            levels[kind] = list(levels_of(low, high, floats=kind == "float"))
    return facts | ({"levels": levels} if levels else {})


def warnings_about(seen: Sequence[Seen], facts: dict[str, Any]) -> list[Warned]:
    """What is odd about the pictures, classes aside."""
    said = []
    width, height = facts["width"], facts["height"]
    if width[0] != width[1] or height[0] != height[1]:
        sides = f"{width[0]} to {width[1]} wide and {height[0]} to {height[1]} high"
        said.append(
            Warned(
                code="mixed_sizes", message=f"The pictures are {sides}: an image classifier scales them to one size."
            )
        )
    if large := sum(one.width * one.height > _LARGE for one in seen):
        message = (
            f"{large:,} pictures have more than {_LARGE // 1_000_000} million pixels: smaller copies train faster."
        )
        said.append(Warned(code="very_large", message=message))
    if several := sum(one.several for one in seen):
        message = f"{several:,} pictures move or have several pages: the first of each is used."
        said.append(Warned(code="several_frames", message=message))
    grey = sum(one.channels == 1 for one in seen)
    if 0 < grey < len(seen):
        message = (
            f"{grey:,} of {len(seen):,} pictures are grey, the others coloured: a model may learn to look for that."
        )
        said.append(Warned(code="mixed_colours", message=message))
    if "levels" in facts:
        (low, high), *_ = facts["levels"].values()
        deep = sum(one.levels is not None for one in seen)
        message = f"{deep:,} pictures have more than 8 bits: values from {low:g} to {high:g} become black to white."
        said.append(Warned(code="deep_pictures", message=message))
    return said


def warnings_about_looks(seen: Mapping[str, Seen], parts: Mapping[str, str]) -> list[Warned]:
    """Pictures that look nearly like one of another part. parts: of each picture."""
    pairs = nearly_alike({name: seen[name].look for name in parts}, parts)
    if not pairs:
        return []
    shown = "; ".join(f"{_in(name, parts)} and {_in(other, parts)}" for name, other in pairs[:3])
    more = " ..." if len(pairs) > 3 else ""
    look = f"{len(pairs):,} {'picture looks' if len(pairs) == 1 else 'pictures look'}"
    message = f"{look} nearly like one of another part ({shown}{more}): figures measured on them are too good."
    return [Warned(code="nearly_alike", message=message)]


def _in(name: str, parts: Mapping[str, str]) -> str:
    return f"{name.rpartition('/')[2]} in {parts[name]}"
