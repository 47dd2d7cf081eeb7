"""A trained segmenter at work: pictures sent along, whole datasets, and the pictures of a training's report."""

import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from PIL import Image

from shared.datasets.pictures.decoding import Levels
from shared.errors import RecipeFailed
from shared.outputs import Cell, Output, Table
from shared.recipes.image_segmenter import ImageSegmenterBatch, ImageSegmenterGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.images.pixels import AT_ONCE
from worker.families.images.uploads import uploaded_pictures
from worker.families.masks.answered import SegmentedPictures
from worker.families.masks.drawing import mask_output, mask_png, shares_of
from worker.families.masks.measuring import mask_metrics
from worker.families.masks.pairs import picture_pixels
from worker.families.masks.tiles import classes_of
from worker.families.row_table import row_table
from worker.recipe import Assets, Inputs, Report

ZIP = "masks.zip"
MOST_COLUMNS = 60  # classes that have a column of their own in the table of a batch; of more, the first ones
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can name: the same masks make the same bytes


class Segmenting:
    """Classes of pictures by a model, tile by tile. compiled: as one graph, which pays from about ten pictures on."""

    def __init__(self, model: Any, assets: Assets, *, compiled: bool = True):
        self.names: list[str] = assets["classes"]
        self.colours: list[str] = assets["colours"]
        self._assets = assets
        tile, classes = assets["tile"], len(self.names)
        if compiled:
            self._run: Any = tf.function(
                lambda picture: classes_of(lambda x: model(x, training=False), picture, tile, classes),
                input_signature=[tf.TensorSpec((None, None, assets["channels"]), tf.uint8)],
                autograph=False,
            )
        else:
            self._run = lambda picture: classes_of(model.predict_on_batch, tf.constant(picture), tile, classes)

    def classes(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (height, width). pixels: uint8 (height, width, channels), as picture_pixels() makes them."""
        return self._run(pixels).numpy()

    def of_picture(self, image: Image.Image) -> np.ndarray:
        """Classes of an upright picture in its own size, uint8 (height, width)."""
        said = self.classes(picture_pixels(image, self._assets["image_size"], self._assets["channels"]))
        if said.shape == (image.height, image.width):
            return said
        return np.asarray(Image.fromarray(said).resize(image.size, Image.Resampling.NEAREST), np.uint8)

    @property
    def levels(self) -> Levels | None:
        return self._assets.json.get("levels")


class Segmenter:
    """A segmenter ready for many jobs."""

    def __init__(self, model: Any, assets: Assets):
        self._by = Segmenting(model, assets)

    def generate(self, params: ImageSegmenterGenerate, context: Context, files: Files) -> Report:
        """A mask for each uploaded picture. Raises RecipeFailed naming all that cannot be read, InputMissing."""
        found = uploaded_pictures(params.images, self._by.levels, context)
        going, outputs = Going(context, "generating", len(found)), list[Output]()
        for number, one in enumerate(found, 1):
            said = self._by.of_picture(one.open())
            mask = files.write(f"mask_{number}.png", mask_png(said, self._by.colours))
            outputs.append(mask_output(one.name, f"file:{one.file_id}", mask, said, self._by.names, self._by.colours))
            going.done(1)
        going.end()
        return Report(outputs=outputs)

    def batch(self, params: ImageSegmenterBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Every picture of a dataset, in its order: a table of shares, and a zip of masks where it is wanted.

        A zip cannot be gone on with where an attempt was killed: with one, the next attempt begins anew.
        """
        pictures = SegmentedPictures(inputs["data"], self._by.names)
        wanted = [i for i, part in enumerate(pictures.parts) if params.part in ("all", part)]
        if not wanted:
            raise RecipeFailed(f"no picture of the dataset is in the part {params.part!r}", code="nothing_to_label")
        shown = self._by.names[:MOST_COLUMNS]
        columns = ["file", *shown, *(["pixel accuracy", "mean IoU"] if pictures.masks else []), "error"]
        types = {name: pa.float64() for name in columns[1:-1]}
        kept = None if params.masks else context
        archive = zipfile.ZipFile(files.path(ZIP), "w", zipfile.ZIP_STORED) if params.masks else None
        with (
            row_table(files, columns, context=kept, file_format=params.format, types=types) as table,
            archive or nullcontext(),
            ThreadPoolExecutor(AT_ONCE) as pool,
        ):
            total = np.array(table.state.get("total", np.zeros((len(self._by.names),) * 2, np.int64).tolist()))
            going = Going(context, "generating", len(wanted), begun=table.count)
            left = wanted[table.count :]
            for start in range(0, len(left), AT_ONCE):
                some = left[start : start + AT_ONCE]
                for i, image in zip(some, pool.map(pictures.open, some), strict=True):
                    context.check()
                    if isinstance(image, str):
                        table.add([pictures.names[i], *[None] * (len(columns) - 2), image])
                        continue
                    said = self._by.of_picture(image)
                    cells: list[Cell] = [float(share) for share in shares_of(said, len(shown))]
                    if pictures.masks:
                        counts = pictures.compared(i, said)
                        total += counts
                        found = mask_metrics(counts)
                        cells += [found.get("pixel_accuracy"), found.get("mean_iou")]
                    table.add([pictures.names[i], *cells, None])
                    if archive is not None:
                        entry = zipfile.ZipInfo(pictures.entry(i), _MOMENT)
                        archive.writestr(entry, mask_png(said, self._by.colours))
                table.keep({"total": total.tolist()})
                going.done(len(some))
            going.end()
        outputs: list[Output] = [table.output(f"{len(wanted):,} pictures, and the share of each class")]
        if params.masks:
            size = files.path(ZIP).stat().st_size
            title = f"{ZIP}, {size:,} bytes: a mask for each picture"
            outputs.append(Table(title=title, columns=["file", "bytes"], rows=[[ZIP, size]], count=1, file=ZIP))
        return Report(mask_metrics(total), outputs)
