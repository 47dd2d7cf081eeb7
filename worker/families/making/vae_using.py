"""A trained autoencoder at work: samples, pictures given back, ways between them, whole datasets as numbers."""

from collections.abc import Sequence
from contextlib import nullcontext
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa

from shared.datasets.pictures.reading import open_pictures
from shared.errors import DatasetInvalid, RecipeFailed
from shared.outputs import Cell, Output, Table
from shared.recipes.image_vae import ImageVaeBatch, ImageVaeGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.images.pixels import to_pixels
from worker.families.images.uploads import uploaded_pixels
from worker.families.making.drawing import standard_normal
from worker.families.making.grid import PictureZip, above_each_other, as_bytes, numbered, shown_grid, zipped
from worker.families.making.vae import Vae
from worker.families.making.vae_measuring import Measuring, carried
from worker.families.row_table import row_table
from worker.recipe import Assets, Inputs, Report

AXES, REACH = 8, 3.0  # of a walk: numbers that are shown when none is named, and how many standard deviations it goes
_AT_ONCE = 64
_ABREAST = 8


def drawn_pictures(model: Vae, numbers: Any, context: Context) -> np.ndarray:
    """uint8 (n, height, width, channels) of latent numbers (n, latent)."""
    parts = []
    for start in range(0, len(numbers), _AT_ONCE):
        context.check()
        parts.append(as_bytes(np.asarray(model.drawn(numbers[start : start + _AT_ONCE]))))
    return np.concatenate(parts)


def walk_rows(model: Vae, axes: Sequence[int], begin: np.ndarray, steps: int, context: Context) -> np.ndarray:
    """Pictures as one latent number after the other goes from -REACH to REACH: uint8 (axes * steps, ...). begin: (latent,)."""
    numbers = np.tile(begin, (len(axes) * steps, 1)).astype(np.float32)
    for row, axis in enumerate(axes):
        numbers[row * steps : (row + 1) * steps, axis] = np.linspace(-REACH, REACH, steps)
    return drawn_pictures(model, numbers, context)


def strongest(model: Vae, assets: Assets) -> np.ndarray:
    """Latent numbers by what they carry, most first, int (latent,)."""
    return np.argsort(-carried(model, assets.arrays["shown"]), kind="stable")


