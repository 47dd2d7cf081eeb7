"""A trained detector at work: pictures sent along, and whole datasets."""

import zipfile
from collections import Counter
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
from shared.recipes.object_detector import ObjectDetectorBatch, ObjectDetectorGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.boxes.answered import DetectedPictures
from worker.families.boxes.drawing import boxes_output, drawn, jpeg_bytes
from worker.families.boxes.heads import finder
from worker.families.boxes.letterbox import letterboxed, scales
from worker.families.boxes.measuring import LEAST_MEASURED, measured
from worker.families.going import Going
from worker.families.images.drawing import drawable
from worker.families.images.pixels import AT_ONCE
from worker.families.images.uploads import uploaded_pictures
from worker.families.row_table import RowTable, row_table
from worker.recipe import Assets, Inputs, Report

ZIP = "pictures.zip"
MOST_MEASURED = 5_000  # pictures of a batch that average precision is measured on, so that memory is bounded
_COLUMNS = ["file", "label", "score", "left", "top", "right", "bottom", "error"]
_TYPES = {name: pa.float64() for name in _COLUMNS[2:7]}
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can name: the same pictures make the same bytes


class Detecting:
    """Boxes in pictures of any size by a model."""

    def __init__(self, model: Any, assets: Assets):
        self.names: list[str] = assets["classes"]
        self._assets, self._shape = assets, tuple(assets["shape"])
        run = tf.function(
            lambda pixels: model(pixels, training=False),
            input_signature=[tf.TensorSpec((1, *self._shape), tf.float32)],
            autograph=False,
        )
        self._find = finder(run, assets)

    def of_picture(self, image: Image.Image, least: float, overlap: float) -> np.ndarray:
        """float64 (k, 6): boxes in pixels of an upright picture, score, number of the class; the surest first."""
        boxes = self._find(letterboxed(image, self._shape)[None], least, overlap)[0].astype(np.float64)
        boxes[:, :4] = np.clip(boxes[:, :4] / scales(image.size, self._shape), 0, [*image.size, *image.size])
        return boxes

    @property
    def levels(self) -> Levels | None:
        return self._assets.json.get("levels")


class Detector:
    """A detector ready for many jobs."""

    def __init__(self, model: Any, assets: Assets):
        self._by = Detecting(model, assets)

    def generate(self, params: ObjectDetectorGenerate, context: Context, files: Files) -> Report:
        """The boxes in each uploaded picture, and all of them as a table.

        Raises RecipeFailed naming all that cannot be read, InputMissing.
        """
        found = uploaded_pictures(params.images, self._by.levels, context)
        going, outputs, each = Going(context, "generating", len(found)), list[Output](), Counter[str]()
        with row_table(files, _COLUMNS[:-1], types=_TYPES) as table:
            for one in found:
                picture = one.open()
                boxes = self._by.of_picture(picture, params.least_score, params.overlap)
                outputs.append(boxes_output(one.name, f"file:{one.file_id}", picture.size, boxes, self._by.names))
                _add(table, one.name, boxes, self._by.names, ())
                each.update(self._by.names[int(number)] for number in boxes[:, 5])
                going.done(1)
        going.end()
        said = ", ".join(f"{name} {count:,}" for name, count in each.most_common(12)) or "nothing found"
        return Report(outputs=[*outputs, table.output(f"All boxes, in pixels: {said}")])

    def batch(self, params: ObjectDetectorBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Every picture of a dataset, in its order: a row for each box, one without a label where nothing was found.

        Neither a zip nor what figures are made of can be gone on with where an attempt was killed: then the next one begins anew.
        """
        pictures = DetectedPictures(inputs["data"], self._by.names)
        wanted = [i for i, part in enumerate(pictures.parts) if params.part in ("all", part)]
        if not wanted:
            raise RecipeFailed(f"no picture of the dataset is in the part {params.part!r}", code="nothing_to_label")
        kept = None if params.pictures or pictures.known else context
        archive = zipfile.ZipFile(files.path(ZIP), "w", zipfile.ZIP_STORED) if params.pictures else None
        truth, said = list[np.ndarray](), list[np.ndarray]()
        with (
            row_table(files, _COLUMNS, context=kept, file_format=params.format, types=_TYPES) as table,
            archive or nullcontext(),
            ThreadPoolExecutor(AT_ONCE) as pool,
        ):
            begun = table.state.get("pictures", 0)
            boxes_found, failed = table.state.get("boxes", 0), table.state.get("failed", 0)
            going = Going(context, "generating", len(wanted), begun=begun)
            left = wanted[begun:]
            for start in range(0, len(left), AT_ONCE):
                some = left[start : start + AT_ONCE]
                for i, image in zip(some, pool.map(pictures.open, some), strict=True):
                    context.check()
                    if isinstance(image, str):
                        table.add([pictures.names[i], *[None] * 6, image])
                        failed += 1
                        continue
                    all_boxes = self._by.of_picture(image, min(LEAST_MEASURED, params.least_score), params.overlap)
                    if pictures.known and len(truth) < MOST_MEASURED:
                        truth.append(pictures.truth(i))
                        said.append(all_boxes)
                    boxes = all_boxes[all_boxes[:, 4] >= params.least_score]
                    boxes_found += len(boxes)
                    _add(table, pictures.names[i], boxes, self._by.names)
                    if archive is not None:
                        entry = zipfile.ZipInfo(pictures.called(i), _MOMENT)
                        archive.writestr(entry, jpeg_bytes(drawn(image, boxes, self._by.names)))
                table.keep({"pictures": begun + start + len(some), "boxes": boxes_found, "failed": failed})
                going.done(len(some))
            going.end()
            if archive is not None and (numbers := _numbers(self._by.names)):
                archive.writestr(zipfile.ZipInfo("classes.txt", _MOMENT), numbers)
        wrong = f", {failed:,} pictures with an error instead" if failed else ""
        outputs: list[Output] = [table.output(f"{boxes_found:,} boxes found in {len(wanted):,} pictures{wrong}")]
        if params.pictures:
            size = files.path(ZIP).stat().st_size
            title = f"{ZIP}, {size:,} bytes: the pictures with the boxes drawn in"
            outputs.append(Table(title=title, columns=["file", "bytes"], rows=[[ZIP, size]], count=1, file=ZIP))
        metrics = measured(truth, said, len(self._by.names)).metrics() if truth else {}
        return Report(metrics | {"boxes": float(boxes_found)}, outputs)


def _add(table: RowTable, name: str, boxes: np.ndarray, names: list[str], end: tuple[None, ...] = (None,)) -> None:
    """A row for each box, or one without. end: the cells behind, of a table that has a column of errors."""
    for x0, y0, x1, y1, score, number in boxes.tolist():
        place: list[Cell] = [round(value, 2) for value in (x0, y0, x1, y1)]
        table.add([name, names[int(number)], round(score, 4), *place, *end])
    if not len(boxes):
        table.add([name, *[None] * 6, *end])


def _numbers(names: list[str]) -> str:
    """What the numbers mean that stand in pictures for names Pillow's font cannot draw."""
    return "".join(f"{drawable(name, n)}\t{name}\n" for n, name in enumerate(names) if not name.isascii())
