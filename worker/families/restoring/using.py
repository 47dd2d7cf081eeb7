"""A trained restorer at work: pictures sent along, whole datasets, and the pictures of a training's report."""

import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from PIL import Image

from shared.datasets.pictures.decoding import Levels, Unreadable, opened_picture, upright
from shared.datasets.pictures.kinds import MOST_PIXELS
from shared.errors import RecipeFailed
from shared.outputs import Cell, Output, Picture, Table
from shared.recipes.image_to_image import ImageToImageBatch, ImageToImageGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.images.drawing import png_bytes
from worker.families.images.pixels import AT_ONCE
from worker.families.images.tiles import tiled
from worker.families.restoring.answered import RestoredPictures
from worker.families.restoring.damage import with_hole
from worker.families.restoring.holes import hole_of, transparent
from worker.families.restoring.measuring import compared
from worker.families.restoring.pictures import pixels_of
from worker.families.row_table import row_table
from worker.recipe import Assets, Inputs, Report

ZIP = "restored.zip"
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can name: the same pictures make the same bytes
Check = Callable[[], None]


def whole_numbers(band: Any) -> Any:
    """float32 (rows, channels, columns) to uint8 (rows, columns, channels)."""
    return tf.cast(tf.clip_by_value(tf.round(tf.transpose(band, [0, 2, 1])), 0.0, 255.0), tf.uint8)


class Restoring:
    """Better pictures by a model, tile by tile. compiled: as one graph a tile, which pays from about ten tiles on."""

    def __init__(self, model: Any, assets: Assets, *, compiled: bool = True):
        self.scale: int = assets["scale"]
        self.holes: bool = assets["task"] == "inpaint"
        self.channels: int = assets["channels"]
        self.levels: Levels | None = assets["levels"]
        self._tile = (assets["tile"], assets["tile"])
        if compiled:
            shape = (None, *self._tile, self.channels + self.holes)
            self._run: Any = tf.function(
                lambda tiles: model(tiles, training=False),
                input_signature=[tf.TensorSpec(shape, tf.float32)],
                autograph=False,
            )
        else:
            self._run = lambda tiles: tf.constant(model.predict_on_batch(tiles))

    def restored(self, given: np.ndarray, check: Check) -> np.ndarray:
        """uint8 (scale * height, scale * width, channels). given: uint8 (height, width, channels, and one of a hole).

        check: called at least once a few tiles; what it raises ends the work.
        """

        def answer(tiles: Any) -> Any:
            check()
            return self._run(tiles)

        finished = (tf.uint8, self.channels)
        return tiled(
            answer,
            tf.constant(given),
            self._tile,
            self.channels,
            whole_numbers,
            finished=finished,
            scale=self.scale,
        ).numpy()

    def of_picture(self, image: Image.Image, hole: np.ndarray | None, check: Check) -> Image.Image:
        """A better picture, grey or in colour as the one that is given: of a grey model each colour is restored by itself.

        image: upright, "L" or "RGB". hole: bool (height, width), for a model of holes.
        """
        given = pixels_of(image, 3 if image.mode == "RGB" or self.channels == 3 else 1)
        parts = [given] if given.shape[-1] == self.channels else np.split(given, 3, -1)
        said = np.concatenate(
            [self.restored(part, check) if hole is None else self._filled(part, hole, check) for part in parts], -1
        )
        found = Image.fromarray(said[..., 0] if said.shape[-1] == 1 else said)
        return found if found.mode == image.mode else found.convert(image.mode)

    def _filled(self, pixels: np.ndarray, hole: np.ndarray, check: Check) -> np.ndarray:
        """A picture whose hole is filled; only what is about a tile around it is looked at."""
        if not hole.any():
            return pixels
        around = self._tile[0] // 2
        rows, columns = (np.flatnonzero(hole.any(axis)) for axis in (1, 0))
        top, left = (max(int(found[0]) - around, 0) for found in (rows, columns))
        box = slice(top, int(rows[-1]) + around), slice(left, int(columns[-1]) + around)
        filled = pixels.copy()
        said = self.restored(with_hole(pixels[box], hole[box]), check)
        filled[box] = np.where(hole[box][..., None], said, pixels[box])
        return filled

    def too_large(self, image: Image.Image) -> str:
        """Why a picture is not answered; "" where it is."""
        pixels = image.width * image.height * self.scale**2
        size = f"{image.width * self.scale} x {image.height * self.scale}"
        return f"would become {size} pixels; {MOST_PIXELS:,} in all are made" if pixels > MOST_PIXELS else ""


