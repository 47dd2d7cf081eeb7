"""Reads image_folder and idx datasets into arrays: pixels, labels, and which part each picture belongs to."""

import gzip
import math
import struct
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from shared.datasets.images import READ_AS
from shared.errors import DatasetInvalid, Problem

SIDE_LIMIT = 96  # pixels; larger pictures are scaled down when image_size is 0. A guess at what a CPU bears
BYTES_LIMIT = 4 * 1024**3  # of decoded pixels held in memory
_CHUNK = 1 << 20
PARTS = {"train": "train", "test": "test", "val": "val", "valid": "val", "validation": "val"}
SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"}


@dataclass
class Pictures:
    """A dataset in memory.

    pixels: uint8 (n, height, width, channels), channels 1 or 3. labels: int64 (n,), index into classes.
    parts: str (n,), "train", "val" or "test". names: where each came from, for messages and results.
    """

    pixels: np.ndarray
    labels: np.ndarray
    parts: np.ndarray
    names: list[str]
    classes: list[str]


def read_pictures(format: str, folder: Path, image_size: int) -> Pictures:
    """Read a dataset's folder. image_size: side to scale to; 0: as stored, at most SIDE_LIMIT.

    Raises DatasetInvalid naming every file that cannot be read.
    """
    root = folder / "files" if (folder / "files").is_dir() else folder
    return _read_idx(root, image_size) if format == "idx" else _read_folder(root, image_size)


# --- class folders -------------------------------------------------------------------------------------------------


def place_of(path: PurePosixPath) -> tuple[str, str]:
    """Return (part, class) of a picture's path: [train|val|test/]class/name. Without a part's folder: train."""
    folders = path.parts[:-1]
    part = PARTS.get(folders[0].lower()) if len(folders) > 1 else None
    return part or "train", folders[-1] if folders else ""


def picture_files(root: Path) -> list[PurePosixPath]:
    """List a folder's pictures in a fixed order, as paths below it."""
    paths = (PurePosixPath(path.relative_to(root).as_posix()) for path in root.rglob("*") if path.is_file())
    return sorted((path for path in paths if path.suffix.lower() in SUFFIXES), key=str)


def _read_folder(root: Path, image_size: int) -> Pictures:
    paths = picture_files(root)
    if not paths:
        problem = Problem(field="dataset_id", message="holds no pictures")
        raise DatasetInvalid("the dataset holds no pictures", problems=[problem])
    places = [place_of(path) for path in paths]
    classes = sorted({name for _, name in places})
    with ThreadPoolExecutor() as pool:  # decoding releases Python's lock
        heads = _all_or_problems(pool.map(_head, [root / p for p in paths]), paths)
        size = target_size([head[0] for head in heads], image_size)
        colour = any(head[1] for head in heads)
        _refuse_too_much(len(paths), size, 3 if colour else 1)
        decoded = pool.map(lambda p: _decode(root / p, size, colour), paths)
        pixels = np.stack(_all_or_problems(decoded, paths))
    labels = np.array([classes.index(name) for _, name in places], dtype=np.int64)
    return Pictures(pixels, labels, np.array([part for part, _ in places]), [str(p) for p in paths], classes)


def _all_or_problems(results: Iterable[Any], paths: list[PurePosixPath]) -> list[Any]:
    results = list(results)
    problems = [
        Problem(field="dataset_id", message=f"cannot be read as a picture: {result}", file=str(path))
        for path, result in zip(paths, results, strict=True)
        if isinstance(result, Exception)
    ]
    if problems:
        raise DatasetInvalid(f"{len(problems)} pictures cannot be read, first {problems[0].file}", problems=problems)
    return results


def _head(path: Path) -> Any:
    """((width, height), is colour) from a file's head, or the error."""
    try:
        with Image.open(path, formats=READ_AS) as image:
            turned = image.getexif().get(0x0112, 1) >= 5  # EXIF orientation: lies on its side
            width, height = image.size
            return (height, width) if turned else (width, height), image.mode not in ("L", "1", "I;16", "I", "LA", "F")
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError) as err:
        return err


def _decode(path: Path, size: tuple[int, int], colour: bool) -> Any:
    try:
        with Image.open(path, formats=READ_AS) as image:
            return to_pixels(image, size, colour)
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as err:
        return err


def to_pixels(image: Image.Image, size: tuple[int, int], colour: bool) -> np.ndarray:
    """Turn any picture into uint8 (height, width, 1 or 3): upright, on white where transparent, scaled to size.

    size: (height, width).
    """
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I;16", "I", "F"):  # 16-bit grey; wider numbers are cut off at 16 bits
        image = Image.fromarray((np.clip(np.asarray(image, dtype=np.float64), 0, 65535) / 257).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    image = image.convert("RGB" if colour else "L")
    height, width = size
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(image, dtype=np.uint8).reshape(height, width, 3 if colour else 1)


def target_size(sizes: list[tuple[int, int]], image_size: int) -> tuple[int, int]:
    """Choose (height, width) for pictures of the given (width, height)s; see read_pictures."""
    if image_size:
        return image_size, image_size
    if len(set(sizes)) == 1 and max(sizes[0]) <= SIDE_LIMIT:
        width, height = sizes[0]
        return height, width
    side = min(SIDE_LIMIT, int(np.median([min(size) for size in sizes])))
    return side, side


def _refuse_too_much(count: int, size: tuple[int, int], channels: int) -> None:
    needed = count * size[0] * size[1] * channels
    if needed > BYTES_LIMIT:
        message = f"{count} pictures of {size[1]}x{size[0]} need {needed >> 20} MiB, {BYTES_LIMIT >> 20} are allowed"
        raise DatasetInvalid(message + "; choose a smaller image_size", problems=[Problem(field="", message=message)])


# --- MNIST's IDX files ---------------------------------------------------------------------------------------------


def _read_idx(root: Path, image_size: int) -> Pictures:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    images = {_idx_part(path): path for path in files if "idx3" in path.name.lower()}
    labels = {_idx_part(path): path for path in files if "idx1" in path.name.lower()}
    if not images or images.keys() != labels.keys():
        names = ", ".join(path.name for path in files) or "none"
        raise DatasetInvalid(f"needs pairs of images-idx3 and labels-idx1 files; found {names}")
    pixels, numbers, parts, names = [], [], [], []
    left = BYTES_LIMIT
    for part in sorted(images, key=["train", "val", "test"].index):
        body = read_idx(images[part], most_bytes=left)
        left -= body.size
        marks = read_idx(labels[part], most_bytes=BYTES_LIMIT)
        if len(body) != len(marks):
            raise DatasetInvalid(f"{images[part].name}: {len(body)} pictures, {labels[part].name}: {len(marks)} labels")
        pixels.append(body)
        numbers.append(marks.astype(np.int64))
        parts += [part] * len(body)
        names += [f"{part}/{i}" for i in range(len(body))]
    stacked, marks = np.concatenate(pixels)[..., None], np.concatenate(numbers)
    size = target_size([(stacked.shape[2], stacked.shape[1])], image_size)
    if stacked.shape[1:3] != size:
        stacked = np.stack([to_pixels(Image.fromarray(p[..., 0]), size, False) for p in stacked])
    kinds = np.unique(marks)
    return Pictures(stacked, np.searchsorted(kinds, marks), np.array(parts), names, [str(kind) for kind in kinds])


def _idx_part(path: Path) -> str:
    name = path.name.lower()
    return "test" if name.startswith(("t10k", "test")) else "val" if name.startswith("val") else "train"


def read_idx(path: Path, *, most_bytes: int) -> np.ndarray:
    """Read one IDX file of unsigned bytes, gzipped or not. Format: yann.lecun.com/exdb/mnist.

    Head: two zero bytes, type 8, number of axes, each axis as big-endian uint32. Raises DatasetInvalid, also when it says
    that it holds more than most_bytes: nothing of them is read then.
    """
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            zero, kind, axes = struct.unpack(">HBB", file.read(4))
            shape = struct.unpack(f">{axes}I", file.read(4 * axes))
            if (size := math.prod(shape)) > most_bytes:
                message = f"{path.name}: {' x '.join(map(str, shape))} bytes do not fit, {most_bytes} are allowed"
                raise DatasetInvalid(message, problems=[Problem(field="dataset_id", message=message, file=path.name)])
            body = np.empty(size, np.uint8)
            room = body.data
            while room and (read := file.readinto(room[:_CHUNK])):
                room = room[read:]
            whole = not room and not file.read(1)
    except (EOFError, zlib.error, gzip.BadGzipFile, struct.error) as err:
        raise DatasetInvalid(f"{path.name}: not an IDX file of bytes, or cut short: {err}") from err
    if zero or kind != 8 or not whole:
        raise DatasetInvalid(f"{path.name}: not an IDX file of bytes, or cut short")
    return body.reshape(shape)
