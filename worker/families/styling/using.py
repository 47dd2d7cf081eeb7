"""Stylises pictures: at once by a network that has learnt a style, or step by step by what a network sees of any two."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from PIL import Image

from shared.errors import RecipeFailed
from shared.outputs import Cell, Output, Picture, Table
from shared.recipes.style_transfer import AT_ONCE_SIDE, BY_STEPS_SIDE, StyleTransferBatch, StyleTransferGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.images.any_pictures import AnyPictures
from worker.families.images.drawing import picture_png
from worker.families.images.uploads import uploaded_pictures
from worker.families.row_table import row_table
from worker.families.styling.colours import finished
from worker.families.styling.features import Features
from worker.families.styling.losses import Style, Weights, style_of
from worker.families.styling.measuring import losses_beside
from worker.families.styling.network import Styler
from worker.families.styling.painting import Painter
from worker.families.styling.pictures import LEAST_SIDE, sized, style_pictures, stylised
from worker.recipe import Inputs, Report

ZIP = "stylised.zip"
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can name: the same pictures make the same bytes
_COLUMNS = ["content loss", "style loss", "style loss before"]
Look = Callable[[int], None]


@dataclass(frozen=True)
class _Way:
    """How pictures are stylised in one job. steps: of each picture, 1 where a network does it at once."""

    style: Style
    side: int
    steps: int
    paint: Callable[[np.ndarray, Look], np.ndarray]


@dataclass(frozen=True)
class _Made:
    """given, made: uint8 (height, width, 3). losses: content and style loss, and the style loss before."""

    given: np.ndarray
    made: np.ndarray
    losses: tuple[float, float, float]


class Stylist:
    """Ready for many jobs. styler: a network that has learnt a style; None of a backbone as it came."""

    def __init__(self, features: Features, styler: Styler | None = None, levels: Any = None):
        self._features, self._styler, self._levels = features, styler, levels
        self._painter = Painter(features)
        self._at_once: Any = None
        if styler is not None:
            self._at_once = tf.function(
                lambda pixels: tf.cast(tf.round(styler(pixels, training=False)), tf.uint8),
                input_signature=[tf.TensorSpec((1, None, None, 3), tf.float32)],
                autograph=False,
            )

    def generate(self, params: StyleTransferGenerate, context: Context, files: Files) -> Report:
        """Each uploaded picture stylised, and a table of both losses. Raises RecipeFailed, InputMissing."""
        pictures = uploaded_pictures(params.images, self._levels, context)
        way = self._way(params, context)
        going = Going(context, "generating", way.steps * len(pictures))
        outputs, rows = list[Output](), list[list[Cell]]()
        for number, one in enumerate(pictures, 1):
            found = self._made(one.open(), way, params, going)
            made = files.write(f"stylised_{number}.png", picture_png(found.made))
            given = files.write(f"given_{number}.png", picture_png(found.given))
            outputs += [
                Picture(title=f"{one.name}: stylised", file=made),
                Picture(title=f"{one.name}: given", file=given),
            ]
            rows.append(
                [one.name, found.made.shape[1], found.made.shape[0], *(round(value, 4) for value in found.losses)]
            )
        going.end()
        title = "Style loss before and now; content loss, 0 before"
        outputs.append(Table(title=title, columns=["file", "width", "height", *_COLUMNS], rows=rows, count=len(rows)))
        return Report(_means([row[3:] for row in rows]), outputs)

    def batch(self, params: StyleTransferBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Every picture of a dataset, in its order: a zip of stylised ones, and a table.

        A zip cannot be gone on with where an attempt was killed: the next attempt begins anew.
        """
        pictures = AnyPictures(inputs["data"])
        wanted = [i for i, part in enumerate(pictures.parts) if params.part in ("all", part)]
        if not wanted:
            raise RecipeFailed(f"no picture of the dataset is in the part {params.part!r}", code="nothing_to_stylise")
        way = self._way(params, context)
        columns = ["file", "width", "height", *_COLUMNS, "error"]
        types = {"width": pa.int64(), "height": pa.int64()} | {name: pa.float64() for name in _COLUMNS}
        figures = list[Any]()
        with (
            row_table(files, columns, file_format=params.format, types=types) as table,
            zipfile.ZipFile(files.path(ZIP), "w", zipfile.ZIP_STORED) as archive,
        ):
            going = Going(context, "generating", way.steps * len(wanted))
            for i in wanted:
                opened = pictures.open(i)
                if isinstance(opened, str):
                    table.add([pictures.names[i], *[None] * (len(columns) - 2), opened])
                    going.done(way.steps)
                    continue
                found = self._made(opened, way, params, going)
                figures.append(found.losses)
                table.add([pictures.names[i], found.made.shape[1], found.made.shape[0], *found.losses, None])
                archive.writestr(zipfile.ZipInfo(pictures.entry(i), _MOMENT), picture_png(found.made))
            going.end()
        size = files.path(ZIP).stat().st_size
        title = f"{ZIP}, {size:,} bytes: a PNG for each picture"
        outputs: list[Output] = [
            table.done("pictures stylised"),
            Table(title=title, columns=["file", "bytes"], rows=[[ZIP, size]], count=1, file=ZIP),
        ]
        return Report(_means(figures), outputs)

    def _way(self, params: Any, context: Context) -> _Way:
        if params.style:
            style = style_of(self._features, style_pictures(params.style, params.style_size, context))
            weights = Weights.of(params)

            def paint(picture: np.ndarray, look: Look) -> np.ndarray:
                return self._painter.painted(picture, style, weights, params.steps, look)

            return _Way(style, params.size or BY_STEPS_SIDE, params.steps, paint)
        if self._styler is None:
            message = "a backbone has learnt no style: give the picture whose style is to be taken as `style`"
            raise RecipeFailed(message, code="style_missing")

        def at_once(picture: np.ndarray, look: Look) -> np.ndarray:
            look(0)
            return self._at_once(tf.constant(picture[None], tf.float32)).numpy()[0]

        return _Way(self._styler.style, params.size or AT_ONCE_SIDE, 1, at_once)

    def _made(self, image: Image.Image, way: _Way, params: Any, going: Going) -> _Made:
        given = sized(image, way.side)
        made = stylised(given, lambda picture: way.paint(picture, lambda step: going.done(1)))
        made = finished(made, given, keep_colour=params.keep_colour, strength=params.strength)
        both = (_measurable(one) for one in (made, given))
        content, style = losses_beside(self._features, way.style, *both)
        _, before = losses_beside(self._features, way.style, *(_measurable(given),) * 2)
        return _Made(given, made, (content, style, before))


def _measurable(picture: np.ndarray) -> np.ndarray:
    """With sides of LEAST_SIDE at least."""
    more = [max(LEAST_SIDE - side, 0) for side in picture.shape[:2]]
    return np.pad(picture, ((0, more[0]), (0, more[1]), (0, 0)), mode="symmetric") if any(more) else picture


def _means(figures: list[Any]) -> dict[str, float]:
    if not figures:
        return {}
    content, style, before = np.mean(np.array(figures, float), 0).tolist()
    return {"content_loss": content, "style_loss": style, "style_loss_before": before}