class VaeMaker:
    """An autoencoder ready for many jobs."""

    def __init__(self, model: Vae, assets: Assets):
        self._model, self._assets = model, assets
        self._latent: int = model.decoder.input_shape[-1]
        self._measuring = Measuring(model)

    def generate(self, params: ImageVaeGenerate, context: Context, files: Files) -> Report:
        """Raises RecipeFailed for pictures that cannot be read and an axis there is not, InputMissing."""
        going = Going(context, "generating", 1)
        made = {
            "sample": self._samples,
            "reconstruct": self._reconstructions,
            "interpolate": self._ways,
            "walk": self._walk,
        }[params.mode](params, context, files)
        going.done(1)
        going.end()
        return Report(outputs=made)

    def _samples(self, params: ImageVaeGenerate, context: Context, files: Files) -> list[Output]:
        numbers = standard_normal(params.count, (self._latent,), params.seed) * params.temperature
        pictures = drawn_pictures(self._model, numbers, context)
        title = f"{len(pictures):,} sample{'' if len(pictures) == 1 else 's'}, seed {params.seed}"
        return [shown_grid(title, "samples.png", pictures, _ABREAST, files), zipped(numbered(pictures), files)]

    def _uploaded(self, params: ImageVaeGenerate, context: Context) -> tuple[list[str], np.ndarray]:
        return uploaded_pixels(params.images, self._assets["shape"], self._assets.json.get("levels"), context)

    def _reconstructions(self, params: ImageVaeGenerate, context: Context, files: Files) -> list[Output]:
        names, pixels = self._uploaded(params, context)
        found, drawn = self._measuring.of(pixels)
        both = above_each_other(pixels, as_bytes(drawn), _ABREAST)
        title = "Each picture given, and below it as the model draws it"
        rows: list[list[Cell]] = [
            [name, float(np.sqrt(squared)), float(elbo)]
            for name, squared, elbo in zip(names, found.squared, found.elbo, strict=True)
        ]
        columns = ["picture", "grey levels of error", "ELBO in nats"]
        return [
            shown_grid(title, "reconstructions.png", both, _ABREAST, files),
            Table(title="How unusual the model finds each", columns=columns, rows=rows, count=len(rows)),
            zipped(zip(_as_png(names), as_bytes(drawn), strict=True), files),
        ]

    def _ways(self, params: ImageVaeGenerate, context: Context, files: Files) -> list[Output]:
        """From each picture given to the next, in a straight line between their latent means."""
        names, pixels = self._uploaded(params, context)
        means = self._measuring.of(pixels)[0].means
        share = np.linspace(0, 1, params.steps, dtype=np.float32)[:, None]
        numbers = np.concatenate([(1 - share) * a + share * b for a, b in pairwise(means)])
        pictures = drawn_pictures(self._model, numbers, context)
        title = (
            f"From {names[0]} to {names[1]}" if len(names) == 2 else f"From each of {len(names)} pictures to the next"
        )
        return [shown_grid(title, "ways.png", pictures, params.steps, files), zipped(numbered(pictures), files)]

    def _walk(self, params: ImageVaeGenerate, context: Context, files: Files) -> list[Output]:
        if params.axis > self._latent:
            message = (
                f"axis {params.axis}: the model has {self._latent} numbers for a picture; 1 is the one that tells most"
            )
            raise RecipeFailed(message, code="no_such_axis")
        order = strongest(self._model, self._assets)
        axes = order[:AXES] if params.axis == 0 else order[params.axis - 1 : params.axis]
        begin, of = np.zeros(self._latent, np.float32), "the average picture"
        if params.images:
            names, pixels = self._uploaded(params, context)
            begin, of = self._measuring.of(pixels[:1])[0].means[0], names[0]
        pictures = walk_rows(self._model, axes.tolist(), begin, params.steps, context)
        rows = f"the {len(axes)} numbers that tell most, a row each" if params.axis == 0 else f"axis {params.axis}"
        title = f"Along {rows}, from {-REACH:g} to {REACH:g}, beginning with {of}"
        return [shown_grid(title, "walk.png", pictures, params.steps, files), zipped(numbered(pictures), files)]

    def batch(self, params: ImageVaeBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Every picture of a dataset, in order: its numbers and how unusual it is. With a zip a killed one begins anew."""
        pictures = open_pictures(inputs["data"].folder, inputs["data"].dataset)
        wanted = [i for i, part in enumerate(pictures.parts) if params.part in ("all", part)]
        if not wanted:
            raise RecipeFailed(f"no picture of the dataset is in the part {params.part!r}", code="nothing_to_encode")
        columns = ["file", "elbo", "pixel_rmse", *(f"z{i + 1}" for i in range(self._latent)), "error"]
        archive = PictureZip(files) if params.pictures else None
        with (
            row_table(
                files, columns, context=None if archive else context, file_format=params.format,
                types={name: pa.float64() for name in columns[1:-1]},
            ) as table,
            archive or nullcontext(),
        ):  # fmt: skip
            going = Going(context, "generating", len(wanted), begun=table.count)
            left = wanted[table.count :]
            for start in range(0, len(left), _AT_ONCE):
                some = left[start : start + _AT_ONCE]
                read = [self._read(pictures, i) for i in some]
                good = [pixels for pixels in read if isinstance(pixels, np.ndarray)]
                found, drawn = self._measuring.of(np.stack(good)) if good else (None, None)
                at = 0
                for i, pixels in zip(some, read, strict=True):
                    if isinstance(pixels, str) or found is None or drawn is None:
                        table.add([pictures.names[i], *[None] * (len(columns) - 2), str(pixels)])
                        continue
                    cells: list[Cell] = [
                        float(found.elbo[at]),
                        float(np.sqrt(found.squared[at])),
                        *found.means[at].tolist(),
                    ]
                    table.add([pictures.names[i], *cells, None])
                    if archive:
                        archive.add(str(PurePosixPath(pictures.names[i])) + ".png", as_bytes(drawn[at]))
                    at += 1
                table.keep()
                going.done(len(some))
            going.end()
            outputs: list[Output] = [table.done("pictures as numbers")]
        if archive:
            outputs.append(archive.output())
        return Report(outputs=outputs)

    def _read(self, pictures: Any, i: int) -> np.ndarray | str:
        try:
            return to_pixels(pictures.open(i), self._assets["shape"])
        except DatasetInvalid as err:
            return err.message


def _as_png(names: Sequence[str]) -> list[str]:
    """Names of PNG files for pictures that were sent; those that are called alike are numbered."""
    found: list[str] = []
    for number, name in enumerate(names, 1):
        stem = PurePosixPath(name).stem or "picture"
        found.append(f"{stem}.png" if f"{stem}.png" not in found else f"{stem}_{number}.png")
    return found
