"""Vectors of pictures and of texts by a trained network, and those of a dataset's pictures, kept for the next search."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from shared.datasets.pictures.reading import PictureList, open_pictures
from shared.errors import RecipeFailed
from shared.volume.staging import full_is_said
from worker.context import Context
from worker.families.captions.networks import TwoTowers
from worker.families.captions.words import Words, filled
from worker.families.going import Going
from worker.families.images.pixels import AT_ONCE as READERS
from worker.families.images.pixels import pixels_or_why
from worker.families.kept import kept
from worker.families.rows import RowFile
from worker.families.text_labels.tokenizer import tokenizer_of
from worker.recipe import Assets, OpenInput

AT_ONCE = 64  # pictures, or texts
_FILE, _VERSION = "vectors.f4", 1
MOST_PICTURES = 2_000_000  # 1 GB of vectors of 128 numbers, which are in memory while they are searched
Check = Callable[[], None]


def nothing() -> None:
    """To be called where nobody looks."""


class Towers:
    """A trained network ready for use."""

    def __init__(self, model: TwoTowers, assets: Assets):
        self.model, self.shape, self.levels = model, tuple(assets["shape"]), assets.json.get("levels")
        self.words = Words(tokenizer_of(assets), assets["length"], {}, {})
        self.width = int(model.pictures.output_shape[-1])

        @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)], autograph=False)
        def read(rows: Any) -> Any:
            return model.texts(rows, training=False)

        @tf.function(input_signature=[tf.TensorSpec((None, *self.shape), tf.float32)], autograph=False)
        def see(pixels: Any) -> Any:
            return model.pictures(pixels, training=False)

        self._read, self._see = read, see

    def of_pixels(self, pixels: np.ndarray, check: Check = nothing) -> np.ndarray:
        """float32 (n, width), of length 1. pixels: uint8 (n, height, width, channels)."""
        found = [np.zeros((0, self.width), np.float32)]
        for start in range(0, len(pixels), AT_ONCE):
            check()
            found.append(self._see(pixels[start : start + AT_ONCE].astype(np.float32)).numpy())
        return np.concatenate(found)

    def of_texts(self, texts: Sequence[str], check: Check = nothing) -> np.ndarray:
        """float32 (n, width), of length 1. Those of like length are read together."""
        rows = self.words.rows(texts)
        found = np.zeros((len(rows), self.width), np.float32)
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        for start in range(0, len(order), AT_ONCE):
            check()
            some = order[start : start + AT_ONCE]
            found[some] = self._read(filled([rows[place] for place in some])).numpy()
        return found

    def of_rows(self, rows: np.ndarray, check: Check = nothing) -> np.ndarray:
        """The same of texts as CaptionData has them: tokens, or vectors of the encoder."""
        found = [np.zeros((0, self.width), np.float32)]
        for start in range(0, len(rows), AT_ONCE):
            check()
            some = rows[start : start + AT_ONCE]
            found.append(self._read(some).numpy() if some.dtype == np.int32 else np.asarray(self.model.texts(some)))
        return np.concatenate(found)


def towers_of(model: TwoTowers, assets: Assets) -> Towers:
    """One for all evaluations of a training: what it is traced to follows the variables."""
    kept_by = model.__dict__
    if "_towers" not in kept_by:
        kept_by["_towers"] = Towers(model, assets)
    return kept_by["_towers"]


class Gallery:
    """The pictures of a dataset as vectors. vectors: float32 (n, width); of one that cannot be read all numbers are 0."""

    def __init__(self, pictures: PictureList, vectors: np.ndarray):
        self.pictures, self.vectors = pictures, vectors
        self.there = np.flatnonzero(vectors.any(1))


def gallery_of(opened: OpenInput, towers: Towers, model: str, context: Context) -> Gallery:
    """model: a hash of what vectors depend on beside the pictures. Raises RecipeFailed for too many or none, VolumeFull."""
    pictures = open_pictures(opened.folder, opened.dataset)
    count = len(pictures)
    if count > MOST_PICTURES:
        raise RecipeFailed(f"{count:,} pictures; at most {MOST_PICTURES:,} are searched", code="too_many_pictures")

    def make(folder: Path) -> dict[str, Any]:
        going = Going(context, "generating", count)
        with full_is_said(), (folder / _FILE).open("wb") as out, ThreadPoolExecutor(READERS) as pool:
            for start in range(0, count, AT_ONCE):
                some = range(start, min(start + AT_ONCE, count))
                read = list(pool.map(lambda i: pixels_or_why(pictures, i, towers.shape), some))
                out.write(vectors_where_read(read, towers, context.check).tobytes())
                going.done(len(some))
        going.end()
        return {}

    with kept(context, "picture_vectors", opened, {"model": model, "as": _VERSION}, make) as (folder, _):
        vectors = RowFile(folder / _FILE, np.dtype(np.float32), (towers.width,)).read(0, count)
    gallery = Gallery(pictures, vectors)
    if not len(gallery.there):
        raise RecipeFailed("the dataset holds no picture that can be read", code="nothing_there")
    return gallery


def vectors_where_read(read: Sequence[np.ndarray | str], towers: Towers, check: Check) -> np.ndarray:
    """float32 (n, width); zeros for those that could not be read."""
    found = np.zeros((len(read), towers.width), np.float32)
    good = [place for place, one in enumerate(read) if isinstance(one, np.ndarray)]
    if good:
        found[good] = towers.of_pixels(np.stack([one for one in read if isinstance(one, np.ndarray)]), check)
    return found


def hash_of(model: Any, assets: Assets) -> str:
    """32 hex digits that depend on the weights of the picture tower and the size it sees."""
    digest = hashlib.sha256(repr(assets["shape"]).encode())
    for variable in model.pictures.variables:
        digest.update(np.ascontiguousarray(variable.numpy()).tobytes())
    return digest.hexdigest()[:32]
