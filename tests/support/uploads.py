"""Builds uploads for tests: pictures, zips, IDX files, as users and attackers make them."""

import gzip
import io
import struct
import zipfile

from PIL import Image

from shared.datasets import Imported, Limits, import_dataset
from shared.volume.volume import Volume

ANY_SIZE = Limits()


def load(volume: Volume, *files: tuple[str, bytes], limits: Limits = ANY_SIZE, **options) -> Imported:
    """Import (name, bytes) pairs."""
    return import_dataset(volume, limits, [(name, io.BytesIO(data)) for name, data in files], **options)


def picture(colour=(200, 10, 10), size=(8, 8), format="PNG"):
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, format)
    return out.getvalue()


def zipped(entries, *, links=(), compression=zipfile.ZIP_DEFLATED):
    """A zip of (name, bytes) pairs; links: names that are marked as symbolic links."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            info.external_attr = (0o120777 if name in links else 0o100644) << 16
            archive.writestr(info, data)
    return out.getvalue()


def classes(count=3, names=("cat", "dog"), lead=""):
    """Entries of class folders, every picture another colour."""
    return [
        (f"{lead}{name}/{i}.png", picture((i * 20, j * 90, 7))) for j, name in enumerate(names) for i in range(count)
    ]


def idx(images=10, labels=10, *, kinds=3, cut=0, side=4, part="train"):
    """A pair of IDX files. cut: bytes missing at the end of the pictures; kinds: how many labels occur."""
    pixels = struct.pack(">HBBIII", 0, 8, 3, images, side, side) + bytes(images * side * side)
    marks = struct.pack(">HBBI", 0, 8, 1, labels) + bytes(i % kinds for i in range(labels))
    return [
        (f"{part}-images-idx3-ubyte.gz", gzip.compress(pixels[: len(pixels) - cut])),
        (f"{part}-labels-idx1-ubyte.gz", gzip.compress(marks)),
    ]


def left_behind(volume):
    """Names in the datasets folder, staging included."""
    folder = volume.root / "datasets"
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []
