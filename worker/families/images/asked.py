"""Finds the pictures a generation asks about: sent along with it, or lying in a dataset on the volume."""

import base64
import binascii
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from shared.datasets.images import READ_AS
from shared.errors import RecipeFailed
from shared.recipes.image_classifier import ImageClassifierGenerate, UploadedImage
from worker.context import Context
from worker.families.images.reading import picture_files, place_of, read_pictures, to_pixels

PIXELS_LIMIT = 40_000_000  # of one uploaded picture: 40 megapixels is a large camera's; more is a bomb


@dataclass(frozen=True)
class Asked:
    """Pictures by number. read(i): uint8 (height, width, channels). truth: their labels; empty where not known."""

    names: list[str]
    read: Callable[[int], np.ndarray]
    truth: list[str] = field(default_factory=list)


def asked_pictures(gparams: ImageClassifierGenerate, context: Context, shape: Sequence[int]) -> Asked:
    """Find what is asked about. shape: (height, width, channels) the model knows; pictures are scaled to it.

    Raises RecipeFailed naming every picture sent that cannot be read, InputMissing when the dataset is gone.
    """
    size, colour = (shape[0], shape[1]), shape[2] == 3
    if gparams.images:
        return _sent(gparams.images, size, colour)
    manifest, folder = context.dataset(gparams.dataset_id)
    lying = _lying_in_idx if manifest.format == "idx" else _lying_in_folders
    found = lying(folder, gparams, size, colour)
    if not found.names:
        raise RecipeFailed("no picture of the dataset is in the chosen part and range", code="nothing_to_label")
    return found


def _sent(images: list[UploadedImage], size: tuple[int, int], colour: bool) -> Asked:
    names = [image.name or f"picture {i + 1}" for i, image in enumerate(images)]
    results = [_decode(image.data, size, colour) for image in images]
    wrong = [f"{name}: {found}" for name, found in zip(names, results, strict=True) if isinstance(found, str)]
    if wrong:
        raise RecipeFailed("; ".join(wrong), code="unreadable_picture")
    pixels = [found for found in results if not isinstance(found, str)]
    return Asked(names, pixels.__getitem__)


def _decode(data: str, size: tuple[int, int], colour: bool) -> np.ndarray | str:
    """Pixels of a base64 picture, or what is wrong with it."""
    try:
        body = base64.b64decode("".join(data.split()), validate=True)
        with Image.open(io.BytesIO(body), formats=("PNG", "JPEG", "GIF", "BMP", "WEBP")) as image:
            if image.width * image.height > PIXELS_LIMIT:
                return f"{image.width}x{image.height} is more than {PIXELS_LIMIT} pixels"
            return to_pixels(image, size, colour)
    except binascii.Error:
        return "is not base64"
    except UnidentifiedImageError:
        return "is not a PNG, JPEG, GIF, BMP or WebP picture"
    except (OSError, ValueError, SyntaxError) as err:
        return f"is damaged: {err}"


def _window(gparams: ImageClassifierGenerate) -> slice:
    return slice(gparams.offset, gparams.offset + gparams.limit)


def _lying_in_idx(folder: Path, gparams: ImageClassifierGenerate, size: tuple[int, int], colour: bool) -> Asked:
    pictures = read_pictures("idx", folder, 0)
    wanted = np.flatnonzero([gparams.part in ("all", part) for part in pictures.parts])[_window(gparams)]
    return Asked(
        [pictures.names[i] for i in wanted],
        lambda i: to_pixels(Image.fromarray(pictures.pixels[wanted[i]][..., 0]), size, colour),
        [pictures.classes[pictures.labels[i]] for i in wanted],
    )


def _lying_in_folders(folder: Path, gparams: ImageClassifierGenerate, size: tuple[int, int], colour: bool) -> Asked:
    root = folder / "files"
    paths = [path for path in picture_files(root) if gparams.part in ("all", place_of(path)[0])][_window(gparams)]

    def read(i: int) -> np.ndarray:
        try:
            with Image.open(root / paths[i], formats=READ_AS) as image:
                return to_pixels(image, size, colour)
        except (OSError, ValueError, SyntaxError) as err:
            raise RecipeFailed(f"{paths[i]}: cannot be read: {err}", code="unreadable_picture") from err

    return Asked([str(path) for path in paths], read, [place_of(path)[1] for path in paths])
