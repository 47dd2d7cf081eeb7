"""The pictures of a dataset that a restorer learns from: clean ones that are damaged on purpose, or pairs of given and wanted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from shared.datasets.pairs import Pair, read_pairs
from shared.datasets.pictures.decoding import BROKEN, Unreadable, is_grey, opened_picture, upright
from shared.datasets.pictures.reading import open_pictures
from shared.datasets.problems import refuse
from shared.errors import DatasetInvalid, Problem
from worker.context import Context
from worker.families.images.sized import SizedPixels, Source, digest_of, prepare_sized
from worker.recipe import OpenInput

_MADE_AS = 1  # raised when the same picture would become other pixels


@dataclass(frozen=True)
class Restorable:
    """names, parts, digests: of each picture. wanted: clean pictures, layers are channels.

    given: damaged ones, None where damage is made. scale: how many times as large a wanted picture is; of clean ones alone 1.
    """

    names: list[str]
    parts: list[str]
    digests: np.ndarray
    channels: int
    wanted: SizedPixels
    given: SizedPixels | None = None
    scale: int = 1


def prepare_restorable(opened: OpenInput, image_size: int, context: Context) -> Restorable:
    """Open pictures, or pairs whose right pictures are clean, and decode them, or find them decoded.

    image_size: longer side to which larger clean pictures are made smaller, 0: none is. Raises DatasetInvalid, VolumeFull.
    """
    if opened.dataset.format == "picture_pairs":
        return _prepare_pairs(opened, context)
    pictures = open_pictures(opened.folder, opened.dataset)
    if not len(pictures):
        message = "the dataset holds no pictures"
        raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])
    sizes = []
    for number in range(len(pictures)):
        context.check()
        try:
            sizes.append(scaled(pictures.size(number), image_size))
        except DatasetInvalid:
            sizes.append((1, 1))  # named with all others when they are decoded
    wanted, digests = _prepare(
        opened,
        "clean",
        pictures.names,
        sizes,
        pictures.channels,
        lambda number: pixels_of(pictures.open(number), pictures.channels, sizes[number]),
        {"size": image_size},
        context,
    )
    return Restorable(pictures.names, pictures.parts, digests, pictures.channels, wanted)


def scaled(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """(width, height) of a picture whose longer side is to be at most `longest`, 0: as it is."""
    share = min(1.0, longest / max(size)) if longest else 1.0
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def pixels_of(image: Image.Image, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """An upright picture ("L" or "RGB") as uint8 (height, width, channels). size: (width, height) to bring it to."""
    image = image.convert("RGB" if channels == 3 else "L")
    if size is not None and size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(image, np.uint8).reshape(image.height, image.width, channels)


def _prepare_pairs(opened: OpenInput, context: Context) -> Restorable:
    root, facts = opened.folder / "files", opened.dataset.report.facts
    pairs, levels = list(read_pairs(root)), opened.dataset.report.facts.get("levels")
    scale = int(facts["factor"][0])
    channels = 3 if int(facts.get("channels", 3)) == 3 or _any_colour(root, pairs, context) else 1

    def decoder(side: str, times: int) -> Callable[[int], np.ndarray]:
        def decode(number: int) -> np.ndarray:
            name: str = getattr(pairs[number], side)
            try:
                with opened_picture(root / name) as image:
                    pixels = pixels_of(upright(image, levels), channels)
            except (Unreadable, *BROKEN) as err:
                raise refuse(str(err), file=name) from err
            width, height = pairs[number].size
            return pixels[: height * times, : width * times]  # what is over at the edge has no partner

        return decode

    both = []
    for kind, side, times in (("given", "left", 1), ("wanted", "right", scale)):
        sizes = [(width * times, height * times) for width, height in (pair.size for pair in pairs)]
        names = [getattr(pair, side) for pair in pairs]
        both.append(
            _prepare(opened, kind, names, sizes, channels, decoder(side, times), {"channels": channels}, context)
        )
    (given, digests), (wanted, _) = both
    parts = [pair.part for pair in pairs]
    return Restorable(
        [pair.left.removeprefix("left/") for pair in pairs], parts, digests, channels, wanted, given, scale
    )


def _any_colour(root: Any, pairs: Sequence[Pair], context: Context) -> bool:
    """True where a wanted picture has colour: the report knows of the given ones."""
    for pair in pairs:
        context.check()
        with opened_picture(root / pair.right) as image:
            if not is_grey(image):
                return True
    return False


def _prepare(
    opened: OpenInput,
    kind: str,
    names: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    channels: int,
    decode: Callable[[int], np.ndarray],
    depends: dict[str, Any],
    context: Context,
) -> tuple[SizedPixels, np.ndarray]:
    """(pictures, digests)."""
    source = Source(
        names,
        sizes,
        channels,
        decode,
        lambda pixels: {"digests": digest_of(pixels)},
        {"digests": "digests.bin"},
        {"as": _MADE_AS, **depends},
    )
    pixels, found = prepare_sized(opened, kind, source, context)
    return pixels, found["digests"].view("V16")