class Restorer:
    """A restorer ready for many jobs."""

    def __init__(self, model: Any, assets: Assets):
        self._by = Restoring(model, assets)

    def generate(self, params: ImageToImageGenerate, context: Context, files: Files) -> Report:
        """A better picture for each uploaded one. Raises RecipeFailed naming all that cannot be used, InputMissing."""
        found, wrong = self._asked(params, context)
        if wrong:
            raise RecipeFailed("; ".join(wrong), code="unusable_picture")
        going, outputs = Going(context, "generating", len(found)), list[Output]()
        for number, (name, path, mask) in enumerate(found, 1):
            with opened_picture(path) as image:
                picture, hole = upright(image, self._by.levels), None
                if self._by.holes:
                    hole = transparent(image) if mask is None else hole_of(mask[1], picture.size)
            said = self._by.of_picture(picture, hole, context.check)
            shown, what = _shown(picture, hole, self._by.scale)
            given = files.write(f"given_{number}.png", png_bytes(shown))
            made = files.write(f"restored_{number}.png", png_bytes(said))
            outputs += [Picture(title=f"{name}: {what}", file=given), Picture(title=f"{name}: restored", file=made)]
            going.done(1)
        going.end()
        return Report(outputs=outputs)

    def _asked(
        self, params: ImageToImageGenerate, context: Context
    ) -> tuple[list[tuple[str, Any, tuple[str, Any] | None]], list[str]]:
        """((name, path, (name, path) of its mask) of each picture, all that is wrong)."""
        pictures, masks = ([_file(context, i) for i in ids] for ids in (params.images, params.masks))
        if masks and not self._by.holes:
            return [], ["this model fills no holes: leave masks empty"]
        if len(masks) not in (0, 1, len(pictures)):
            return [], [f"{len(pictures)} pictures and {len(masks)} masks: give one for each, or one for all"]
        found, wrong = [], list[str]()
        for number, (name, path) in enumerate(pictures):
            context.check()
            mask = masks[number if len(masks) > 1 else 0] if masks else None
            try:
                with opened_picture(path) as image:
                    if problem := self._by.too_large(image):
                        raise Unreadable(problem)
                    picture = upright(image, self._by.levels)
                    if self._by.holes and mask is None and transparent(image) is None:
                        raise Unreadable("has no hole: give a mask that is white there, or make it transparent")
                if mask is not None:
                    hole_of(mask[1], picture.size, f"{mask[0]}, its mask, ")
            except Unreadable as err:
                wrong.append(f"{name}: {err}")
            found.append((name, path, mask))
        return found, wrong

    def batch(self, params: ImageToImageBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Every picture of a dataset, in its order: a zip of better ones, and a table.

        A zip cannot be gone on with where an attempt was killed: the next attempt begins anew.
        """
        pictures = RestoredPictures(inputs["data"], self._by.holes)
        wanted = [i for i, part in enumerate(pictures.parts) if params.part in ("all", part)]
        if not wanted:
            raise RecipeFailed(f"no picture of the dataset is in the part {params.part!r}", code="nothing_to_restore")
        known = ["PSNR", "SSIM", "PSNR as given"] if pictures.truths else []
        columns = ["file", "width", "height", *known, "error"]
        types = {"width": pa.int64(), "height": pa.int64()} | {name: pa.float64() for name in known}
        figures = list[Sequence[float | None]]()
        with (
            row_table(files, columns, file_format=params.format, types=types) as table,
            zipfile.ZipFile(files.path(ZIP), "w", zipfile.ZIP_STORED) as archive,
            ThreadPoolExecutor(AT_ONCE) as pool,
        ):
            going = Going(context, "generating", len(wanted))
            for start in range(0, len(wanted), AT_ONCE):
                some = wanted[start : start + AT_ONCE]
                for i, opened in zip(some, pool.map(pictures.asked, some), strict=True):
                    context.check()
                    wrong = opened if isinstance(opened, str) else self._by.too_large(opened[0])
                    if isinstance(opened, str) or wrong:
                        table.add([pictures.names[i], *[None] * (len(columns) - 2), wrong])
                        continue
                    image, hole = opened
                    said = self._by.of_picture(image, hole, context.check)
                    cells, wrong = list[Cell]([None] * len(known)), None
                    if pictures.truths:
                        truth = pictures.truth(i, said)
                        if isinstance(truth, str):
                            wrong = truth
                        else:
                            found = self._compared(image, said, truth)
                            figures.append(found)
                            cells = list[Cell](found)
                    table.add([pictures.names[i], said.width, said.height, *cells, wrong])
                    archive.writestr(zipfile.ZipInfo(pictures.entry(i), _MOMENT), png_bytes(said))
                going.done(len(some))
            going.end()
        size = files.path(ZIP).stat().st_size
        title = f"{ZIP}, {size:,} bytes: a PNG for each picture"
        outputs: list[Output] = [
            table.done("pictures restored"),
            Table(title=title, columns=["file", "bytes"], rows=[[ZIP, size]], count=1, file=ZIP),
        ]
        return Report(_means(figures), outputs)

    def _compared(self, image: Image.Image, said: Image.Image, truth: Image.Image) -> tuple[float, float | None, float]:
        """(PSNR, SSIM, PSNR of the picture as it was given, enlarged by Pillow's bicubic interpolation)."""
        channels = 3 if "RGB" in (truth.mode, said.mode) else 1
        enlarged = image.resize(said.size, Image.Resampling.BICUBIC)
        right, mine, before = (pixels_of(one, channels) for one in (truth, said, enlarged))
        border = self._by.scale if self._by.scale > 1 else 0
        return (*compared(right, mine, border=border), compared(right, before, border=border)[0])


def _means(figures: Sequence[Sequence[float | None]]) -> dict[str, float]:
    found = {}
    for name, column in zip(("psnr_y", "ssim_y", "given_psnr_y"), zip(*figures, strict=True), strict=False):
        known = [value for value in column if value is not None]
        if known:
            found[name] = float(np.mean(known))
    return found


def _file(context: Context, file_id: str) -> tuple[str, Any]:
    info, path = context.file(file_id)
    return info.name, path


def _shown(picture: Image.Image, hole: np.ndarray | None, scale: int) -> tuple[Image.Image, str]:
    """A picture as it was given, as large as the answer, and what is to be said about it."""
    if hole is not None:
        pixels = np.asarray(picture.convert("RGB")).copy()
        pixels[hole] = (255, 0, 255)
        return Image.fromarray(pixels), "given, what is missing in magenta"
    if scale == 1:
        return picture, "given"
    size = (picture.width * scale, picture.height * scale)
    return picture.resize(size, Image.Resampling.BICUBIC), "given, enlarged by bicubic interpolation"
