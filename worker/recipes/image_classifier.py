"""Code of image_classifier: a small convolutional network from pixels to class probabilities.

The spec, with every param's meaning and the sources, is shared/recipes/image_classifier.py.
"""

import base64
from pathlib import Path
from typing import Any

import keras
import numpy as np

from shared.recipes.image_classifier import ImageClassifierTrain
from worker.families.classification import classification_metrics, confusion_csv, confusion_matrix, confusion_png
from worker.families.images.data import PictureData
from worker.families.images.drawing import prediction_grid
from worker.families.images.labelling import Labeller, probabilities_of
from worker.families.images.networks import classifier
from worker.families.images.reading import read_pictures
from worker.families.images.splitting import split_pictures
from worker.recipe import Report, Sample

XLA_FASTER = False  # measured: see benchmarks/RESULTS.md, image_classifier
STEPS_PER_EXECUTION = 16


def load(dataset: Any, folder: Path, params: ImageClassifierTrain) -> PictureData:
    """Read, deduplicate and split. dataset.format: "image_folder" or "idx"."""
    pictures = read_pictures(dataset.format, folder, params.image_size)
    return PictureData(pictures, split_pictures(pictures, params.validation_fraction, params.seed), params)


def build(params: ImageClassifierTrain, assets: dict[str, Any]) -> keras.Model:
    return classifier(
        params.architecture,
        tuple(assets["shape"]),
        len(assets["classes"]),
        width=params.width,
        depth=params.depth,
        dropout=params.dropout,
        mean=assets["mean"],
        std=assets["std"],
    )


def compile_args(params: ImageClassifierTrain, assets: dict[str, Any]) -> dict[str, Any]:
    """Smoothing is in the training targets, so that val_loss is the plain cross-entropy."""
    return {
        "loss": keras.losses.CategoricalCrossentropy(from_logits=True),
        "metrics": [keras.metrics.CategoricalAccuracy(name="accuracy")],
    }


def sample(model: Any, params: ImageClassifierTrain, assets: dict[str, Any], *, seed: int) -> list[Sample]:
    """Predictions on a few validation pictures, the same ones each time."""
    labels, shape = assets["shown"]["labels"], assets["shape"]
    if not labels:
        return []
    raw = base64.b64decode(assets["shown"]["pixels"])
    pixels = np.frombuffer(raw, np.uint8).reshape(len(labels), *shape)
    probabilities = probabilities_of(model, pixels)
    right = int((probabilities.argmax(1) == np.array(labels)).sum())
    grid = prediction_grid(list(pixels), labels, probabilities, assets["classes"])
    return [Sample(f"{right} of {len(labels)} validation pictures right", png=grid)]


def report(model: Any, data: PictureData, params: ImageClassifierTrain) -> Report:
    """Evaluate the test part, or validation where there is none, or the training part where there is neither."""
    parts = {"test": data.split.test, "val": data.split.val, "train": data.split.train}
    metrics: dict[str, float] = {}
    artifacts: dict[str, bytes] = {}
    for name, chosen in parts.items():
        if not len(chosen) or (name == "train" and metrics):
            continue
        labels = data.pictures.labels[chosen]
        probabilities = probabilities_of(model, data.pictures.pixels[chosen])
        metrics |= {f"{name}_{key}": value for key, value in classification_metrics(labels, probabilities).items()}
        if not artifacts:
            matrix = confusion_matrix(labels, probabilities.argmax(1), len(data.pictures.classes))
            artifacts["confusion_matrix.csv"] = confusion_csv(matrix, data.pictures.classes)
            artifacts["confusion_matrix.png"] = confusion_png(matrix, data.pictures.classes)
    return Report(metrics, artifacts)


def open_generator(model: Any, params: ImageClassifierTrain, assets: dict[str, Any]) -> Labeller:
    return Labeller(model, assets)
