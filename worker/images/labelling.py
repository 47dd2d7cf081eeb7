"""Labels pictures with a trained classifier: sent along with a request, or lying in a dataset on the volume."""

import base64
import binascii
import io
import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image, UnidentifiedImageError

from shared.errors import RecipeFailed
from shared.job import Progress
from shared.recipes.image_classifier import ImageClassifierGenerate
from worker.context import Context
from worker.images.drawing import activation_map
from worker.images.reading import picture_files, place_of, read_pictures, to_pixels
from worker.recipe import GenerateResult

BATCHES = (1, 8, 64)  # sizes compiled; a batch is padded to the next
MAPS = 8  # pictures of one job that get an activation map
PIXELS_LIMIT = 40_000_000  # of one uploaded picture: 40 megapixels is a large camera's; more is a bomb


def probabilities_of(model: Any, pixels: np.ndarray) -> np.ndarray:
    """Return float64 (n, classes). pixels: uint8 (n, height, width, channels)."""
    return np.concatenate([_softmax(model.predict_on_batch(part)[:size]) for part, size in _padded(pixels)])


def _padded(pixels: np.ndarray) -> Iterator[tuple[Any, int]]:
    """Cut into float batches of few different sizes, the last one padded. Yields (batch, rows that count)."""
    for start in range(0, len(pixels), BATCHES[-1]):
        part = pixels[start : start + BATCHES[-1]]
        size = next(size for size in BATCHES if size >= len(part))
        padding = np.zeros((size - len(part), *part.shape[1:]), part.dtype)
        yield tf.constant(np.concatenate([part, padding]), tf.float32), len(part)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


class Labeller:
    """An image classifier ready for many generation jobs; compiles once per batch size."""

    def __init__(self, model: Any, assets: dict[str, Any]):
        self._classes: list[str] = assets["classes"]
        self._height, self._width, self._channels = assets["shape"]
        layer = model.get_layer("logits")
        self._kernel = layer.kernel.value.numpy()  # (features, classes)
        both = keras.Model(model.inputs, [model.get_layer("features").output, model.output])
        self._run = tf.function(lambda x: both(x, training=False), autograph=False)

    def generate(self, gparams: ImageClassifierGenerate, context: Context) -> GenerateResult:
        """Label each picture. Raises RecipeFailed naming the pictures that cannot be read, InputMissing."""
        names, pixels, truth = self._pictures(gparams, context)
        predictions: list[dict[str, Any]] = []
        artifacts: dict[str, bytes] = {}
        began = time.monotonic()
        for batch, size in _padded(pixels):
            context.check()
            features, logits = (part.numpy()[:size] for part in self._run(batch))
            for row, share in zip(features, _softmax(logits), strict=True):
                i = len(predictions)
                best = np.argsort(-share, kind="stable")[: gparams.top_k]
                found: dict[str, Any] = {
                    "file": names[i],
                    "label": self._classes[best[0]],
                    "probability": float(share[best[0]]),
                    "probabilities": {self._classes[c]: float(share[c]) for c in best},
                }
                if truth:
                    found["true_label"] = truth[i]
                if gparams.activation_map and i < MAPS:
                    name = found["activation_map"] = f"activation_map_{i + 1}.png"
                    artifacts[name] = activation_map(pixels[i], row.astype(np.float32) @ self._kernel[:, best[0]])
                predictions.append(found)
            done = len(predictions)
            rate = done / max(time.monotonic() - began, 1e-9)
            left = (len(pixels) - done) / rate
            context.progress(
                Progress(phase="generating", step=done, total_steps=len(pixels), steps_per_s=rate, remaining_s=left)
            )
        summary: dict[str, Any] = {"predictions": predictions}
        if truth:
            summary["accuracy"] = sum(p["label"] == p["true_label"] for p in predictions) / len(predictions)
        return GenerateResult(summary, artifacts)

    def _pictures(
        self, gparams: ImageClassifierGenerate, context: Context
    ) -> tuple[list[str], np.ndarray, list[str]]:
        """Return (names, uint8 pixels, true labels where known)."""
        if gparams.images:
            names = [image.name or f"picture {i + 1}" for i, image in enumerate(gparams.images)]
            results = [self._decode(image.data) for image in gparams.images]
            wrong = [f"{name}: {found}" for name, found in zip(names, results, strict=True) if isinstance(found, str)]
            if wrong:
                raise RecipeFailed("; ".join(wrong), code="unreadable_picture")
            return names, np.stack([found for found in results if not isinstance(found, str)]), []
        manifest, folder = context.dataset(gparams.dataset_id)
        return self._of_dataset(manifest.format, folder, gparams)

    def _of_dataset(
        self, format: str, folder: Any, gparams: ImageClassifierGenerate
    ) -> tuple[list[str], np.ndarray, list[str]]:
        size, colour = (self._height, self._width), self._channels == 3
        window = slice(gparams.offset, gparams.offset + gparams.limit)
        if format == "idx":
            all_of_it = read_pictures(format, folder, 0)
            wanted = np.flatnonzero([gparams.part in ("all", part) for part in all_of_it.parts])[window]
            self._require(len(wanted))
            frames = [Image.fromarray(all_of_it.pixels[i][..., 0]) for i in wanted]
            names = [all_of_it.names[i] for i in wanted]
            truth = [all_of_it.classes[all_of_it.labels[i]] for i in wanted]
            return names, np.stack([to_pixels(frame, size, colour) for frame in frames]), truth
        root = folder / "files" if (folder / "files").is_dir() else folder
        paths = [path for path in picture_files(root) if gparams.part in ("all", place_of(path)[0])][window]
        self._require(len(paths))
        pixels = []
        for path in paths:
            with Image.open(root / path) as image:
                pixels.append(to_pixels(image, size, colour))
        labels = [place_of(path)[1] for path in paths]
        return [str(path) for path in paths], np.stack(pixels), labels if set(labels) <= set(self._classes) else []

    def _require(self, count: int) -> None:
        if not count:
            raise RecipeFailed("no picture of the dataset is in the chosen part and range", code="nothing_to_label")

    def _decode(self, data: str) -> np.ndarray | str:
        """Pixels of a base64 picture, or what is wrong with it."""
        try:
            body = base64.b64decode("".join(data.split()), validate=True)
            with Image.open(io.BytesIO(body), formats=("PNG", "JPEG", "GIF", "BMP", "WEBP")) as image:
                if image.width * image.height > PIXELS_LIMIT:
                    return f"{image.width}x{image.height} is more than {PIXELS_LIMIT} pixels"
                return to_pixels(image, (self._height, self._width), self._channels == 3)
        except binascii.Error:
            return "is not base64"
        except UnidentifiedImageError:
            return "is not a PNG, JPEG, GIF, BMP or WebP picture"
        except (OSError, ValueError, SyntaxError) as err:
            return f"is damaged: {err}"
