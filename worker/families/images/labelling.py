"""Labels pictures with a trained classifier, and draws which places of a picture spoke for its label."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf

from shared.datasets.pictures.reading import PictureList, open_pictures
from shared.errors import DatasetInvalid, RecipeFailed
from shared.outputs import Cell, Output, Picture, Score, Scores
from shared.recipes.image_classifier import ImageClassifierBatch, ImageClassifierGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.images.drawing import activation_map
from worker.families.images.pixels import AT_ONCE, Pixels, to_pixels
from worker.families.images.uploads import uploaded_pixels
from worker.families.row_table import row_table
from worker.recipe import Assets, Inputs, Report

BATCHES = (1, 8, 64)  # sizes compiled; a batch is padded to the next
MAPS = 8  # pictures of one job that get an activation map


def probabilities_of(model: Any, pixels: np.ndarray) -> np.ndarray:
    """Return float64 (n, classes). pixels: uint8 (n, height, width, channels)."""
    return np.concatenate([_softmax(model.predict_on_batch(part)[:size]) for part, size in _batches(pixels)])


def probabilities_over(model: Any, pixels: Pixels, numbers: np.ndarray, context: Context) -> np.ndarray:
    """Return float32 (n, classes) of pictures by number, read a batch at a time. numbers: int (n,), n >= 1."""
    found = []
    for start in range(0, len(numbers), BATCHES[-1]):
        context.look(start, len(numbers))
        part = probabilities_of(model, pixels.rows(numbers[start : start + BATCHES[-1]]))
        found.append(part.astype(np.float32))
    return np.concatenate(found)


def _batches(pixels: np.ndarray) -> Iterator[tuple[Any, int]]:
    """Cut into batches that are padded; yields (batch, rows that count)."""
    for start in range(0, len(pixels), BATCHES[-1]):
        part = pixels[start : start + BATCHES[-1]]
        yield _padded(part), len(part)


def _padded(pixels: np.ndarray) -> Any:
    """Fill up to the next of BATCHES, as float32, so that few sizes are ever compiled."""
    size = next(size for size in BATCHES if size >= len(pixels))
    padding = np.zeros((size - len(pixels), *pixels.shape[1:]), pixels.dtype)
    return tf.constant(np.concatenate([pixels, padding]), tf.float32)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class _Said:
    """What the model says of one picture: shares float64 (classes,), classes from the likeliest on."""

    shares: np.ndarray
    best: list[int]
    features: np.ndarray


class Labeller:
    """An image classifier ready for many generation jobs; compiles once per batch size."""

    def __init__(self, model: Any, assets: Assets):
        self._classes: list[str] = assets["classes"]
        self._shape: list[int] = assets["shape"]
        self._levels = assets.json.get("levels")
        self._kernel = model.get_layer("logits").kernel.value.numpy()  # (features, classes)
        both = keras.Model(model.inputs, [model.get_layer("features").output, model.output])
        self._run = tf.function(lambda x: both(x, training=False), autograph=False)

    def _label(self, pixels: np.ndarray, top_k: int) -> list[_Said]:
        """pixels: uint8 (n, height, width, channels), n at most BATCHES[-1]."""
        features, logits = (part.numpy()[: len(pixels)] for part in self._run(_padded(pixels)))
        shares = _softmax(logits)
        best = np.argsort(-shares, axis=1, kind="stable")[:, :top_k]
        return [_Said(*one) for one in zip(shares, best.tolist(), features, strict=True)]

    def generate(self, params: ImageClassifierGenerate, context: Context, files: Files) -> Report:
        """Label each uploaded picture. Raises RecipeFailed naming all that cannot be read, InputMissing."""
        names, pixels = uploaded_pixels(params.images, self._shape, self._levels, context)
        going = Going(context, "generating", len(names))
        outputs: list[Output] = []
        for i, said in enumerate(self._label(pixels, params.top_k)):
            items = [Score(name=self._classes[c], value=float(said.shares[c])) for c in said.best]
            outputs.append(Scores(subject=names[i], picture=f"file:{params.images[i]}", items=items))
            if params.activation_map and i < MAPS:
                outputs.append(self._map(i, names[i], pixels[i], said, files))
            going.done(1)
        going.end()
        return Report(outputs=outputs)

    def _map(self, number: int, name: str, pixels: np.ndarray, said: _Said, files: Files) -> Picture:
        evidence = said.features.astype(np.float32) @ self._kernel[:, said.best[0]]
        written = files.write(f"activation_map_{number + 1}.png", activation_map(pixels, evidence))
        return Picture(title=f"{name}: where it spoke for {self._classes[said.best[0]]}", file=written)

    def batch(self, params: ImageClassifierBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Label every picture of a dataset, in its order, into a file. Its accuracy is told where its classes are known."""
        pictures = open_pictures(inputs["data"].folder, inputs["data"].dataset)
        wanted = [i for i, part in enumerate(pictures.parts) if params.part in ("all", part)]
        if not wanted:
            raise RecipeFailed(f"no picture of the dataset is in the part {params.part!r}", code="nothing_to_label")
        truth = _truth(pictures, self._classes)
        further = range(2, min(params.top_k, len(self._classes)) + 1)
        columns = ["file", "label", "probability"]
        columns += [f"{name} {n}" for n in further for name in ("label", "probability")]
        columns += [*(["true label"] if truth else []), "error"]
        types = {name: pa.float64() for name in columns if name.startswith("probability")}
        with (
            row_table(files, columns, context=context, file_format=params.format, types=types) as table,
            ThreadPoolExecutor(AT_ONCE) as pool,
        ):
            going = Going(context, "generating", len(wanted), begun=table.count)
            right, readable = (table.state.get(name, 0) for name in ("right", "readable"))
            for part in _batched(wanted[table.count :]):
                read = list(pool.map(lambda i: self._read(pictures, i), part))
                good = [pixels for pixels in read if isinstance(pixels, np.ndarray)]
                said = iter(self._label(np.stack(good), params.top_k) if good else [])
                for i, pixels in zip(part, read, strict=True):
                    known: list[Cell] = [truth[i]] if truth else []
                    if isinstance(pixels, str):
                        blanks: list[Cell] = [None] * (len(columns) - 2 - len(known))
                        table.add([pictures.names[i], *blanks, *known, pixels])
                        continue
                    one = next(said)
                    cells: list[Cell] = []
                    for c in one.best:
                        cells += [self._classes[c], float(one.shares[c])]
                    table.add([pictures.names[i], *cells, *known, None])
                    readable += 1
                    right += bool(truth) and truth[i] == self._classes[one.best[0]]
                table.keep({"right": right, "readable": readable})
                going.done(len(part))
            going.end()
            output = table.done("pictures labelled")
        return Report({"accuracy": right / readable} if truth and readable else {}, [output])

    def _read(self, pictures: PictureList, i: int) -> np.ndarray | str:
        """Pixels of a dataset's picture, or why it cannot be read."""
        try:
            return to_pixels(pictures.open(i), self._shape)
        except DatasetInvalid as err:
            return err.message


def _truth(pictures: PictureList, classes: Sequence[str]) -> list[str]:
    """The class of each picture where the dataset's classes are among the model's; [] where it has none, or others."""
    if not pictures.classes or not set(pictures.classes) <= set(classes) or None in pictures.labels:
        return []
    return [pictures.classes[label] for label in pictures.labels if label is not None]


def _batched(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), BATCHES[-1]):
        yield numbers[start : start + BATCHES[-1]]
