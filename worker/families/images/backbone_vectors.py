"""What a backbone of which nothing learns says of the pictures of a dataset: made once, kept for the next training upon it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from shared.datasets.pictures.reading import open_pictures
from shared.volume.staging import full_is_said
from worker.context import Context
from worker.families.going import Going
from worker.families.images.backbone import Backbone, side_upon
from worker.families.images.pixels import AT_ONCE as READERS
from worker.families.images.pixels import pixels_or_why
from worker.families.kept import kept
from worker.families.rows import RowFile
from worker.recipe import OpenInput

_AT_ONCE = 32  # pictures
_FILE, _VERSION = "vectors.f4", 1


def backbone_vectors(opened: OpenInput, base: OpenInput, context: Context) -> tuple[list[str], RowFile]:
    """(names of the dataset's pictures, float32 (pictures, width)): the mean over places; zeros of one that cannot be read.

    Raises VolumeFull.
    """
    pictures = open_pictures(opened.folder, opened.dataset)
    count, side = len(pictures), side_upon(base, 0)
    width = base.base.config.width

    def make(folder: Path) -> dict[str, Any]:
        see = _seeing(base, side)
        going = Going(context, "loading", count)
        with full_is_said(), (folder / _FILE).open("wb") as out, ThreadPoolExecutor(READERS) as pool:
            for start in range(0, count, _AT_ONCE):
                some = range(start, min(start + _AT_ONCE, count))
                read = list(pool.map(lambda i: pixels_or_why(pictures, i, (side, side, 3)), some))
                found = np.zeros((len(some), width), np.float32)
                good = {place: one for place, one in enumerate(read) if isinstance(one, np.ndarray)}
                if good:
                    found[list(good)] = see(np.stack(list(good.values())).astype(np.float32)).numpy()
                out.write(found.tobytes())
                going.done(len(some))
        going.end()
        return {}

    depends = {"base": base.hash, "side": side, "as": _VERSION}
    with kept(context, "backbone_vectors", opened, depends, make) as (folder, _):
        return pictures.names, RowFile(folder / _FILE, np.dtype(np.float32), (width,))


def _seeing(base: OpenInput, side: int) -> Any:
    """float32 (batch, side, side, 3), pixels 0..255, to float32 (batch, width)."""
    made = Backbone(base.base.config)
    pixels = keras.Input((side, side, 3))
    model = keras.Model(pixels, layers.GlobalAveragePooling2D(dtype="float32")(made.features(pixels)))
    made.assign(base.folder)

    @tf.function(input_signature=[tf.TensorSpec((None, side, side, 3), tf.float32)], autograph=False)
    def see(rows: Any) -> Any:
        return model(rows, training=False)

    return see
