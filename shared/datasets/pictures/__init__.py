"""Pictures on the volume: which kinds are read, what their folders mean, decoding, IDX. Read by formats, pages and the worker.

Pillow alone: no arrays, so that the web server needs no NumPy.
"""

from shared.datasets.folders.layout import PARTS, Layout, part_of
from shared.datasets.pictures.decoding import eight_bit, opened_picture, upright, upright_size
from shared.datasets.pictures.kinds import MOST_PIXELS, READ_AS, SUFFIXES
from shared.datasets.pictures.reading import PictureList, open_pictures

__all__ = [
    "MOST_PIXELS",
    "PARTS",
    "READ_AS",
    "SUFFIXES",
    "Layout",
    "PictureList",
    "eight_bit",
    "open_pictures",
    "opened_picture",
    "part_of",
    "upright",
    "upright_size",
]
