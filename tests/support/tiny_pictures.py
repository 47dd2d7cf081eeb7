"""Makes very small picture datasets for tests: classes that differ in where they are bright."""

import gzip
import io
import struct

import numpy as np
from PIL import Image


def tiny_pictures(count: int, *, classes: int = 3, side: int = 12, channels: int = 1, seed: int = 0):
    """Return uint8 pixels (count, side, side, channels) and int labels (count,); a class is bright in its own band."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    pixels = rng.integers(0, 90, (count, side, side, channels), dtype=np.uint8)
    band = side // classes
    for i, label in enumerate(labels):
        pixels[i, label * band : (label + 1) * band] += 120
    return pixels, labels


def idx_files(count: int = 60, test: int = 12, **shape) -> list[tuple[str, bytes]]:
    """Return the four files of an MNIST-like dataset, gzipped."""
    files = []
    for prefix, number, seed in (("train", count, 0), ("t10k", test, 1)):
        pixels, labels = tiny_pictures(number, seed=seed, **shape)
        head = struct.pack(">HBBIII", 0, 8, 3, *pixels.shape[:3])
        files.append((f"{prefix}-images-idx3-ubyte.gz", gzip.compress(head + pixels.tobytes(), mtime=0)))
        head = struct.pack(">HBBI", 0, 8, 1, number)
        body = head + labels.astype(np.uint8).tobytes()
        files.append((f"{prefix}-labels-idx1-ubyte.gz", gzip.compress(body, mtime=0)))
    return files


def png(pixels: np.ndarray) -> bytes:
    """Encode (height, width, 1 or 3) as PNG."""
    out = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(out, "PNG")
    return out.getvalue()


def folder_files(count: int = 24, part: str = "", names=("ape", "bee", "cat"), **shape) -> list[tuple[str, bytes]]:
    """Return (path, bytes) of PNG files in class folders, below part/ if one is given."""
    pixels, labels = tiny_pictures(count, classes=len(names), **shape)
    lead = f"{part}/" if part else ""
    return [(f"{lead}{names[labels[i]]}/{i:03d}.png", png(pixels[i])) for i in range(count)]
