"""Labels pictures with a trained classifier, and draws which places of a picture spoke for its label."""

import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from shared.jobs.job import Progress
from shared.recipes.image_classifier import ImageClassifierGenerate
from worker.context import Context
from worker.families.images.asked import asked_pictures
from worker.families.images.drawing import activation_map
from worker.recipe import GenerateResult

BATCHES = (1, 8, 64)  # sizes compiled; a batch is padded to the next
MAPS = 8  # pictures of one job that get an activation map


def probabilities_of(model: Any, pixels: np.ndarray) -> np.ndarray:
    """Return float64 (n, classes). pixels: uint8 (n, height, width, channels)."""
    return np.concatenate([_softmax(model.predict_on_batch(part)[:size]) for part, size in _batches(pixels)])


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


class Labeller:
    """An image classifier ready for many generation jobs; compiles once per batch size."""

    def __init__(self, model: Any, assets: dict[str, Any]):
        self._classes: list[str] = assets["classes"]
        self._shape: list[int] = assets["shape"]
        self._kernel = model.get_layer("logits").kernel.value.numpy()  # (features, classes)
        both = keras.Model(model.inputs, [model.get_layer("features").output, model.output])
        self._run = tf.function(lambda x: both(x, training=False), autograph=False)

    def generate(self, gparams: ImageClassifierGenerate, context: Context) -> GenerateResult:
        """Label each picture. Raises RecipeFailed naming the pictures that cannot be read, InputMissing."""
        asked = asked_pictures(gparams, context, self._shape)
        known = bool(asked.truth) and set(asked.truth) <= set(self._classes)
        total, began = len(asked.names), time.monotonic()
        predictions: list[dict[str, Any]] = []
        artifacts: dict[str, bytes] = {}
        while len(predictions) < total:
            context.check()
            first = len(predictions)
            pixels = np.stack([asked.read(i) for i in range(first, min(first + BATCHES[-1], total))])
            features, logits = (part.numpy()[: len(pixels)] for part in self._run(_padded(pixels)))
            for i, shares in enumerate(_softmax(logits)):
                best = np.argsort(-shares, kind="stable")[: gparams.top_k]
                found: dict[str, Any] = {
                    "file": asked.names[first + i],
                    "label": self._classes[best[0]],
                    "probability": float(shares[best[0]]),
                    "probabilities": {self._classes[c]: float(shares[c]) for c in best},
                }
                if known:
                    found["true_label"] = asked.truth[first + i]
                if gparams.activation_map and first + i < MAPS:
                    name = found["activation_map"] = f"activation_map_{first + i + 1}.png"
                    evidence = features[i].astype(np.float32) @ self._kernel[:, best[0]]
                    artifacts[name] = activation_map(pixels[i], evidence)
                predictions.append(found)
            rate = len(predictions) / max(time.monotonic() - began, 1e-9)
            left = (total - len(predictions)) / rate
            context.progress(
                Progress(
                    phase="generating", step=len(predictions), total_steps=total, steps_per_s=rate, remaining_s=left
                )
            )
        summary: dict[str, Any] = {"predictions": predictions}
        if known:
            summary["accuracy"] = sum(p["label"] == p["true_label"] for p in predictions) / total
        return GenerateResult(summary, artifacts)
